// Tap: requests as they finish, of one workload or all, with the filters of `topsail tap`.
import { type ReactNode, useState } from 'react';
import { clockText, millisText } from '../core/format.ts';
import { verdictOf } from '../../src/telemetry/graph/verdict.ts';
import { isFailed } from '../core/request-hops.ts';
import { useStatus } from '../store/api.ts';
import { useChoice } from '../store/route.ts';
import { useSession } from '../store/session.ts';
import { useTap } from '../store/tap.ts';
import { Mtls, SortedTable } from '../views/pieces.tsx';

const SHOWN = 200;

export function TapPage(): ReactNode {
  const { canWrite } = useSession();
  const [workload, setWorkload] = useChoice('workload', '');
  const [path, setPath] = useChoice('path', '');
  const [code, setCode] = useChoice('status', '');
  const [running, setRunning] = useState(true);
  const status = useStatus();
  const valid = code === '' || /^([1-5]\d\d|[1-5]xx)$/.test(code);
  const { records, problem, clear } = useTap(
    new URLSearchParams({ workload, path, status: valid ? code : '' }).toString(),
    running && canWrite,
  );
  return (
    <>
      <div className="head">
        <h1>Tap</h1>
        {canWrite && (
          <span className={`badge ${running ? 'ok' : ''}`} role="status">
            {running ? 'listening' : 'paused'}
          </span>
        )}
        <span className="grow" />
        <select aria-label="Workload" value={workload} onChange={(event) => setWorkload(event.target.value)}>
          <option value="">all workloads</option>
          {status.data?.proxies.map((one) => (
            <option key={one.id} value={`${one.namespace}/${one.name}`}>
              {one.namespace}/{one.name}
            </option>
          ))}
        </select>
        <input
          type="search"
          placeholder="Path begins with"
          aria-label="Path begins with"
          value={path}
          onChange={(event) => setPath(event.target.value)}
        />
        <input
          size={8}
          placeholder="404, 5xx"
          aria-label="Status"
          aria-invalid={!valid}
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
        <button type="button" onClick={() => setRunning(!running)} disabled={!canWrite}>
          {running ? 'Pause' : 'Listen'}
        </button>
        <button type="button" onClick={clear}>
          Clear
        </button>
      </div>
      {!canWrite && (
        <div className="note">
          Tapped requests show paths and identities, so this needs the right to write: run{' '}
          <code>./topsail dashboard</code> and open its link.
        </div>
      )}
      {problem !== '' && (
        <div className="note bad" role="alert">
          {problem}
        </div>
      )}
      {canWrite && (
        <section className="card tight">
          <SortedTable
            rows={records.slice(0, SHOWN)}
            keyOf={(r) => `${r.id}${r.namespace}${r.workload}${r.direction}${r.atMs}${r.path}${r.authority}`}
            label="Requests"
            none={running ? 'Waiting for requests…' : 'Nothing was tapped yet.'}
            columns={[
              { name: 'At', sort: (r) => r.atMs, cell: (r) => <span className="soft">{clockText(r.atMs)}</span> },
              {
                name: 'Seen by',
                sort: (r) => r.workload,
                cell: (r) => (
                  <span>
                    {r.workload} <span className="soft small">{r.direction === 'inbound' ? 'in' : 'out'}</span>
                  </span>
                ),
              },
              {
                name: 'From',
                sort: (r) => r.source.workload,
                cell: (r) => r.source.workload || <span className="soft">unknown</span>,
              },
              {
                name: 'To',
                sort: (r) => r.destination.workload,
                cell: (r) => r.destination.workload || r.service || <span className="soft">unknown</span>,
              },
              {
                name: 'Request',
                sort: (r) => r.path,
                cell: (r) => (
                  <code>
                    {r.method} {r.path}
                  </code>
                ),
              },
              {
                name: 'Status',
                number: true,
                sort: (r) => r.status,
                cell: (r) => (
                  <span
                    className={isFailed(r) ? 'is-bad' : r.status >= 400 ? 'is-warn' : ''}
                    title={verdictOf(r).words}
                  >
                    {r.protocol === 'TCP' ? 'TCP' : r.status}
                    {r.flags.length > 0 && ` ${r.flags.join(',')}`}
                  </span>
                ),
              },
              { name: 'Took', number: true, sort: (r) => r.durationMs, cell: (r) => millisText(r.durationMs) },
              { name: 'mTLS', sort: (r) => String(r.mtls), cell: (r) => <Mtls share={r.mtls ? 1 : 0} /> },
              {
                name: 'Why',
                cell: (r) => (r.id === '' ? null : <a href={`/explain/${encodeURIComponent(r.id)}`}>Explain</a>),
              },
            ]}
          />
        </section>
      )}
    </>
  );
}
