// Explain: one request hop by hop, which listener, route, policy, endpoint, retry and identity decided it.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { HopCausesJson } from '../../src/api/api-json.ts';
import type { TapRecordJson } from '../../src/telemetry/graph/tap-record.ts';
import { clusterWords } from '../core/cluster-name.ts';
import { clockText, millisText } from '../core/format.ts';
import { groupRequests, isFailed, requestOf, type TappedRequest } from '../core/request-hops.ts';
import { verdictInTree } from '../../src/telemetry/graph/verdict-in-tree.ts';
import { getJson, part } from '../store/api.ts';
import { go } from '../store/route.ts';
import { useSession } from '../store/session.ts';
import { useTap } from '../store/tap.ts';
import { Cause } from '../views/cause.tsx';
import { SortedTable } from '../views/pieces.tsx';

export function ExplainPage({ params: [id = ''] }: { readonly params: readonly string[] }): ReactNode {
  const { canWrite } = useSession();
  const [text, setText] = useState(id);
  return (
    <>
      <div className="head">
        <h1>Explain</h1>
        <span className="grow" />
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            go(text === '' ? '/explain' : `/explain/${encodeURIComponent(text)}`);
          }}
        >
          <input
            type="search"
            size={38}
            placeholder="x-request-id"
            aria-label="Request id"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <button type="submit">Explain</button>
        </form>
      </div>
      {!canWrite ? (
        <div className="note">
          Requests show paths and identities, so this needs the right to write: run <code>./topsail dashboard</code> and
          open its link.
        </div>
      ) : id === '' ? (
        <Recent />
      ) : (
        <OneRequest key={id} id={id} />
      )}
    </>
  );
}

/** Listens to the whole mesh and offers what it hears. */
function Recent(): ReactNode {
  const { records, problem } = useTap('perSecond=20', true);
  const requests = groupRequests(records).slice(0, 60);
  return (
    <section className="card tight">
      <h2>
        Requests as they happen{' '}
        <span className="badge ok" role="status">
          listening
        </span>
      </h2>
      {problem !== '' && (
        <div className="note bad" role="alert">
          {problem}
        </div>
      )}
      <SortedTable
        rows={requests}
        keyOf={(r) => r.id}
        label="Requests"
        none="Waiting for requests…"
        columns={[
          { name: 'At', sort: (r) => r.atMs, cell: (r) => <span className="soft">{clockText(r.atMs)}</span> },
          {
            name: 'Request',
            sort: (r) => r.first.path,
            cell: (r) => (
              <a href={`/explain/${encodeURIComponent(r.id)}`}>
                <code>
                  {r.first.method} {r.first.path}
                </code>
              </a>
            ),
          },
          { name: 'First seen by', sort: (r) => r.first.workload, cell: (r) => r.first.workload },
          { name: 'Accounts', number: true, sort: (r) => r.tree.length, cell: (r) => r.tree.length },
          {
            name: 'Status',
            number: true,
            sort: (r) => r.first.status,
            cell: (r) => (
              <span className={r.failed ? 'is-bad' : ''}>
                {r.first.status}
                {r.failed && <span className="sr"> failed on the way</span>}
              </span>
            ),
          },
          { name: 'Took', number: true, sort: (r) => r.durationMs, cell: (r) => millisText(r.durationMs) },
        ]}
      />
    </section>
  );
}

function OneRequest({ id }: { readonly id: string }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['explain', id],
    queryFn: () => getJson<readonly TapRecordJson[]>(`/api/v1/explain/${part(id)}`),
    refetchInterval: 2000,
  });
  if (error !== null) return <div className="note bad">{error.message}</div>;
  if (data === undefined) return <p className="empty">Loading…</p>;
  if (data.length === 0)
    return (
      <div className="note">
        No request that is remembered has this id. The last quarter of an hour is kept as a sample; every request is
        told while someone listens: keep <a href="/tap">Tap</a> open, repeat the request, and choose it there.
      </div>
    );
  const request = requestOf(id, data);
  return (
    <div className="stack">
      <p className="mono soft">{id}</p>
      <Waterfall request={request} />
      {request.tree.map(({ hop, parent, maybe }, i) => (
        <Hop
          key={`${hop.workload}${hop.direction}${hop.atMs}${i}`}
          hop={hop}
          number={i + 1}
          causedBy={[parent, ...maybe]}
          verdict={verdictInTree(request.tree, i)}
        />
      ))}
    </div>
  );
}

