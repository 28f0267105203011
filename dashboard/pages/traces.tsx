// Traces of a collector: a heat map of when and how long, the list, and one trace as a waterfall.
import { useQuery } from '@tanstack/react-query';
import { Fragment, type ReactNode, useState } from 'react';
import type { SpanJson, TraceJson, TracesJson } from '../../src/api/trace-json.ts';
import { clockText, millisText } from '../core/format.ts';
import { heatMap, waterfallRows } from '../core/trace-rows.ts';
import { getJson, part } from '../store/api.ts';
import { useChoice } from '../store/route.ts';
import { useSession } from '../store/session.ts';
import { SortedTable } from '../views/pieces.tsx';

export function TracesPage({ params: [id = ''] }: { readonly params: readonly string[] }): ReactNode {
  const { canWrite } = useSession();
  return (
    <>
      <div className="head">
        <h1>{id === '' ? 'Traces' : 'Trace'}</h1>
        {id !== '' && <code className="soft">{id}</code>}
        <span className="grow" />
        {id !== '' && <a href="/traces">All traces</a>}
      </div>
      {!canWrite ? (
        <div className="note">
          Spans show paths and identities, so this needs the right to write: run <code>./topsail dashboard</code> and
          open its link.
        </div>
      ) : id === '' ? (
        <TraceList />
      ) : (
        <OneTrace key={id} id={id} />
      )}
    </>
  );
}

function TraceList(): ReactNode {
  const [service, setService] = useChoice('service', '');
  const [slowerMs, setSlower] = useChoice('slower', '');
  const query = new URLSearchParams({ service, slowerMs, limit: '100' });
  const { data, error } = useQuery({
    queryKey: ['traces', service, slowerMs],
    queryFn: () => getJson<TracesJson>(`/api/v1/traces?${query}`),
    // The next is asked for when the last has come: a slow collector is not asked by a queue.
    refetchInterval: 5000,
    retry: 1,
    placeholderData: (before) => before,
  });
  if (error !== null)
    return (
      <div className="note bad" role="alert">
        {error.message}
      </div>
    );
  if (data === undefined) return <p className="empty">Loading…</p>;
  if (!data.connected)
    return (
      <div className="note">
        No collector is named. Start with <code>--tracing http://127.0.0.1:9411</code> (Zipkin’s API) and let a
        Telemetry object trace. <a href="/explain">Explain</a> shows requests hop by hop without any collector.
      </div>
    );
  return (
    <>
      <div className="row">
        <input
          type="search"
          placeholder="service, such as reviews.default"
          aria-label="Service"
          value={service}
          onChange={(event) => setService(event.target.value)}
        />
        <input
          type="number"
          min="0"
          placeholder="slower than, ms"
          aria-label="Slower than, in milliseconds"
          value={slowerMs}
          onChange={(event) => setSlower(event.target.value)}
        />
        <span className="soft small">from {data.url}, the last hour</span>
      </div>
      {data.traces.length > 0 && <Heat traces={data.traces} />}
      <section className="card tight">
        <h2>The latest {data.traces.length}</h2>
        <SortedTable
          rows={data.traces}
          keyOf={(t) => t.traceId}
          label="Traces"
          none="No traces yet."
          columns={[
            { name: 'At', sort: (t) => t.startMs, cell: (t) => <span className="soft">{clockText(t.startMs)}</span> },
            {
              name: 'Request',
              sort: (t) => t.path,
              cell: (t) => (
                <a href={`/traces/${part(t.traceId)}`}>
                  <code>
                    {t.method} {t.path === '' ? t.name : t.path}
                  </code>
                </a>
              ),
            },
            { name: 'Root', sort: (t) => t.service, cell: (t) => t.service },
            { name: 'Services', number: true, sort: (t) => t.services.length, cell: (t) => t.services.length },
            { name: 'Spans', number: true, sort: (t) => t.spans, cell: (t) => t.spans },
            {
              name: 'Status',
              number: true,
              sort: (t) => t.status,
              cell: (t) => (
                <span className={t.failed ? 'is-bad' : ''}>
                  {t.status}
                  {t.failed && <span className="sr"> failed on the way</span>}
                </span>
              ),
            },
            { name: 'Took', number: true, sort: (t) => t.durationMs, cell: (t) => millisText(t.durationMs) },
          ]}
        />
      </section>
    </>
  );
}

const CELL = { width: 18, height: 12, left: 56 };

