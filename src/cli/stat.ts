// topsail stat, topsail top: the golden table from the mesh's own data, without any Prometheus.
import {
  type GoldenJson,
  type ObjectJson,
  type RouteTrafficJson,
  serviceOfHost,
  type StatusJson,
  type TrafficEdgeJson,
  type TrafficJson,
} from '#api';
import { type CliContext, CliError } from './context.ts';
import { type Counts, deniedBy, sumCounts } from './counted-words.ts';
import { type MeshClient, openMesh } from './mesh-client.ts';
import { latency, table } from './table.ts';
import { windowText } from './window-text.ts';

export interface StatOptions {
  readonly home?: string;
  readonly namespace?: string;
  readonly window?: string;
  readonly by?: string;
  readonly output?: string;
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

interface Row extends Named {
  /** What the rates and latencies are of: so many seconds until now. */
  readonly windowSeconds?: number;
  /** False: no workload that is known took it, and the name is the service's. */
  readonly reached?: boolean;
  readonly successRate: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly mtls: string;
  /** Of the requests, 0 to 1; not known of a route. */
  readonly deniedShare?: number;
  readonly denials?: Counts;
  /** Of a route: its virtual host, and its name there. */
  readonly host?: string;
  readonly route?: string;
}

const WINDOW = /^(\d+)(s|m|h)$/;
const SECONDS = { s: 1, m: 60, h: 3600 } as const;
/** By the control plane itself. */
const KEPT_SECONDS = 3600;
const TOP_ROWS = 30;
const UNKNOWN = 'unknown';

export async function stat(context: CliContext, name: string | undefined, options: StatOptions): Promise<number> {
  const mesh = await openMesh(context, options.home);
  const rows = await readRows(context, mesh, name, options);
  if (name !== undefined && rows.length === 0) await mustBeKnown(mesh.get, name, options);
  if (options.output === 'json') context.out(`${JSON.stringify(rows, undefined, 2)}\n`);
  else context.out(rows.length === 0 ? 'No traffic seen in that time.\n' : headed(rows, options));
  return 0;
}

/** The same table each second, busiest first, until interrupted. */
export async function top(context: CliContext, name: string | undefined, options: StatOptions): Promise<number> {
  const mesh = await openMesh(context, options.home);
  // What has gone from the mesh may have had traffic within the window.
  if (name !== undefined && (await readRows(context, mesh, name, options)).length === 0)
    await mustBeKnown(mesh.get, name, options);
  let over = false;
  void context.interrupted.then(() => (over = true));
  while (!over) {
    const rows = (await readRows(context, mesh, name, options))
      .toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond)
      .slice(0, TOP_ROWS);
    // Where a terminal shows it, the table stays in its place.
    context.out(
      `${context.colour ? '\u001b[2J\u001b[H' : '\n'}${rows.length === 0 ? 'No traffic yet.\n' : headed(rows, options)}`,
    );
    await Promise.race([context.sleep(1000), context.interrupted]);
  }
  return 0;
}

/** What has no proxy of its own is timed by its callers. */
function headed(rows: readonly Row[], { by }: StatOptions): string {
  const whose =
    by === 'service' || by === 'route'
      ? 'as the caller waited (injected delays and retries too)'
      : 'as long as the workload itself took (what callers waited: topsail edges)';
  return `Of the last ${windowText(rows[0]?.windowSeconds ?? 0)}, ${whose}:\n${statTable(rows)}`;
}

/** A young control plane has seen less than was asked for; what lies beyond the hour is not its own to tell. */
function seenSeconds(context: CliContext, mesh: MeshClient, seconds: number): number {
  const { startedMs } = mesh.run as Partial<MeshClient['run']>;
  if (startedMs === undefined || seconds > KEPT_SECONDS) return seconds;
  return Math.min(seconds, Math.max(1, Math.round((context.clock.wallTime() - startedMs) / 1000)));
}

type Get = <T>(path: string) => Promise<T>;

/** Without traffic in the window a name is still one of the mesh, or else a misspelled one. */
async function mustBeKnown(get: Get, name: string, options: StatOptions): Promise<void> {
  const ofServices = options.by === 'service' || options.by === 'route';
  const known = ofServices ? await serviceNames(get) : await workloadNames(get);
  const here = known.filter((one) => fits(one, undefined, options));
  if (here.some((one) => fits(one, name, options))) return;
  const names = [...new Set(here.map((one) => (one.namespace === '' ? one.name : `${one.name}.${one.namespace}`)))];
  const where = options.namespace === undefined ? '' : ` in namespace ${options.namespace}`;
  throw new CliError(
    `No ${ofServices ? 'service' : 'workload'} is called ${name}${where}. Known: ${names.sort().join(', ') || 'none'}.`,
  );
}

async function workloadNames(get: Get): Promise<readonly Named[]> {
  const { proxies, workloads } = await get<Pick<StatusJson, 'proxies' | 'workloads'>>('/api/v1/status');
  return [...proxies, ...workloads];
}

async function serviceNames(get: Get): Promise<readonly Named[]> {
  const services = await get<readonly ObjectJson[]>('/api/v1/objects?kind=Service');
  const entries = await get<readonly ObjectJson[]>('/api/v1/objects?kind=ServiceEntry');
  const hosts = entries.flatMap(({ spec }) => (spec as { readonly hosts?: readonly string[] }).hosts ?? []);
  return [...services, ...hosts.map(serviceOfHost)];
}

async function readRows(
  context: CliContext,
  mesh: MeshClient,
  name: string | undefined,
  options: StatOptions,
): Promise<readonly Row[]> {
  const window = windowSeconds(options.window ?? '1m');
  const { rows, seconds } = await askRows(mesh.get, window, options.by);
  const seen = seenSeconds(context, mesh, seconds);
  return rows.filter((row) => fits(row, name, options)).map((row) => ({ ...row, windowSeconds: seen }));
}

