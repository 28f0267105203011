// Beside the graph: what is chosen there, with its charts, its configuration and where to go from it.
import type { ReactNode } from 'react';
import { objectsAbout } from '../core/objects-about.ts';
import { millisText, percentText, rateText } from '../core/format.ts';
import { type GraphLink, type GraphModel, type GraphNode, refusedWord } from '../core/graph-model.ts';
import { isFailed } from '../core/request-hops.ts';
import { DeniedBy } from './denied-by.tsx';
import { useObjects } from '../store/api.ts';
import { useSession } from '../store/session.ts';
import { useTap } from '../store/tap.ts';
import { Icon } from './icon.tsx';
import { InjectedFaults } from './injected-faults.tsx';
import { Mtls, Programmed } from './pieces.tsx';
import { TrafficCharts } from './traffic-charts.tsx';

const TAPPED_SHOWN = 6;
/** Ids of nodes begin so. */
const WORKLOAD = 'workload/';

export interface SidePanelProps {
  readonly model: GraphModel;
  readonly chosen: string;
  readonly close: () => void;
}

export function SidePanel({ model, chosen, close }: SidePanelProps): ReactNode {
  const node = model.nodes.find((one) => one.id === chosen);
  const link = model.links.find((one) => one.id === chosen);
  if (node === undefined && link === undefined) return null;
  return (
    <aside className="side" aria-label="What is chosen">
      <div className="row">
        <h2 className="grow">{node === undefined ? titleOf(model, link as GraphLink) : node.label}</h2>
        <button type="button" className="plain" onClick={close} aria-label="Close the panel">
          <Icon name="close" size={16} />
        </button>
      </div>
      {node === undefined ? <LinkPanel link={link as GraphLink} /> : <NodePanel node={node} />}
    </aside>
  );
}

function titleOf(model: GraphModel, link: GraphLink): string {
  const name = (id: string): string => model.nodes.find((one) => one.id === id)?.label ?? id;
  return `${name(link.from)} → ${name(link.to)}`;
}

function NodePanel({ node }: { readonly node: GraphNode }): ReactNode {
  const single = node.kind === 'workload' || node.kind === 'gateway';
  const id = `${node.namespace}/${node.label}`;
  return (
    <>
      <div className="row">
        <span className="badge accent">{node.kind}</span>
        {node.namespace !== '' && <span className="badge">{node.namespace}</span>}
        {node.version !== '' && <span className="badge">{node.version}</span>}
      </div>
      <dl className="facts">
        <dt>Answers</dt>
        <dd>
          {rateText(node.rateIn)} requests a second
          {node.errorShare > 0 && <span className="is-bad">, {percentText(node.errorShare)} fail</span>}
        </dd>
        <dt>Sends</dt>
        <dd>{rateText(node.rateOut)} requests a second</dd>
        {node.members > 1 && (
          <>
            <dt>Stands for</dt>
            <dd>{node.members} workloads</dd>
          </>
        )}
      </dl>
      {single && (
        <TrafficCharts
          filter={node.rateIn > 0 || node.rateOut === 0 ? { destination: id } : { source: id }}
          span={60}
        />
      )}
      <div className="row">
        {single && (
          <a className="button" href={`/workloads/${id}`}>
            Open the workload
          </a>
        )}
        {node.service !== '' && node.kind !== 'external' && (
          <a className="button" href={`/services/${node.namespace}/${node.service}`}>
            Open the service
          </a>
        )}
        {single && (
          <a className="button" href={`/tap?workload=${encodeURIComponent(id)}`}>
            <Icon name="tap" size={14} />
            Tap
          </a>
        )}
      </div>
      {single && <LiveTap workload={id} to="" />}
      {node.kind !== 'external' && node.kind !== 'namespace' && (
        <About namespace={node.namespace} service={node.service} />
      )}
      {node.kind === 'workload' || node.kind === 'service' ? (
        <Wizards namespace={node.namespace} service={node.service} />
      ) : null}
    </>
  );
}

