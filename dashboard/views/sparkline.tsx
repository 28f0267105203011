// The last minute of a workload in a small picture: requests as a line over its area, failures over it.
import type { ReactNode } from 'react';
import { useSeries } from '../store/api.ts';

const WIDTH = 110;
const HEIGHT = 26;

export function Sparkline({
  filter,
}: {
  readonly filter: { readonly source?: string; readonly destination?: string };
}): ReactNode {
  const { data } = useSeries(filter, 60, 5000);
  if (data === undefined) return <svg className="spark" width={WIDTH} height={HEIGHT} aria-hidden="true" />;
  const most = Math.max(1, ...data.requests);
  const line = lineOf(data.requests, most);
  const failing = data.failures.some((n) => n > 0);
  return (
    <svg
      className="spark"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Requests in the last minute, at most ${most.toFixed(0)} a second`}
    >
      <path className="area" d={`${line}L${WIDTH},${HEIGHT}L0,${HEIGHT}Z`} />
      <path className="line" d={line} />
      {failing && <path className="errors" d={lineOf(data.failures, most)} />}
    </svg>
  );
}

function lineOf(values: readonly number[], most: number): string {
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map(
      (n, i) => `${i === 0 ? 'M' : 'L'}${(i * step).toFixed(1)},${(HEIGHT - 2 - (n / most) * (HEIGHT - 4)).toFixed(1)}`,
    )
    .join('');
}
