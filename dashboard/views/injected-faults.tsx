// What a VirtualService had injected on an edge, with a link to it: nothing of the service failed there.
import type { ReactNode } from 'react';
import { faultObject, faultWords } from '../../src/telemetry/graph/fault-words.ts';

export function InjectedFaults({
  faults,
}: {
  readonly faults: readonly Readonly<Record<string, number>>[];
}): ReactNode {
  const all = [...new Set(faults.flatMap((one) => Object.keys(one)))];
  if (all.length === 0) return null;
  return (
    <>
      <dt>Injected</dt>
      <dd>
        {all.map((one) => {
          const object = faultObject(one);
          return (
            <div key={one}>
              {object === undefined ? (
                faultWords(one)
              ) : (
                <a href={`/config/${object.kind}/${object.namespace}/${object.name}`}>{faultWords(one)}</a>
              )}
            </div>
          );
        })}
      </dd>
    </>
  );
}
