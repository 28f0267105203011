// One workload: what it answers and sends, its routes and endpoints, what its proxy has in force and why, identity, logs.
import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import type { ProxyJson, StatusJson } from '../../src/api/api-json.ts';
import { durationText, percentText, rateText } from '../core/format.ts';
import { objectsAbout } from '../core/objects-about.ts';
import { getJson, part, useObjects, useProxyConfig, useProxyLive, useStatus, useTrafficOf } from '../store/api.ts';
import { useRanges } from '../store/ranges.ts';
import { useChoice } from '../store/route.ts';
import { useSession } from '../store/session.ts';
import { EffectiveConfig, EndpointsTable, RoutesTable } from '../views/effective-config.tsx';
import { Icon } from '../views/icon.tsx';
import { KnownSince } from '../views/known-since.tsx';
import { LogView } from '../views/log-view.tsx';
import { ObjectTable } from '../views/object-table.tsx';
import { PeersTable } from '../views/peers-table.tsx';
import { Segmented, SortedTable, Tabs } from '../views/pieces.tsx';
import { TrafficCharts } from '../views/traffic-charts.tsx';

const TABS = [
  ['traffic', 'Traffic'],
  ['routes', 'Routes'],
  ['endpoints', 'Endpoints'],
  ['config', 'Effective configuration'],
  ['objects', 'Objects'],
  ['identity', 'Identity and certificates'],
  ['logs', 'Logs'],
] as const;
/** Certificates are renewed at half their life: less left than this is a sign. */
const SOON_MS = 3_600_000;
type Tab = (typeof TABS)[number][0];

export function WorkloadPage({
  params: [namespace = '', name = ''],
}: {
  readonly params: readonly string[];
}): ReactNode {
  const [tab, setTab] = useChoice('tab', 'traffic');
  const status = useStatus();
  const proxy = status.data?.proxies.find((one) => one.name === name && one.namespace === namespace);
  const workload = status.data?.workloads.find((one) => one.name === name && one.namespace === namespace);
  const service = workload?.labels['service.istio.io/canonical-name'] ?? workload?.labels['app'] ?? name;
  return (
    <>
      <div className="head">
        <span className="crumbs">
          <a href="/workloads">Workloads</a> / {namespace}
        </span>
        <h1>{name}</h1>
        <ProxyBadge proxy={proxy} loaded={status.data !== undefined} />
        {workload !== undefined && (
          <span
            className={`badge ${workload.health === 'healthy' ? 'ok' : workload.health === 'unhealthy' ? 'bad' : ''}`}
          >
            {workload.health}
          </span>
        )}
        <span className="grow" />
        <a className="button" href={`/services/${namespace}/${service}`}>
          Service {service}
        </a>
        <a className="button" href={`/traces?service=${encodeURIComponent(`${service}.${namespace}`)}`}>
          <Icon name="traces" size={14} />
          Traces
        </a>
        <a className="button" href={`/tap?workload=${encodeURIComponent(`${namespace}/${name}`)}`}>
          <Icon name="tap" size={14} />
          Tap
        </a>
        <a className="button" href={`/graph?chosen=${encodeURIComponent(`workload/${namespace}/${name}`)}`}>
          <Icon name="graph" size={14} />
          In the graph
        </a>
      </div>
      <Tabs value={tab as Tab} options={TABS} onChange={setTab} />
      {tab === 'traffic' && <Traffic id={`${namespace}/${name}`} gateway={proxy?.type === 'router'} />}
      {(tab === 'routes' || tab === 'endpoints' || tab === 'config') && (
        <FromProxy name={`${name}.${namespace}`} tab={tab} />
      )}
      {tab === 'objects' && <Objects namespace={namespace} service={service} />}
      {tab === 'identity' && (
        <div className="stack">
          <Identity proxy={proxy} workload={workload} />
          <Certificates name={`${name}.${namespace}`} />
        </div>
      )}
      {tab === 'logs' && <Logs name={name} />}
    </>
  );
}

