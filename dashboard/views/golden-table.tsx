// The golden table: success, requests, latency and mTLS of what each workload is asked; the order is by pain until a heading is pressed.
import type { ReactNode } from 'react';
import { millisText, percentText, rateText } from '../core/format.ts';
import { goldenKey, type GoldenRow } from '../core/golden-rows.ts';
import { refusedWord } from '../core/graph-model.ts';
import { type Column, Mtls, SortedTable, Success } from './pieces.tsx';
import { Sparkline } from './sparkline.tsx';

/** Each small picture asks by itself. */
const SPARKLINES_MAX = 25;

const COLUMNS: readonly Column<GoldenRow>[] = [
  {
    name: 'Workload',
    sort: (r) => r.workload,
    cell: (r) => (
      <span className="row">
        <Name row={r} />
        {r.gateway && (
          <span className="badge accent" title="Told by what it passes on to services of the mesh">
            gateway
          </span>
        )}
        {r.version !== '' && r.version !== 'latest' && !r.workload.endsWith(r.version) && (
          <span className="badge">{r.version}</span>
        )}
      </span>
    ),
  },
  { name: 'Namespace', sort: (r) => r.namespace, cell: (r) => <span className="soft">{r.namespace}</span> },
  {
    name: 'Success',
    number: true,
    sort: (r) => r.successRate,
    cell: (r) => (
      <>
        <Success share={r.successRate} asked={r.requestsPerSecond > 0} />
        {r.deniedPerSecond > 0 && (
          <div className="small is-bad">
            {percentText(Math.min(1, r.deniedPerSecond / r.requestsPerSecond))}{' '}
            {refusedWord(r.deniedPerSecond, r.limitedPerSecond)}
          </div>
        )}
      </>
    ),
  },
  { name: 'Inbound req/s', number: true, sort: (r) => r.requestsPerSecond, cell: (r) => rateText(r.requestsPerSecond) },
  { name: 'p50', number: true, sort: (r) => r.p50Ms, cell: (r) => millisText(r.p50Ms) },
  { name: 'p95', number: true, sort: (r) => r.p95Ms, cell: (r) => millisText(r.p95Ms) },
  { name: 'p99', number: true, sort: (r) => r.p99Ms, cell: (r) => millisText(r.p99Ms) },
  { name: 'mTLS', sort: (r) => r.mtlsShare ?? -1, cell: (r) => <Mtls share={r.mtlsShare} /> },
  { name: 'State', sort: (r) => r.proxy + r.health, cell: (r) => <State row={r} /> },
];

export function GoldenTable({
  rows,
  none,
}: {
  readonly rows: readonly GoldenRow[];
  readonly none: ReactNode;
}): ReactNode {
  const spark: Column<GoldenRow> = {
    name: 'Last minute',
    extra: true,
    cell: (r) =>
      r.reached && <Sparkline filter={{ [r.gateway ? 'source' : 'destination']: `${r.namespace}/${r.workload}` }} />,
  };
  const columns = rows.length > SPARKLINES_MAX ? COLUMNS : [...COLUMNS.slice(0, 2), spark, ...COLUMNS.slice(2)];
  return <SortedTable rows={rows} columns={columns} keyOf={goldenKey} label="Golden signals by workload" none={none} />;
}

function Name({ row: { workload, namespace, reached } }: { readonly row: GoldenRow }): ReactNode {
  if (reached)
    return (
      <a href={`/workloads/${namespace}/${workload}`}>
        <strong>{workload}</strong>
      </a>
    );
  if (namespace === '')
    return (
      <>
        <strong>{workload}</strong>
        <span className="badge" title="Answered outside of the mesh, or by nobody">
          external
        </span>
      </>
    );
  return (
    <>
      <a href={`/services/${namespace}/${workload}`}>
        <strong>{workload}</strong>
      </a>
      <span className="badge warn" title="What was asked of this service and reached no workload of it">
        no workload reached
      </span>
    </>
  );
}

function State({ row }: { readonly row: GoldenRow }): ReactNode {
  if (!row.reached) return <span className="soft">–</span>;
  if (row.health === 'unhealthy') return <span className="badge bad">unhealthy</span>;
  if (row.proxy === 'none') return <span className="badge">no proxy</span>;
  return (
    <span className={`badge ${row.proxy === 'in sync' ? 'ok' : row.proxy === 'behind' ? 'warn' : 'bad'}`}>
      {row.proxy}
    </span>
  );
}
