// Where a remembered request would go by a given set of resources: the proxy's own route table decides, over routes whose
// conditions on what is not remembered (headers, query) are answered by what the request did then.
import { fromBinary } from '@bufbuild/protobuf';
import type { TapRecordJson } from '#api';
import { type ObjectRef, type ResourceSet, runAtOnce, TYPE_URL } from '#base';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { HealthStatus } from '#proto/envoy/config/core/v3/health_check_pb.ts';
import type { Route } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { HTTPFaultSchema } from '#proto/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { RouteTable } from '#proxy';
import { StreamRecord } from '#telemetry';
import { HeaderBlock } from '#wire/http';

export interface Target {
  readonly cluster: string;
  /** 0 to 1. */
  readonly share: number;
  readonly endpoints: number;
}

export interface RouteOutcome {
  readonly kind: 'forward' | 'answer' | 'redirect' | 'no route';
  readonly status: number;
  readonly targets: readonly Target[];
  /** 0 = none. */
  readonly timeoutMs: number;
  readonly abortShare: number;
  readonly abortStatus: number;
  readonly delayShare: number;
  readonly delayMs: number;
  readonly cause: ObjectRef | undefined;
  /** A condition on something that is not remembered stood before or at the route. */
  readonly unsure: boolean;
}

const NO_ROUTE: RouteOutcome = {
  kind: 'no route',
  status: 404,
  targets: [],
  timeoutMs: 0,
  abortShare: 0,
  abortStatus: 0,
  delayShare: 0,
  delayMs: 0,
  cause: undefined,
  unsure: false,
};
const FAULT = 'envoy.filters.http.fault';
const PSEUDO = /^:(method|authority|scheme|path)$/;

/** Truth of conditions that cannot be read from the record, by their text. */
export type Truths = ReadonlyMap<string, boolean>;

/** One proxy's route tables, read once and asked for many requests. */
export class RouteReplay {
  readonly #resources: ResourceSet;
  readonly #tables: ReadonlyMap<string, RouteConfiguration>;
  readonly #compiled = new Map<string, RouteTable>();
  readonly #endpoints = new Map<string, number>();