function ProxyBadge({ proxy, loaded }: { readonly proxy: ProxyJson | undefined; readonly loaded: boolean }): ReactNode {
  if (proxy === undefined) return loaded ? <span className="badge bad">no proxy connected</span> : null;
  const states = Object.values(proxy.types);
  const word = states.includes('REJECTED') ? 'rejected' : states.includes('STALE') ? 'behind' : 'in sync';
  return (
    <span className={`badge ${word === 'in sync' ? 'ok' : word === 'behind' ? 'warn' : 'bad'}`}>proxy {word}</span>
  );
}

function Traffic({ id, gateway }: { readonly id: string; readonly gateway: boolean }): ReactNode {
  const [span, setSpan] = useChoice('span', '60');
  const { data } = useTrafficOf(Math.max(60, Number(span)), undefined);
  const edges = data?.edges ?? [];
  const into = edges.filter((one) => `${one.destinationNamespace}/${one.destination}` === id);
  const out = edges.filter((one) => `${one.sourceNamespace}/${one.source}` === id);
  const sum = (all: typeof edges): string => {
    if (data === undefined) return 'Loading…';
    const rate = all.reduce((n, one) => n + one.requestsPerSecond, 0);
    const errors = all.reduce((n, one) => n + one.errorsPerSecond, 0);
    return `${rateText(rate)} requests a second${errors > 0 ? `, ${percentText(errors / rate)} fail` : ''}`;
  };
  const ranges = useRanges(60);
  const range = (
    <div className="row">
      <Segmented label="Time range" value={span} options={ranges} onChange={setSpan} />
      <KnownSince windowSeconds={Math.max(60, Number(span))} />
    </div>
  );
  // Who asks a gateway is not of the mesh: what it passes on tells of its requests.
  if (gateway && into.length === 0)
    return (
      <div className="stack">
        {range}
        <section className="card stack">
          <h2>
            Passed on into the mesh <span className="soft small">{sum(out)}</span>
          </h2>
          <TrafficCharts filter={{ source: id }} span={Number(span)} bytes />
        </section>
        <section className="card tight">
          <h2>To whom</h2>
          <PeersTable edges={out} side="destination" loading={data === undefined} />
        </section>
      </div>
    );
  return (
    <div className="stack">
      {range}
      <div className="grid two">
        <section className="card stack">
          <h2>
            In <span className="soft small">{sum(into)}</span>
          </h2>
          <TrafficCharts filter={{ destination: id }} span={Number(span)} bytes />
        </section>
        <section className="card stack">
          <h2>
            Out <span className="soft small">{sum(out)}</span>
          </h2>
          <TrafficCharts filter={{ source: id }} span={Number(span)} bytes />
        </section>
      </div>
      <div className="grid two">
        <section className="card tight">
          <h2>Who calls it</h2>
          <PeersTable edges={into} side="source" loading={data === undefined} />
        </section>
        <section className="card tight">
          <h2>Whom it calls</h2>
          <PeersTable edges={out} side="destination" loading={data === undefined} />
        </section>
      </div>
    </div>
  );
}

function FromProxy({ name, tab }: { readonly name: string; readonly tab: string }): ReactNode {
  const { data, error } = useProxyConfig(name);
  const live = useProxyLive(name);
  if (error !== null) return <div className="note warn">{error.message}</div>;
  if (data === undefined) return <p className="empty">Loading…</p>;
  if (tab === 'config') return <EffectiveConfig dump={data} />;
  return (
    <section className="card tight">
      {tab === 'routes' ? <RoutesTable dump={data} /> : <EndpointsTable dump={data} live={live.data} />}
    </section>
  );
}

function Objects({ namespace, service }: { readonly namespace: string; readonly service: string }): ReactNode {
  const { data } = useObjects();
  return (
    <section className="card tight">
      <ObjectTable
        objects={objectsAbout(data ?? [], namespace, service)}
        none={data === undefined ? 'Loading…' : 'No object is about this workload.'}
      />
    </section>
  );
}