function Waterfall({ request }: { readonly request: TappedRequest }): ReactNode {
  const scale = 100 / Math.max(request.durationMs, 0.1);
  return (
    <section className="card">
      <h2>
        {request.first.method} {request.first.authority}
        {request.first.path} <span className={`badge ${request.failed ? 'bad' : 'ok'}`}>{request.first.status}</span>
      </h2>
      <div className="waterfall">
        {request.tree.map(({ hop, depth }, i) => (
          <div key={`${hop.workload}${hop.direction}${hop.atMs}${i}`} style={{ display: 'contents' }}>
            <span className="small" style={{ paddingLeft: `${depth * 0.9}rem` }}>
              <a className="soft" href={`#hop-${i + 1}`}>
                {i + 1}.
              </a>{' '}
              {hop.workload}{' '}
              <span className="soft">
                {hop.direction === 'inbound'
                  ? 'answers'
                  : `asks ${hop.destination.workload || hop.service.split('.')[0] || hop.authority}`}
              </span>
            </span>
            <div className="track">
              <i
                className={isFailed(hop) ? 'bad' : ''}
                style={{
                  left: `${(hop.atMs - request.atMs) * scale}%`,
                  width: `${Math.max(0.5, hop.durationMs * scale)}%`,
                }}
              />
            </div>
            <span className="num small">{millisText(hop.durationMs)}</span>
          </div>
        ))}
      </div>
    </section>
  );
}

type ExplainedHop = TapRecordJson & { readonly causes?: HopCausesJson };

function Hop({
  hop,
  number,
  causedBy,
  verdict,
}: {
  readonly hop: ExplainedHop;
  readonly number: number;
  /** Indexes of other hops: the one that caused it, or may have; -1 is none. */
  readonly causedBy: readonly number[];
  readonly verdict: ReturnType<typeof verdictInTree>;
}): ReactNode {
  const { route, policy, cluster } = hop.causes ?? {};
  const because = (cause: typeof route): ReactNode => (cause === undefined ? '' : <Cause cause={cause} />);
  const facts: readonly (readonly [string, ReactNode])[] = [
    [
      'Outcome',
      <span key="o" className={isFailed(hop) ? 'is-bad' : ''}>
        {hop.status}
        {hop.flags.length > 0 && ` ${hop.flags.join(',')}`}: {verdict.words}
        {hop.details !== '' && <span className="soft small"> ({hop.details})</span>}
      </span>,
    ],
    ['Look at', verdict.remedy],
    ['Caused by', <CausedBy key="c" indexes={causedBy} first={number === 1} />],
    ['Listener', hop.listener],
    ['Route', [hop.virtualHost, hop.route].filter((one) => one !== '').join(' / ')],
    ['Route of', because(route)],
    ['Policy', hop.policy],
    ['Policy of', because(policy)],
    ['Dry run', hop.shadowPolicy],
    ['Cluster', hop.cluster === '' ? '' : clusterWords(hop.cluster)],
    ['Cluster of', because(cluster)],
    [
      'Endpoint',
      hop.endpoint === ''
        ? ''
        : `${hop.endpoint}${hop.attempts > 1 ? `, ${hop.attempts} tries` : ''}${hop.upstreamMs < 0 ? '' : `, first byte after ${millisText(hop.upstreamMs)}`}`,
    ],
    ['Failure', hop.upstreamFailure],
    [
      'Identity',
      hop.mtls ? (
        <span key="i" className="mono small">
          {hop.source.principal || 'unknown'} → {hop.destination.principal || 'unknown'}
          {hop.tls !== '' && `, ${hop.tls}`}
        </span>
      ) : (
        <span key="i" className="is-warn">
          plaintext
        </span>
      ),
    ],
    ['SNI', hop.sni],
  ];
  return (
    <section className="card" id={`hop-${number}`}>
      <h2>
        {number}. <a href={`/workloads/${hop.namespace}/${hop.workload}`}>{hop.workload}</a>{' '}
        <span className="soft small">
          {hop.direction === 'inbound'
            ? `is asked by ${hop.source.workload || 'an unknown caller'}`
            : `asks ${hop.destination.workload || hop.service || hop.authority}`}
        </span>
      </h2>
      <dl className="facts">
        {facts
          .filter(([, value]) => value !== '')
          .map(([name, value]) => [<dt key={`t${name}`}>{name}</dt>, <dd key={name}>{value}</dd>])}
      </dl>
    </section>
  );
}

function CausedBy({ indexes, first }: { readonly indexes: readonly number[]; readonly first: boolean }): ReactNode {
  const numbers = indexes.filter((one) => one >= 0).map((one) => one + 1);
  if (numbers.length === 0)
    return (
      <span className="soft">{first ? 'the request itself: it entered the mesh here' : 'no hop that was told'}</span>
    );
  return (
    <span>
      {numbers.map((one, i) => (
        <span key={one}>
          {i === 0 ? 'hop ' : ' or '}
          <a href={`#hop-${one}`}>{one}</a>
        </span>
      ))}
      {numbers.length > 1 && <span className="soft small"> (they ran side by side, and no span tells them apart)</span>}
    </span>
  );
}
