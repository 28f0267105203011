// Security: who talks in plaintext, whether STRICT may be switched on, who was denied, and a policy one click away.
import type { ReactNode } from 'react';
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import { denialsOf, deniedIdentities, deniedOf } from '../core/denied-identities.ts';
import { clockText, percentText, rateText, shortPrincipal } from '../core/format.ts';
import { reachedNobody } from '../core/graph-model.ts';
import { type Readiness, strictReadiness } from '../core/strict-readiness.ts';
import { useDenied, useObjects, useStatus, useTrafficOf } from '../store/api.ts';
import { useKnownSince } from '../store/ranges.ts';
import { useSession } from '../store/session.ts';
import { DeniedBy } from '../views/denied-by.tsx';
import { Icon } from '../views/icon.tsx';
import { ObjectTable } from '../views/object-table.tsx';
import { type Column, Fact, Mtls, SortedTable } from '../views/pieces.tsx';

const POLICIES: ReadonlySet<string> = new Set(['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication']);

export function SecurityPage(): ReactNode {
  const status = useStatus();
  const objects = useObjects();
  const { data } = useTrafficOf(3600, undefined);
  const since = useKnownSince(3600);
  const loading = data === undefined || status.data === undefined;
  const edges = data?.edges ?? [];
  const rows = status.data === undefined ? [] : strictReadiness(status.data, edges, objects.data ?? []);
  // What reached nobody was spoken to nobody, in plaintext or otherwise.
  const plaintext = edges.filter((one) => one.mtls < 1 && !reachedNobody(one));
  const denied = edges.filter((one) => deniedOf(one) > 0);
  return (
    <>
      <div className="head">
        <h1>Security</h1>
        <span className="soft">{status.data === undefined ? 'Loading…' : (since ?? 'of the last hour')}</span>
        <span className="grow" />
        <a className="button" href="/wizard/authorize">
          <Icon name="plus" size={14} />
          Policies from traffic
        </a>
      </div>
      <div className="stack">
        {loading ? (
          <section className="card grid three" aria-label="In short">
            Loading…
          </section>
        ) : (
          <Verdict rows={rows} plaintext={plaintext} denied={denied} />
        )}
        <section className="card tight">
          <h2>May STRICT be switched on?</h2>
          <ReadinessTable rows={rows} none={loading ? 'Loading…' : 'No workloads.'} />
        </section>
        <section className="card tight">
          <h2>Who talks in plaintext</h2>
          <EdgeTable
            edges={plaintext}
            none={
              loading
                ? 'Loading…'
                : `Nobody: every request and connection ${since ?? 'of the last hour'} was mutually authenticated.`
            }
          />
        </section>
        <section className="card tight">
          <h2>Who was denied, and by which rule</h2>
          <DeniedTable />
        </section>
        <section className="card tight">
          <h2>Edges with denials</h2>
          <DeniedEdges
            edges={denied}
            none={loading ? 'Loading…' : `Nobody was denied ${since ?? 'in the last hour'}.`}
          />
        </section>
        <section className="card tight">
          <h2>Policies</h2>
          <ObjectTable
            objects={(objects.data ?? []).filter((one) => POLICIES.has(one.kind))}
            none={
              objects.data === undefined ? (
                'Loading…'
              ) : (
                <>
                  No policy yet: everyone in the mesh may call everyone.{' '}
                  <a href="/wizard/authorize">Make policies from what was observed.</a>
                </>
              )
            }
          />
        </section>
      </div>
    </>
  );
}

function Verdict({
  rows,
  plaintext,
  denied,
}: {
  readonly rows: readonly Readiness[];
  readonly plaintext: readonly TrafficEdgeJson[];
  readonly denied: readonly TrafficEdgeJson[];
}): ReactNode {
  const blocked = rows.filter((one) => one.verdict === 'blocked').length;
  const strict = rows.filter((one) => one.verdict === 'strict').length;
  return (
    <section className="card grid three" aria-label="In short">
      <Fact value={plaintext.length} tone={plaintext.length > 0 ? 'is-warn' : ''}>
        {plaintext.length === 1 ? 'edge is' : 'edges are'} plaintext, at least in part
      </Fact>
      <Fact value={`${strict}/${rows.length}`}>workloads refuse plaintext (STRICT)</Fact>
      <Fact value={blocked} tone={blocked > 0 ? 'is-warn' : ''}>
        workloads would lose callers with STRICT
      </Fact>
      <Fact value={denied.reduce((sum, one) => sum + deniedOf(one), 0)} tone={denied.length > 0 ? 'is-warn' : ''}>
        requests were denied
      </Fact>
    </section>
  );
}