function Heat({ traces }: { readonly traces: readonly TraceJson[] }): ReactNode {
  const map = heatMap(traces);
  const most = Math.max(...map.cells.map((cell) => cell.traces));
  const rows = map.bounds.length + 1;
  const label = `Heat map of ${traces.length} traces from ${clockText(map.fromMs)} to ${clockText(map.toMs)}`;
  return (
    <section className="card">
      <h2>When, and how long</h2>
      <svg
        role="img"
        aria-label={label}
        viewBox={`0 0 ${CELL.left + map.columns * CELL.width} ${rows * CELL.height + 16}`}
        className="heat"
      >
        {Array.from({ length: rows }, (_, row) => (
          <text key={row} x={CELL.left - 6} y={(rows - row) * CELL.height - 3} textAnchor="end" className="axis">
            {row < map.bounds.length ? `≤ ${millisText(map.bounds[row] ?? 0)}` : 'slower'}
          </text>
        ))}
        {map.cells.map((cell) => (
          <rect
            key={`${cell.column} ${cell.row}`}
            x={CELL.left + cell.column * CELL.width}
            y={(rows - cell.row - 1) * CELL.height}
            width={CELL.width - 1}
            height={CELL.height - 1}
            className={cell.failed > 0 ? 'heat-bad' : 'heat-ok'}
            fillOpacity={0.25 + 0.75 * (cell.traces / most)}
          >
            <title>
              {cell.traces} traces, {cell.failed} failed
            </title>
          </rect>
        ))}
        <text x={CELL.left} y={rows * CELL.height + 12} className="axis">
          {clockText(map.fromMs)}
        </text>
        <text x={CELL.left + map.columns * CELL.width} y={rows * CELL.height + 12} textAnchor="end" className="axis">
          {clockText(map.toMs)}
        </text>
      </svg>
    </section>
  );
}

const YOUNG_MS = 60_000;

function isYoung(spans: readonly SpanJson[]): boolean {
  return spans.length === 0 || Date.now() - Math.max(...spans.map((one) => one.startMs)) < YOUNG_MS;
}

function OneTrace({ id }: { readonly id: string }): ReactNode {
  const [chosen, setChosen] = useState('');
  const { data, error } = useQuery({
    queryKey: ['trace', id],
    queryFn: () => getJson<readonly SpanJson[]>(`/api/v1/traces/${part(id)}`),
    // Each proxy reports on its own: a trace that is still young may lack spans.
    refetchInterval: ({ state }) => (isYoung(state.data ?? []) ? 2000 : false),
  });
  if (error !== null) return <div className="note bad">{error.message}</div>;
  if (data === undefined) return <p className="empty">Loading…</p>;
  if (data.length === 0) return <div className="note">The collector has no such trace.</div>;
  const rows = waterfallRows(data);
  const span = data.find((one) => one.id === chosen) ?? rows[0]?.span;
  return (
    <div className="stack">
      <section className="card">
        <h2>
          {data.length} spans in {millisText(Math.max(...data.map((one) => one.durationMs)))}
        </h2>
        <ol className="spans" aria-label="Spans">
          {rows.map(({ span: one, depth, left, width }) => (
            <li key={one.id}>
              <button type="button" aria-pressed={one.id === span?.id} onClick={() => setChosen(one.id)}>
                <span className="who" style={{ paddingLeft: `${depth * 12}px` }}>
                  {one.service} <span className="soft">{one.kind.toLowerCase()}</span>
                </span>
                <span className="bars" aria-hidden="true">
                  <span
                    className={one.failed ? 'bar is-failed' : 'bar'}
                    style={{ marginLeft: `${left * 100}%`, width: `${width * 100}%` }}
                  />
                </span>
                <span className="took">
                  {millisText(one.durationMs)}
                  {one.failed && <span className="sr"> failed</span>}
                </span>
              </button>
            </li>
          ))}
        </ol>
      </section>
      {span !== undefined && <SpanFacts span={span} />}
    </div>
  );
}

function SpanFacts({ span }: { readonly span: SpanJson }): ReactNode {
  const request = span.tags['guid:x-request-id'];
  return (
    <section className="card">
      <h2>
        {span.service}: {span.name}
      </h2>
      {request !== undefined && (
        <p>
          <a href={`/explain/${part(request)}`}>Explain this request</a>
        </p>
      )}
      <dl className="facts">
        {Object.entries(span.tags).map(([name, value]) => (
          <Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
      </dl>
    </section>
  );
}
