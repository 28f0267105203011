// Sliders that always add up to 100: how a service's traffic is split over its versions.
import { type ReactNode, useMemo, useState } from 'react';
import { balanceWeights } from '../core/balance-weights.ts';
import { knownWorkloads } from '../core/golden-rows.ts';
import { findRoutes, shiftTraffic, versionsOf, weightsOf } from '../core/wizards.ts';
import type { FormProps } from '../pages/wizard.tsx';
import { useStatus } from '../store/api.ts';

export function ShiftForm({ service, objects, made }: FormProps): ReactNode {
  const status = useStatus();
  const versions = useMemo(
    () => versionsOf(objects, knownWorkloads(status.data), service),
    [objects, service, status.data],
  );
  const present = weightsOf(findRoutes(objects, service));
  const [touched, setTouched] = useState<ReadonlyMap<string, number>>();
  const even = (i: number): number => Math.floor(100 / versions.length) + (i < 100 % versions.length ? 1 : 0);
  const weights =
    touched ?? new Map(versions.map((one, i) => [one, present.size > 0 ? (present.get(one) ?? 0) : even(i)]));
  if (versions.length < 2)
    return (
      <p className="soft">
        This service has {versions.length === 0 ? 'no version' : 'one version'} in the mesh: there is nothing to shift
        between.
      </p>
    );
  const whole = [...weights.values()].reduce((sum, one) => sum + one, 0) === 100;
  return (
    <div className="stack">
      <div className="shares">
        {[...weights]
          .filter(([, weight]) => weight > 0)
          .map(([version, weight]) => (
            <span key={version} style={{ flexGrow: weight }}>
              {version} {weight} %
            </span>
          ))}
      </div>
      {versions.map((version) => (
        <label key={version} className="field">
          <span>
            {version}: {weights.get(version) ?? 0} %
          </span>
          <input
            type="range"
            min={0}
            max={100}
            value={weights.get(version) ?? 0}
            onChange={(event) => setTouched(balanceWeights(weights, version, Number(event.target.value)))}
          />
        </label>
      ))}
      <div className="row">
        {versions.map((version) => (
          <button key={version} type="button" onClick={() => setTouched(balanceWeights(weights, version, 100))}>
            All to {version}
          </button>
        ))}
        <button
          type="button"
          className="primary"
          disabled={!whole}
          onClick={() => made(shiftTraffic(objects, service, weights))}
        >
          Make the manifest
        </button>
      </div>
    </div>
  );
}