function ReadinessTable({ rows, none }: { readonly rows: readonly Readiness[]; readonly none: string }): ReactNode {
  const words = {
    strict: ['ok', 'STRICT is on'],
    ready: ['ok', 'yes: every caller uses mTLS'],
    blocked: ['warn', 'no: see its plaintext callers'],
    'no traffic': ['', 'not known: nobody called'],
  } as const;
  return (
    <SortedTable
      rows={rows}
      keyOf={(r) => `${r.namespace}/${r.workload}`}
      label="Readiness for STRICT"
      none={none}
      columns={[
        {
          name: 'Workload',
          sort: (r) => r.workload,
          cell: (r) => <a href={`/workloads/${r.namespace}/${r.workload}`}>{r.workload}</a>,
        },
        { name: 'Mode', sort: (r) => r.mode, cell: (r) => <code>{r.mode}</code> },
        { name: 'Callers', number: true, sort: (r) => r.callers, cell: (r) => r.callers },
        {
          name: 'Verdict',
          sort: (r) => r.verdict,
          cell: (r) => <span className={`badge ${words[r.verdict][0]}`}>{words[r.verdict][1]}</span>,
        },
        {
          name: 'Plaintext callers',
          cell: (r) => r.plaintext.map((one) => one.source).join(', ') || <span className="soft">none</span>,
        },
        {
          name: 'Change',
          cell: (r) =>
            r.verdict === 'strict' ? null : (
              <a href={`/wizard/mtls?service=${encodeURIComponent(`${r.namespace}/${r.service}`)}`}>Set STRICT</a>
            ),
        },
      ]}
    />
  );
}

/** As long as the control plane remembers requests. */
const REMEMBERED_SECONDS = 900;

/** Of the last minutes: what proxies remember of requests that a policy refused. */
function DeniedTable(): ReactNode {
  const { canWrite } = useSession();
  const { data } = useDenied(canWrite);
  const since = useKnownSince(REMEMBERED_SECONDS);
  if (!canWrite)
    return (
      <div className="empty">
        Denied requests show paths and identities, so this needs the right to write: run{' '}
        <code>./topsail dashboard</code> and open its link.
      </div>
    );
  return (
    <SortedTable
      rows={data ?? []}
      keyOf={(d) => `${d.namespace}/${d.workload}|${d.source}|${d.principal}|${d.method}|${d.path}|${d.words}`}
      label="Denied requests"
      none={data === undefined ? 'Loading…' : `No policy denied a request ${since ?? 'in the last minutes'}.`}
      columns={[
        { name: 'Last', sort: (d) => d.lastMs, cell: (d) => <span className="soft">{clockText(d.lastMs)}</span> },
        {
          name: 'Caller',
          sort: (d) => d.source,
          cell: (d) => (
            <div>
              {d.source === '' || d.source === 'unknown' ? <span className="soft">unknown</span> : d.source}
              <div className="mono small soft">
                {d.principal === '' ? 'no certificate' : shortPrincipal(d.principal)}
              </div>
            </div>
          ),
        },
        {
          name: 'Callee',
          sort: (d) => d.workload,
          cell: (d) => <a href={`/workloads/${d.namespace}/${d.workload}`}>{d.workload}</a>,
        },
        {
          name: 'Request',
          sort: (d) => d.path,
          cell: (d) => (
            <code>
              {d.method} {d.path}
            </code>
          ),
        },
        {
          name: 'Denied by',
          sort: (d) => d.rule?.name ?? '',
          cell: (d) =>
            d.rule === undefined ? (
              d.words
            ) : (
              <span>
                <a href={`/config/AuthorizationPolicy/${d.rule.namespace}/${d.rule.name}`}>{d.rule.name}</a>{' '}
                <span className="soft small">rule {d.rule.rule}</span>
              </span>
            ),
        },
        { name: 'Seen', number: true, sort: (d) => d.count, cell: (d) => d.count },
        {
          name: 'Why',
          cell: (d) =>
            d.ids.length === 0 ? null : <a href={`/explain/${encodeURIComponent(d.ids.at(-1) ?? '')}`}>Explain</a>,
        },
        {
          name: 'Policy',
          cell: (d) =>
            d.source === '' || d.source === 'unknown' ? null : (
              <a
                href={`/wizard/authorize?from=${encodeURIComponent(`${d.sourceNamespace}/${d.source}`)}&to=${encodeURIComponent(`${d.namespace}/${d.workload}`)}&action=ALLOW`}
              >
                Allow
              </a>
            ),
        },
      ]}
    />
  );
}