function LinkPanel({ link }: { readonly link: GraphLink }): ReactNode {
  const [from, to] = [workloadOf(link.from), workloadOf(link.to)];
  const own = link.edges;
  const codes = counts(own.map((one) => one.codes));
  const flags = counts(own.map((one) => one.flags));
  const principals = [...new Set(own.flatMap((one) => one.sourcePrincipals))];
  const calls = link.from.startsWith(WORKLOAD);
  // Of what reached nobody the service is known, and neither who answers nor what to allow.
  const first = calls && link.to.startsWith(WORKLOAD) ? own[0] : undefined;
  const [service = '', namespace = ''] = own[0]?.service.split('.') ?? [];
  return (
    <>
      <div className="row">
        {link.mtls === 'nobody' ? (
          <span className="badge bad">reached no workload</span>
        ) : (
          <Mtls share={link.mtls === 'all' ? 1 : link.mtls === 'none' ? 0 : 0.5} />
        )}
        {link.protocols.map((one) => (
          <span key={one} className="badge">
            {one}
          </span>
        ))}
      </div>
      <dl className="facts">
        <dt>Requests</dt>
        <dd>{rateText(link.rate)} a second</dd>
        <dt>Failing</dt>
        <dd>{link.errorShare > 0 ? <span className="is-bad">{percentText(link.errorShare)}</span> : 'none'}</dd>
        {link.deniedShare > 0 && (
          <>
            <dt>{refusedWord(link.deniedShare, link.limitedShare) === 'denied' ? 'Denied' : 'Rate limited'}</dt>
            <dd>
              <span className="is-bad">{percentText(link.deniedShare)}</span> by{' '}
              <DeniedBy denials={own.map((one) => one.denials)} />
            </dd>
          </>
        )}
        <InjectedFaults faults={own.map((one) => one.faults)} />
        <dt>Latency</dt>
        <dd>
          p50 {millisText(link.p50Ms)}, p95 {millisText(link.p95Ms)}, p99 {millisText(link.p99Ms)}
        </dd>
        <dt>Asked for</dt>
        <dd>{link.services.join(', ') || 'no service'}</dd>
        {codes.length > 0 && (
          <>
            <dt>Answers</dt>
            <dd>{codes.map(([code, n]) => `${code}: ${n}`).join(', ')}</dd>
          </>
        )}
        {flags.length > 0 && (
          <>
            <dt>Flags</dt>
            <dd>{flags.map(([flag, n]) => `${flag}: ${n}`).join(', ')}</dd>
          </>
        )}
        {principals.length > 0 && (
          <>
            <dt>{principals.length > 1 ? `Caller, as ${principals.length}` : 'Caller'}</dt>
            <dd className="mono small">
              {principals.map((one) => (
                <div key={one}>{one}</div>
              ))}
            </dd>
          </>
        )}
        {first !== undefined && first.destinationPrincipal !== '' && (
          <>
            <dt>Callee</dt>
            <dd className="mono small">{first.destinationPrincipal}</dd>
          </>
        )}
      </dl>
      {first !== undefined && <TrafficCharts filter={{ source: from, destination: to }} span={60} />}
      {first !== undefined && (
        <div className="row">
          <a
            className="button"
            href={`/wizard/authorize?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}&action=ALLOW`}
          >
            Allow only this
          </a>
          <a
            className="button"
            href={`/wizard/authorize?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}&action=DENY`}
          >
            Deny this
          </a>
          <a className="button" href={`/tap?workload=${encodeURIComponent(to)}`}>
            <Icon name="tap" size={14} />
            Tap
          </a>
        </div>
      )}
      {calls && <LiveTap workload={from} to={first?.destination ?? service} />}
      {calls && <About namespace={first?.destinationNamespace ?? namespace} service={service} />}
    </>
  );
}

function About({ namespace, service }: { readonly namespace: string; readonly service: string }): ReactNode {
  const { data } = useObjects();
  const about = objectsAbout(data ?? [], namespace, service);
  if (about.length === 0) return null;
  return (
    <div>
      <h3>Configuration</h3>
      <ul className="findings small">
        {about.map((one) => (
          <li key={`${one.kind}/${one.name}`} className="row">
            <a className="grow" href={`/config/${one.kind}/${one.namespace || '-'}/${one.name}`}>
              {one.kind} {one.name}
            </a>
            <Programmed state={one.programmed} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Wizards({ namespace, service }: { readonly namespace: string; readonly service: string }): ReactNode {
  const to = (what: string): string => `/wizard/${what}?service=${encodeURIComponent(`${namespace}/${service}`)}`;
  return (
    <div>
      <h3>Change it</h3>
      <div className="row">
        {[
          ['shift', 'Shift traffic'],
          ['fault', 'Inject faults'],
          ['timeouts', 'Timeouts'],
          ['breaker', 'Circuit breaker'],
          ['mtls', 'mTLS'],
        ].map(([what, name]) => (
          <a key={what} className="badge accent" href={to(what as string)}>
            {name}
          </a>
        ))}
      </div>
    </div>
  );
}

function workloadOf(id: string): string {
  return id.startsWith(WORKLOAD) ? id.slice(WORKLOAD.length) : id;
}

function counts(all: readonly Readonly<Record<string, number>>[]): readonly (readonly [string, number])[] {
  const sums = new Map<string, number>();
  for (const one of all) for (const [key, n] of Object.entries(one)) sums.set(key, (sums.get(key) ?? 0) + n);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

/** The latest requests of what is chosen, as they finish. */
function LiveTap({ workload, to }: { readonly workload: string; readonly to: string }): ReactNode {
  const { canWrite } = useSession();
  const { records, problem } = useTap(new URLSearchParams({ workload, to, perSecond: '5' }).toString(), canWrite);
  return (
    <div>
      <h3>Requests as they happen</h3>
      {!canWrite && (
        <p className="small soft">
          They show paths, so this needs the right to write: run <code>./topsail dashboard</code> and open its link.
        </p>
      )}
      {problem !== '' && <p className="small is-bad">{problem}</p>}
      {canWrite && problem === '' && records.length === 0 && <p className="small soft">Waiting for requests…</p>}
      <ul className="tapped small">
        {records.slice(0, TAPPED_SHOWN).map((one) => (
          <li key={`${one.id}${one.direction}${one.atMs}${one.path}`}>
            <span className={isFailed(one) ? 'is-bad' : 'is-ok'}>{one.protocol === 'TCP' ? 'TCP' : one.status}</span>
            <a href={`/explain/${encodeURIComponent(one.id)}`} title={`${one.method} ${one.authority}${one.path}`}>
              <code>
                {one.method} {one.path}
              </code>
            </a>
            <span className="soft num">{millisText(one.durationMs)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