  constructor(resources: ResourceSet) {
    this.#resources = resources;
    this.#tables = new Map(
      [...(resources.get(TYPE_URL.route)?.values() ?? [])].map((one) => [
        one.name,
        fromBinary(RouteConfigurationSchema, one.bytes),
      ]),
    );
  }

  /** The table that the listener of this record looks into. */
  tableOf({ listener, authority, virtualHost }: TapRecordJson): string | undefined {
    const port = /(\d+)$/.exec(listener)?.[1] ?? '';
    const names = [...this.#tables.keys()];
    const serving = names.filter((name) => this.#compile(name, 'none', new Map()).virtualHostFor(authority));
    return (
      names.find((name) => name === port || name.endsWith(`.${port}`) || name.startsWith(`https.${port}.`)) ??
      serving.find((name) => this.#tables.get(name)?.virtualHosts.some((host) => host.name === virtualHost)) ??
      serving[0]
    );
  }

  /** What is known of unremembered conditions from where the request went: those before its route failed, its own held. */
  truths(table: string, record: TapRecordJson): Truths {
    const known = new Map<string, boolean>();
    const host = this.#tables.get(table)?.virtualHosts.find((one) => one.name === record.virtualHost);
    const routes = host?.routes ?? [];
    const at = routes.findIndex((route) => route.name === record.route && leadsTo(route, record.cluster));
    for (const [i, route] of routes.entries()) {
      const condition = hiddenCondition(route);
      if (condition === '') continue;
      if (i < at) known.set(condition, false);
      else if (i === at) known.set(condition, true);
    }
    return known;
  }

  outcome(table: string | undefined, record: TapRecordJson, truths: Truths): RouteOutcome {
    if (table === undefined || !this.#tables.has(table)) return NO_ROUTE;
    const [a, b] = (['none', 'all'] as const).map((rest) => this.#choose(table, record, truths, rest));
    const route = a ?? b;
    if (route === undefined) return NO_ROUTE;
    return { ...this.#read(route), unsure: a !== b };
  }

  #choose(name: string, record: TapRecordJson, truths: Truths, rest: 'none' | 'all'): Route | undefined {
    const head = {
      method: record.method,
      path: record.path,
      authority: record.authority,
      scheme: 'http' as const,
      version: '1.1' as const,
      protocol: '',
      headers: new HeaderBlock(),
    };
    const connection = {
      remoteAddress: '127.0.0.1',
      remotePort: 0,
      directRemoteAddress: '127.0.0.1',
      trustedRemoteAddress: '127.0.0.1',
      localAddress: '127.0.0.1',
      localPort: 0,
      sni: record.sni,
      tls: false,
      mtls: false,
      peerUriSans: [],
      peerPrincipal: '',
    };
    const chosen = this.#compile(name, rest, truths).choose({ head, connection, record: new StreamRecord() }, 0);
    if (chosen === undefined) return undefined;
    const host = this.#tables.get(name)?.virtualHosts.find((one) => one.name === chosen.route.virtualHost);
    return host?.routes[Number(chosen.route.name)];
  }

  /** Routes are numbered by name, so that the chosen one is found again. `rest`: do unknown conditions hold? */
  #compile(name: string, rest: 'none' | 'all', truths: Truths): RouteTable {
    const key = `${name} ${rest} ${JSON.stringify([...truths])}`;
    const ready = this.#compiled.get(key);
    if (ready !== undefined) return ready;
    const config = this.#tables.get(name) as RouteConfiguration;
    const holds = (condition: string): boolean => condition === '' || (truths.get(condition) ?? rest === 'all');
    const virtualHosts = config.virtualHosts.map((host) => ({
      ...host,
      typedPerFilterConfig: {},
      routes: host.routes.flatMap((route, i) =>
        holds(hiddenCondition(route)) ? [{ ...visible(route), name: String(i) }] : [],
      ),
    }));
    const table = runAtOnce(
      RouteTable.compile(
        { ...config, virtualHosts, typedPerFilterConfig: {} },
        { decodeFilterConfig: () => undefined, warn: () => {} },
      ),
    );
    this.#compiled.set(key, table);
    return table;
  }

  #read(route: Route): RouteOutcome {
    const common = { ...NO_ROUTE, ...faultOf(route), cause: causeOf(route) };
    if (route.action.case === 'directResponse') return { ...common, kind: 'answer', status: route.action.value.status };
    if (route.action.case === 'redirect') return { ...common, kind: 'redirect', status: 301 };
    if (route.action.case !== 'route') return common;
    const action = route.action.value;
    const timeoutMs = Number(action.timeout?.seconds ?? 0) * 1000 + (action.timeout?.nanos ?? 0) / 1e6;
    return { ...common, kind: 'forward', status: 0, timeoutMs, targets: this.#targets(route) };
  }

  #targets(route: Route): readonly Target[] {
    const shares = sharesOf(route);
    return shares.map(([cluster, share]) => ({ cluster, share, endpoints: this.#endpointsOf(cluster) }));
  }

  /** -1: the cluster finds its endpoints itself (DNS, original destination); 0 of a cluster that does not exist. */
  #endpointsOf(cluster: string): number {
    const known = this.#endpoints.get(cluster);
    if (known !== undefined) return known;
    const assignment = this.#resources.get(TYPE_URL.endpoint)?.get(cluster);
    const exists = this.#resources.get(TYPE_URL.cluster)?.has(cluster) === true;
    const count =
      assignment === undefined
        ? exists
          ? -1
          : 0
        : fromBinary(ClusterLoadAssignmentSchema, assignment.bytes)
            .endpoints.flatMap(({ lbEndpoints }) => lbEndpoints)
            .filter((one) => one.healthStatus !== HealthStatus.UNHEALTHY).length;
    this.#endpoints.set(cluster, count);
    return count;
  }
}

/** Conditions on headers other than the request line's, and on the query; '' = none. */
function hiddenCondition({ match }: Route): string {
  const headers = (match?.headers ?? []).filter((one) => !PSEUDO.test(one.name));
  const parts = [...headers, ...(match?.queryParameters ?? [])];
  return parts.length === 0
    ? ''
    : JSON.stringify(parts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function visible(route: Route): Route {
  const { match } = route;
  if (match === undefined) return { ...route, typedPerFilterConfig: {} };
  const headers = match.headers.filter((one) => PSEUDO.test(one.name));
  return { ...route, typedPerFilterConfig: {}, match: { ...match, headers, queryParameters: [] } };
}

function sharesOf({ action }: Route): readonly (readonly [string, number])[] {
  if (action.case !== 'route') return [];
  const { clusterSpecifier } = action.value;
  if (clusterSpecifier.case === 'cluster') return [[clusterSpecifier.value, 1]];
  if (clusterSpecifier.case !== 'weightedClusters') return [];
  const all = clusterSpecifier.value.clusters.map((one) => [one.name, one.weight ?? 0] as const);
  const whole = all.reduce((sum, [, weight]) => sum + weight, 0) || 1;
  return all.filter(([, weight]) => weight > 0).map(([name, weight]) => [name, weight / whole]);
}

function leadsTo(route: Route, cluster: string): boolean {
  const shares = sharesOf(route);
  return cluster === '' || shares.length === 0 || shares.some(([name]) => name === cluster);
}

function faultOf(route: Route): Pick<RouteOutcome, 'abortShare' | 'abortStatus' | 'delayShare' | 'delayMs'> {
  const any = route.typedPerFilterConfig[FAULT];
  if (any === undefined) return NO_ROUTE;
  const { abort, delay } = fromBinary(HTTPFaultSchema, any.value);
  const share = (of: { readonly numerator: number; readonly denominator: number } | undefined): number =>
    of === undefined ? 0 : of.numerator / ([100, 10_000, 1_000_000][of.denominator] ?? 100);
  const fixed = delay?.faultDelaySecifier.case === 'fixedDelay' ? delay.faultDelaySecifier.value : undefined;
  return {
    abortShare: share(abort?.percentage),
    abortStatus: abort?.errorType.case === 'httpStatus' ? abort.errorType.value : 503,
    delayShare: share(delay?.percentage),
    delayMs: Number(fixed?.seconds ?? 0) * 1000 + (fixed?.nanos ?? 0) / 1e6,
  };
}

/** `/apis/GROUP/VERSION/namespaces/NS/virtual-service/NAME`, as Istio keeps it beside what it made. */
function causeOf({ metadata }: Route): ObjectRef | undefined {
  const path = metadata?.filterMetadata['istio']?.['config'];
  const found = typeof path === 'string' ? /\/namespaces\/([^/]*)\/([^/]+)\/([^/]+)$/.exec(path) : null;
  if (found === null) return undefined;
  const kind = (found[2] as string)
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  return { kind, namespace: found[1] as string, name: found[3] as string };
}
