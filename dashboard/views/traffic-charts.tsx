// Charts of what flows between two ends: requests with failures, latency, bytes.
import { lazy, type ReactNode, Suspense } from 'react';
import { bytesText, millisText, rateText } from '../core/format.ts';
import { useSeries } from '../store/api.ts';

const Chart = lazy(() => import('./chart.tsx'));

export function TrafficCharts({
  filter,
  span,
  bytes = false,
}: {
  readonly filter: { readonly source?: string; readonly destination?: string };
  readonly span: number;
  readonly bytes?: boolean;
}): ReactNode {
  const { data } = useSeries(filter, span);
  if (data === undefined) return <p className="soft">Loading…</p>;
  const { times, requests, failures } = data;
  return (
    <Suspense fallback={<p className="soft">Loading…</p>}>
      <Chart
        title="Requests a second"
        times={times}
        text={rateText}
        lines={[
          { name: 'requests', colour: '--ok', values: requests, fill: true },
          { name: 'failing', colour: '--bad', values: failures, dash: [4, 3] },
        ]}
      />
      <Chart
        title="Latency"
        times={times}
        text={millisText}
        lines={[
          { name: 'p50', colour: '--ok', values: data.p50Ms },
          { name: 'p95', colour: '--warn', values: data.p95Ms, dash: [10, 5] },
          // The darkest, and dots: told from p95 with any colour vision, also where both run on one line.
          { name: 'p99', colour: '--ink', values: data.p99Ms, dash: [2, 4], width: 2.2 },
        ]}
      />
      {bytes && (
        <Chart
          title="Bytes a second"
          times={times}
          text={bytesText}
          whole
          lines={[
            { name: 'sent', colour: '--ok', values: data.bytesSent },
            { name: 'received', colour: '--accent', values: data.bytesReceived, dash: [6, 3] },
          ]}
        />
      )}
    </Suspense>
  );
}