async function askRows(
  get: Get,
  window: number,
  by: string | undefined,
): Promise<{ readonly rows: readonly Row[]; readonly seconds: number }> {
  if (by === 'route') {
    const routes = await get<readonly RouteTrafficJson[]>(`/api/v1/traffic/routes?window=${window}`);
    return { rows: routes.map(routeRow), seconds: Math.min(KEPT_SECONDS, window) };
  }
  const traffic = await get<TrafficJson>(`/api/v1/traffic?window=${window}`);
  const rows = by === 'service' ? byService(traffic.edges) : traffic.workloads.map(workloadRow);
  return { rows, seconds: traffic.windowSeconds };
}

function fits(row: Named, name: string | undefined, { namespace }: StatOptions): boolean {
  return (
    (namespace === undefined || row.namespace === namespace) &&
    (name === undefined || row.name === name || row.name.startsWith(`${name}-v`))
  );
}

/** A route's name is the one that a VirtualService gives it. */
export function routeRow(row: RouteTrafficJson): Row {
  const asked = row.virtualHost.includes('.svc.') ? row.virtualHost : row.service;
  const [name = '', namespace = ''] = asked.split('.');
  return { ...row, name: name === '' ? 'none' : name, namespace, mtls: '-', host: row.virtualHost };
}

export function windowSeconds(text: string): number {
  const found = WINDOW.exec(text);
  if (found === null)
    throw new CliError(`--window ${text} is no duration: give one such as 10s, 5m or 1h (an hour is kept).`);
  return Number(found[1]) * SECONDS[found[2] as keyof typeof SECONDS];
}

function workloadRow(row: GoldenJson): Row {
  const { mtlsShare } = row;
  return {
    ...row,
    name: row.workload,
    deniedShare: row.requestsPerSecond === 0 ? 0 : row.deniedPerSecond / row.requestsPerSecond,
    mtls:
      mtlsShare === null
        ? '-'
        : mtlsShare > 0.999
          ? 'yes'
          : mtlsShare < 0.001
            ? 'no'
            : `${Math.round(mtlsShare * 100)}%`,
  };
}

/** Requests that never reached a workload count at the service that was asked for. */
export function byService(edges: readonly TrafficEdgeJson[]): readonly Row[] {
  const groups = Map.groupBy(
    edges.filter((one) => one.service !== ''),
    (one) => one.service,
  );
  const rows = Array.from(groups, ([service, own]): Row => {
    const { name, namespace } = serviceOfHost(service);
    const rate = own.reduce((sum, one) => sum + one.requestsPerSecond, 0);
    const failing = own.reduce((sum, one) => sum + one.errorsPerSecond, 0);
    const weighted = (of: (edge: TrafficEdgeJson) => number): number =>
      rate === 0 ? 0 : own.reduce((sum, one) => sum + of(one) * one.requestsPerSecond, 0) / rate;
    const met = own.filter((one) => one.destination !== UNKNOWN || namespace === '');
    const metRate = met.reduce((sum, one) => sum + one.requestsPerSecond, 0);
    const mtls = met.reduce((sum, one) => sum + one.mtls * one.requestsPerSecond, 0) / metRate;
    const denied = own.reduce((sum, one) => sum + one.deniedPerSecond, 0);
    return {
      name,
      namespace,
      successRate: rate === 0 ? 1 : 1 - failing / rate,
      requestsPerSecond: rate,
      deniedShare: rate === 0 ? 0 : denied / rate,
      denials: sumCounts(own.map((one) => one.denials)),
      p50Ms: weighted((one) => one.p50Ms),
      p95Ms: Math.max(...own.map((one) => one.p95Ms)),
      p99Ms: Math.max(...own.map((one) => one.p99Ms)),
      mtls: metRate === 0 ? '-' : mtls > 0.999 ? 'yes' : mtls < 0.001 ? 'no' : `${Math.round(mtls * 100)}%`,
    };
  });
  return rows.sort((a, b) => a.successRate - b.successRate || b.p99Ms - a.p99Ms);
}

export function statTable(rows: readonly Row[]): string {
  const byRoute = rows[0]?.host !== undefined;
  // A column more where there is something in it: what was denied is no success, and not the application's fault.
  const anyDenied = rows.some(({ deniedShare = 0 }) => deniedShare > 0);
  const cells = rows.map((row) => [
    row.reached === false && row.name !== UNKNOWN ? `${row.name} (service)` : row.name,
    row.namespace,
    ...(byRoute ? [row.route ?? '', row.host ?? ''] : []),
    `${(row.successRate * 100).toFixed(2)}%`,
    ...(anyDenied ? [(row.deniedShare ?? 0) > 0 ? `${((row.deniedShare ?? 0) * 100).toFixed(2)}%` : '-'] : []),
    row.requestsPerSecond.toFixed(1),
    latency(row.p50Ms),
    latency(row.p95Ms),
    latency(row.p99Ms),
    ...(byRoute ? [] : [row.mtls]),
    ...(anyDenied ? [(row.deniedShare ?? 0) > 0 ? deniedBy(row.denials ?? {}) || '-' : '-'] : []),
  ]);
  const numbers = ['SUCCESS', ...(anyDenied ? ['DENIED'] : []), 'RPS', 'P50', 'P95', 'P99'];
  return byRoute
    ? table(['SERVICE', 'NAMESPACE', 'ROUTE', 'HOST', ...numbers], cells)
    : table(['NAME', 'NAMESPACE', ...numbers, 'MTLS', ...(anyDenied ? ['DENIED BY'] : [])], cells);
}
