// One service: its versions side by side with their share of the traffic, charts, routes, endpoints and who ejected them, and
// the objects that shape it.
import { lazy, type ReactNode, Suspense } from 'react';
import type { ProxyLiveJson } from '../../src/api/dashboard-json.ts';
import { endpointRows } from '../core/effective-config.ts';
import { millisText, percentText, rateText } from '../core/format.ts';
import { goldenRows } from '../core/golden-rows.ts';
import { objectsAbout } from '../core/objects-about.ts';
import { useObjects, useProxiesLive, useProxyConfig, useSeriesOfAll, useStatus, useTrafficOf } from '../store/api.ts';
import { useRanges } from '../store/ranges.ts';
import { useChoice } from '../store/route.ts';
import { RoutesTable } from '../views/effective-config.tsx';
import { GoldenTable } from '../views/golden-table.tsx';
import { Icon } from '../views/icon.tsx';
import { KnownSince } from '../views/known-since.tsx';
import { ObjectTable } from '../views/object-table.tsx';
import { PeersTable } from '../views/peers-table.tsx';
import { Segmented, SortedTable } from '../views/pieces.tsx';

const Chart = lazy(() => import('../views/chart.tsx'));

/** Lines in one chart, and proxies asked what they think of the endpoints. */
const VERSIONS_MAX = 6;
const CALLERS_MAX = 8;
const COLOURS = ['--ok', '--accent', '--warn', '--bad', '--ink', '--soft'] as const;
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [8, 3, 2, 3], [4, 4], [1, 3]];

interface Place {
  readonly namespace: string;
  readonly name: string;
}

export function ServicePage({
  params: [namespace = '', name = ''],
}: {
  readonly params: readonly string[];
}): ReactNode {
  const [span, setSpan] = useChoice('span', '60');
  const ranges = useRanges(60);
  const status = useStatus();
  const traffic = useTrafficOf(Number(span), undefined);
  const objects = useObjects();
  const loading = traffic.data === undefined || status.data === undefined;
  const rows = goldenRows(traffic.data?.workloads ?? [], status.data, traffic.data?.edges)
    .filter((one) => one.namespace === namespace && (one.service || one.workload) === name)
    .toSorted((a, b) => (a.workload < b.workload ? -1 : 1));
  const versions = rows.filter((one) => one.reached);
  const callers = (traffic.data?.edges ?? []).filter(
    (one) =>
      (one.destinationNamespace === namespace && one.destinationCanonical === name) ||
      // What reached no workload is of the service that was asked for.
      (one.destination === 'unknown' && one.service.startsWith(`${name}.${namespace}.`)),
  );
  const proxies = [...new Set([...callers.map((one) => `${one.source}.${one.sourceNamespace}`)])].slice(0, CALLERS_MAX);
  const wizard = (what: string): string => `/wizard/${what}?service=${encodeURIComponent(`${namespace}/${name}`)}`;
  return (
    <>
      <div className="head">
        <span className="crumbs">
          <a href="/workloads">Services</a> / {namespace}
        </span>
        <h1>{name}</h1>
        <span className="grow" />
        {[
          ['shift', 'Shift traffic'],
          ['fault', 'Inject faults'],
          ['timeouts', 'Timeouts'],
          ['breaker', 'Circuit breaker'],
          ['mtls', 'mTLS'],
        ].map(([what, words]) => (
          <a key={what} className="button" href={wizard(what as string)}>
            {words}
          </a>
        ))}
        <a className="button" href={`/traces?service=${encodeURIComponent(`${name}.${namespace}`)}`}>
          <Icon name="traces" size={14} />
          Traces
        </a>
      </div>
      <div className="stack">
        <div className="row">
          <Segmented label="Time range" value={span} options={ranges} onChange={setSpan} />
          <KnownSince windowSeconds={Number(span)} />
        </div>
        <Shares rows={rows} />
        {versions.length > 0 && (
          <VersionCharts workloads={versions.map((one) => one.workload)} namespace={namespace} span={Number(span)} />
        )}
        <section className="card tight">
          <h2>Workloads</h2>
          <GoldenTable rows={rows} none={loading ? 'Loading…' : 'No workload of this service is in the mesh.'} />
        </section>
        <section className="card tight">
          <h2>Callers</h2>
          <PeersTable edges={callers} side="source" both loading={traffic.data === undefined} />
        </section>
        <Endpoints place={{ namespace, name }} proxies={proxies} />
        <Routes
          place={{ namespace, name }}
          caller={proxies[0] ?? (versions[0] === undefined ? '' : `${versions[0].workload}.${namespace}`)}
        />
        <section className="card tight">
          <h2>Objects</h2>
          <ObjectTable
            objects={objectsAbout(objects.data ?? [], namespace, name)}
            none={objects.data === undefined ? 'Loading…' : 'No object is about this service.'}
          />
        </section>
      </div>
    </>
  );
}

function Shares({ rows }: { readonly rows: ReturnType<typeof goldenRows> }): ReactNode {
  const rate = rows.reduce((sum, one) => sum + one.requestsPerSecond, 0);
  if (rate === 0 || rows.length < 2) return null;
  return (
    <section className="card">
      <h2>Share of the requests</h2>
      <div className="shares">
        {rows
          .filter((one) => one.requestsPerSecond > 0)
          .map((one) => (
            <span key={one.workload} style={{ flexGrow: one.requestsPerSecond }}>
              {one.workload} {percentText(one.requestsPerSecond / rate)}
            </span>
          ))}
      </div>
    </section>
  );
}

