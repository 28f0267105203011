// Who denied what an edge carried: policies by name, with a link, or what else refused it.
import type { ReactNode } from 'react';
import { denialWords, denyingRule } from '../../src/telemetry/graph/denial-words.ts';

export function DeniedBy({
  denials,
}: {
  /** As the edges tell them: details with their counts. */
  readonly denials: readonly Readonly<Record<string, number>>[];
}): ReactNode {
  const details = [...new Set(denials.flatMap((one) => Object.keys(one)))];
  return details.map((one, i) => {
    const rule = denyingRule(one);
    return (
      <span key={one}>
        {i > 0 && ', '}
        {rule === undefined ? (
          denialWords(one)
        ) : (
          <>
            <a href={`/config/AuthorizationPolicy/${rule.namespace}/${rule.name}`}>{rule.name}</a>{' '}
            <span className="soft small">rule {rule.rule}</span>
          </>
        )}
      </span>
    );
  });
}