/** Beside a caller stands who was denied, which need not be who it is now. */
function DeniedEdges({
  edges,
  none,
}: {
  readonly edges: readonly TrafficEdgeJson[];
  readonly none: string;
}): ReactNode {
  const { canWrite } = useSession();
  const { data } = useDenied(canWrite);
  const identity = (edge: TrafficEdgeJson): ReactNode => {
    if (!canWrite)
      return (
        <span className="small soft">
          run <code>./topsail dashboard</code> to see it
        </span>
      );
    const found = deniedIdentities(edge, data ?? []);
    return found.length === 0 ? (
      <span className="small soft">no longer remembered</span>
    ) : (
      <span className="mono small">
        {found.map((one) => (one === '' ? 'no certificate' : shortPrincipal(one))).join(', ')}
      </span>
    );
  };
  return <EdgeTable edges={edges} none={none} denied identity={{ name: 'Denied identity', cell: identity }} />;
}

const OWN_IDENTITY: Column<TrafficEdgeJson> = {
  name: 'Identity',
  cell: (e) => <span className="mono small">{e.sourcePrincipals.map(shortPrincipal).join(', ') || 'none'}</span>,
};

const DENIED_BY: Column<TrafficEdgeJson> = {
  name: 'Denied by',
  cell: (e) =>
    Object.keys(denialsOf(e)).length === 0 ? (
      <span className="soft">the application</span>
    ) : (
      <DeniedBy denials={[denialsOf(e)]} />
    ),
};

function EdgeTable({
  edges,
  none,
  identity = OWN_IDENTITY,
  denied = false,
}: {
  readonly edges: readonly TrafficEdgeJson[];
  readonly none: string;
  readonly identity?: Column<TrafficEdgeJson>;
  /** Says who denied. */
  readonly denied?: boolean;
}): ReactNode {
  const link = (e: TrafficEdgeJson, action: string): string =>
    `/wizard/authorize?from=${encodeURIComponent(`${e.sourceNamespace}/${e.source}`)}&to=${encodeURIComponent(`${e.destinationNamespace}/${e.destination}`)}&action=${action}`;
  return (
    <SortedTable
      rows={edges}
      keyOf={(e) =>
        `${e.sourceNamespace}/${e.source}>${e.destinationNamespace}/${e.destination}|${e.service}|${e.protocol}`
      }
      label="Edges"
      none={none}
      columns={[
        { name: 'Caller', sort: (e) => e.source, cell: (e) => e.source },
        {
          name: 'Callee',
          sort: (e) => e.destination,
          cell: (e) =>
            e.destination === 'unknown' ? (
              <span>{e.service || 'nothing that is known'}</span>
            ) : (
              <a href={`/workloads/${e.destinationNamespace}/${e.destination}`}>{e.destination}</a>
            ),
        },
        {
          name: 'Requests/s',
          number: true,
          sort: (e) => e.requestsPerSecond,
          cell: (e) => rateText(e.requestsPerSecond),
        },
        {
          name: 'Denied',
          number: true,
          sort: deniedOf,
          cell: (e) =>
            deniedOf(e) > 0
              ? `${deniedOf(e)} (${percentText(Math.min(1, deniedOf(e) / Math.max(1, e.requests)))})`
              : '–',
        },
        ...(denied ? [DENIED_BY] : []),
        { name: 'mTLS', sort: (e) => e.mtls, cell: (e) => <Mtls share={e.mtls} /> },
        identity,
        {
          name: 'Policy',
          cell: (e) => (
            <span className="row">
              <a href={link(e, 'ALLOW')}>Allow</a>
              <a href={link(e, 'DENY')}>Deny</a>
            </span>
          ),
        },
      ]}
    />
  );
}