function VersionCharts({
  workloads,
  namespace,
  span,
}: {
  readonly workloads: readonly string[];
  readonly namespace: string;
  readonly span: number;
}): ReactNode {
  const shown = workloads.slice(0, VERSIONS_MAX);
  const all = useSeriesOfAll(
    shown.map((one) => `${namespace}/${one}`),
    span,
  );
  const times = all.find((one) => one !== undefined)?.times;
  if (times === undefined || all.some((one) => one === undefined)) return <p className="soft">Loading…</p>;
  const lines = (of: 'requests' | 'failures' | 'p99Ms') =>
    shown.map((name, i) => ({
      name,
      colour: COLOURS[i] as string,
      dash: DASHES[i] as readonly number[],
      values: all[i]?.[of].slice(0, times.length) ?? [],
    }));
  return (
    <Suspense fallback={<p className="soft">Loading…</p>}>
      <div className="grid two">
        <section className="card">
          <Chart title="Requests a second" times={times} text={rateText} lines={lines('requests')} />
        </section>
        <section className="card">
          <Chart title="Latency, p99" times={times} text={millisText} lines={lines('p99Ms')} />
        </section>
      </div>
    </Suspense>
  );
}

interface EndpointSeen {
  readonly address: string;
  readonly workload: string;
  readonly health: string;
  readonly ejectedBy: readonly string[];
  readonly requests: number;
  readonly errors: number;
}

/** As the callers' proxies see them: an endpoint may be ejected by one of them and used by another. */
function Endpoints({ place, proxies }: { readonly place: Place; readonly proxies: readonly string[] }): ReactNode {
  const { data } = useProxyConfig(proxies[0] ?? '');
  const live = useProxiesLive(proxies);
  // Until a caller has told, nothing is known, which is not the same as none.
  const told = live.some((one) => one !== undefined);
  const rows = endpointsSeen(place, data, proxies, live);
  return (
    <section className="card tight">
      <h2>
        Endpoints{' '}
        <span className="soft small">
          as {proxies.length === 1 ? 'its caller sees' : `${proxies.length} callers see`} them
        </span>
      </h2>
      <SortedTable
        rows={rows}
        keyOf={(r) => r.address}
        label="Endpoints"
        none={proxies.length === 0 ? 'Nobody called in this range: ask a caller’s own page.' : 'No endpoint is known.'}
        columns={[
          { name: 'Address', sort: (r) => r.address, cell: (r) => <code>{r.address}</code> },
          {
            name: 'Workload',
            sort: (r) => r.workload,
            cell: (r) => r.workload || <span className="soft">unknown</span>,
          },
          {
            name: 'Health',
            sort: (r) => r.health,
            cell: (r) => <span className={`badge ${r.health === 'healthy' ? 'ok' : 'bad'}`}>{r.health}</span>,
          },
          {
            name: 'Ejected by',
            sort: (r) => r.ejectedBy.length,
            cell: (r) =>
              r.ejectedBy.length === 0 ? (
                <span className="soft">nobody</span>
              ) : (
                <span className="is-bad">{r.ejectedBy.join(', ')}</span>
              ),
          },
          { name: 'Requests', number: true, sort: (r) => r.requests, cell: (r) => (told ? r.requests : '–') },
          {
            name: 'Errors',
            number: true,
            sort: (r) => r.errors,
            cell: (r) => <span className={r.errors > 0 ? 'is-bad' : ''}>{told ? r.errors : '–'}</span>,
          },
        ]}
      />
    </section>
  );
}

function endpointsSeen(
  { namespace, name }: Place,
  dump: Parameters<typeof endpointRows>[0] | undefined,
  proxies: readonly string[],
  live: readonly (ProxyLiveJson | undefined)[],
): readonly EndpointSeen[] {
  const own = endpointRows(dump ?? {}).filter((one) => one.cluster.split('|')[3]?.startsWith(`${name}.${namespace}.`));
  return [...Map.groupBy(own, (one) => one.address)].map(([address, all]) => {
    const seen = live.map((one) => (one?.endpoints ?? []).filter((endpoint) => endpoint.address === address));
    const sum = (of: 'requests' | 'errors'): number => seen.flat().reduce((total, endpoint) => total + endpoint[of], 0);
    return {
      address,
      workload: all[0]?.workload ?? '',
      health: (all[0]?.health ?? '').toLowerCase(),
      ejectedBy: proxies.filter((_, i) => seen[i]?.some((endpoint) => endpoint.ejected)),
      requests: sum('requests'),
      errors: sum('errors'),
    };
  });
}

function Routes({ place, caller }: { readonly place: Place; readonly caller: string }): ReactNode {
  const { data, error } = useProxyConfig(caller);
  return (
    <section className="card tight">
      <h2>Routes {caller !== '' && <span className="soft small">that {caller} has in force</span>}</h2>
      {data === undefined ? (
        <p className="empty">{error === null ? 'Loading…' : error.message}</p>
      ) : (
        <RoutesTable dump={data} service={`${place.name}.${place.namespace}`} />
      )}
    </section>
  );
}