function Identity({
  proxy,
  workload,
}: {
  readonly proxy: ProxyJson | undefined;
  readonly workload: StatusJson['workloads'][number] | undefined;
}): ReactNode {
  return (
    <section className="card">
      <dl className="facts">
        <dt>Identity</dt>
        <dd className="mono">{proxy?.principal || 'none'}</dd>
        <dt>Service account</dt>
        <dd>{workload?.serviceAccount ?? '–'}</dd>
        <dt>Data plane</dt>
        <dd>{proxy === undefined ? '–' : `${proxy.dataPlane} ${proxy.version}`}</dd>
        <dt>Capture</dt>
        <dd>{proxy?.capture || '–'}</dd>
        <dt>Connected for</dt>
        <dd>{proxy === undefined ? '–' : durationText(proxy.connectedMs)}</dd>
        <dt>Snapshot</dt>
        <dd>{proxy?.watermark ?? '–'}</dd>
        <dt>Address</dt>
        <dd>{workload?.address ?? '–'}</dd>
        <dt>Ports</dt>
        <dd>
          {workload?.ports.map((one) => `${one.port} (bound ${one.boundPort}, app ${one.appPort})`).join(', ') || '–'}
        </dd>
        <dt>Labels</dt>
        <dd className="row">
          {Object.entries(workload?.labels ?? {}).map(([key, value]) => (
            <span key={key} className="badge">
              {key}={value}
            </span>
          ))}
        </dd>
        <dt>Types</dt>
        <dd className="row">
          {Object.entries(proxy?.types ?? {}).map(([type, state]) => (
            <span key={type} className={`badge ${state === 'SYNCED' ? 'ok' : state === 'REJECTED' ? 'bad' : 'warn'}`}>
              {type} {state.toLowerCase()}
            </span>
          ))}
        </dd>
      </dl>
      {proxy !== undefined && proxy.lastError !== '' && <p className="note bad">{proxy.lastError}</p>}
    </section>
  );
}

function Certificates({ name }: { readonly name: string }): ReactNode {
  const { data } = useProxyLive(name);
  const left = (untilMs: number): ReactNode => {
    const ms = untilMs - Date.now();
    const tone = ms < 0 ? 'bad' : ms < SOON_MS ? 'warn' : 'ok';
    return <span className={`badge ${tone}`}>{ms < 0 ? 'expired' : `${durationText(ms)} left`}</span>;
  };
  return (
    <section className="card tight">
      <h2>Certificates that the proxy holds</h2>
      <SortedTable
        rows={data?.certificates ?? []}
        keyOf={(c) => `${c.role}${c.serial}`}
        label="Certificates"
        none={
          data === undefined
            ? 'Loading…'
            : data.reachable
              ? 'The proxy holds no certificate.'
              : 'The pages of this proxy cannot be reached from the control plane.'
        }
        columns={[
          { name: 'Of', cell: (c) => (c.role === 'own' ? 'the workload' : 'the root that it trusts') },
          { name: 'Subject', cell: (c) => <span className="mono small">{c.subject}</span> },
          { name: 'Serial', extra: true, cell: (c) => <span className="mono small">{c.serial}</span> },
          {
            name: 'Valid until',
            cell: (c) => (
              <span className="date">{new Date(c.notAfterMs).toISOString().slice(0, 16).replace('T', ' ')}</span>
            ),
          },
          { name: 'Left', cell: (c) => left(c.notAfterMs) },
        ]}
      />
    </section>
  );
}

function Logs({ name }: { readonly name: string }): ReactNode {
  const { canWrite } = useSession();
  const { data, error } = useQuery({
    queryKey: ['logs', name, canWrite],
    queryFn: () => getJson<{ readonly lines: readonly string[] }>(`/api/v1/logs/${part(name)}?tail=500`),
    refetchInterval: 2000,
    enabled: canWrite,
    retry: false,
  });
  if (!canWrite)
    return (
      <div className="note">
        Logs hold paths of requests, so they need the right to write: run <code>./topsail dashboard</code> and open its
        link.
      </div>
    );
  if (error !== null) return <div className="note warn">{error.message}</div>;
  if (data === undefined) return <p className="empty">Loading…</p>;
  return <LogView name={name} lines={data.lines} />;
}
