// What a proxy was given (xDS as JSON), as the rows that people ask for: routes, clusters, endpoints, listeners, certificates.

import type { CauseJson, ConfigCauseJson } from '../../src/api/api-json.ts';
import type { LiveEndpointJson } from '../../src/api/dashboard-json.ts';

type Json = Readonly<Record<string, unknown>>;

export interface RouteRow {
  /** Told apart by its place: table, host, number. */
  readonly id: string;
  readonly table: string;
  readonly host: string;
  readonly name: string;
  readonly match: string;
  readonly to: readonly { readonly cluster: string; readonly weight: number }[];
  readonly extras: readonly string[];
  readonly cause: CauseJson | undefined;
}

export interface EndpointRow {
  readonly cluster: string;
  readonly address: string;
  readonly workload: string;
  readonly health: string;
  readonly weight: number;
  readonly locality: string;
  readonly mtls: boolean;
  /** What the proxy itself says of it, where it can be asked. */
  readonly live: LiveEndpointJson | undefined;
}

export interface ClusterRow {
  readonly name: string;
  readonly kind: string;
  readonly policy: string;
  readonly extras: readonly string[];
  readonly cause: CauseJson | undefined;
}

export type ProxyDump = Readonly<Record<string, readonly unknown[]>>;

/** No limit, as Istio writes it. */
const NO_LIMIT = 4_294_967_295;

export function routeRows(dump: ProxyDump): readonly RouteRow[] {
  const causes = causesOf(dump, 'routes');
  return list(dump['routes']).flatMap((table) =>
    list(table['virtualHosts']).flatMap((host) =>
      list(host['routes']).map(
        (route, i): RouteRow => ({
          id: `${text(table['name'])}|${text(host['name'])}|${i}`,
          table: text(table['name']),
          host: text(host['name']),
          name: text(route['name']),
          match: matchText(record(route['match'])),
          to: targetsOf(route),
          extras: extrasOf(route),
          cause: causes.get(`${text(table['name'])}|${text(host['name'])}|${i}`),
        }),
      ),
    ),
  );
}

export function endpointRows(dump: ProxyDump, live: readonly LiveEndpointJson[] = []): readonly EndpointRow[] {
  const lives = new Map(live.map((one) => [`${one.cluster}|${one.address}`, one]));
  return list(dump['endpoints']).flatMap((assignment) =>
    list(assignment['endpoints']).flatMap((locality) =>
      list(locality['lbEndpoints']).map((one): EndpointRow => {
        const endpoint = record(one['endpoint']);
        const metadata = record(record(one['metadata'])['filterMetadata']);
        const place = record(locality['locality']);
        const [cluster, address] = [text(assignment['clusterName']), addressText(record(endpoint['address']))];
        const now = lives.get(`${cluster}|${address}`);
        return {
          cluster,
          address,
          workload: text(record(metadata['istio'])['workload']).split(';')[0] ?? '',
          health:
            now?.ejected === true
              ? 'EJECTED'
              : now?.failedHealthCheck === true
                ? 'UNHEALTHY'
                : text(one['healthStatus']) || 'HEALTHY',
          live: now,
          weight: Number(one['loadBalancingWeight'] ?? 1),
          locality: [place['region'], place['zone'], place['subZone']].filter(Boolean).join('/'),
          mtls: record(metadata['envoy.transport_socket_match'])['tlsMode'] === 'istio',
        };
      }),
    ),
  );
}

export function clusterRows(dump: ProxyDump): readonly ClusterRow[] {
  const causes = causesOf(dump, 'clusters');
  return list(dump['clusters']).map((cluster) => {
    const outlier = record(cluster['outlierDetection']);
    const thresholds = list(record(cluster['circuitBreakers'])['thresholds'])[0] ?? {};
    const limits = ['maxConnections', 'maxPendingRequests', 'maxRequests']
      .filter((name) => Number(thresholds[name] ?? NO_LIMIT) !== NO_LIMIT)
      .map((name) => `${name} ${String(thresholds[name])}`);
    return {
      name: text(cluster['name']),
      kind: text(cluster['type']) || 'STATIC',
      policy: text(cluster['lbPolicy']) || 'ROUND_ROBIN',
      extras: [...limits, ...(Object.keys(outlier).length === 0 ? [] : ['ejects failing endpoints'])],
      cause: causes.get(text(cluster['name'])),
    };
  });
}

export interface ListenerRow {
  readonly name: string;
  readonly address: string;
  readonly direction: string;
  readonly chains: number;
  readonly cause: CauseJson | undefined;
}

export function listenerRows(dump: ProxyDump): readonly ListenerRow[] {
  const causes = causesOf(dump, 'listeners');
  return list(dump['listeners']).map((one) => ({
    name: text(one['name']),
    address: addressText(record(one['address'])),
    direction: text(one['trafficDirection']).toLowerCase(),
    chains: list(one['filterChains']).length,
    cause: causes.get(text(one['name'])),
  }));
}

/** By what they name. */
function causesOf(dump: ProxyDump, part: ConfigCauseJson['part']): ReadonlyMap<string, CauseJson> {
  const causes = (dump['causes'] ?? []) as readonly ConfigCauseJson[];
  return new Map(causes.filter((one) => one.part === part).map(({ of, cause }) => [of, cause]));
}

function targetsOf(route: Json): RouteRow['to'] {
  const action = record(route['route']);
  const weighted = list(record(action['weightedClusters'])['clusters']);
  if (weighted.length > 0)
    return weighted.map((one) => ({ cluster: text(one['name']), weight: Number(one['weight'] ?? 0) }));
  if (action['cluster'] !== undefined) return [{ cluster: text(action['cluster']), weight: 100 }];
  const answer = record(route['directResponse']);
  if (answer['status'] !== undefined) return [{ cluster: `answers ${String(answer['status'])}`, weight: 100 }];
  return route['redirect'] === undefined ? [] : [{ cluster: 'redirects', weight: 100 }];
}

function extrasOf(route: Json): readonly string[] {
  const action = record(route['route']);
  const extras: string[] = [];
  const timeout = text(action['timeout']);
  if (timeout !== '' && timeout !== '0s') extras.push(`timeout ${timeout}`);
  const retries = record(action['retryPolicy']);
  if (retries['numRetries'] !== undefined) extras.push(`${String(retries['numRetries'])} retries`);
  if (list(action['requestMirrorPolicies']).length > 0) extras.push('mirrored');
  if (record(route['typedPerFilterConfig'])['envoy.filters.http.fault'] !== undefined) extras.push('fault injected');
  if (
    action['hostRewriteLiteral'] !== undefined ||
    action['prefixRewrite'] !== undefined ||
    action['regexRewrite'] !== undefined
  )
    extras.push('rewritten');
  return extras;
}

function matchText(match: Json): string {
  const path =
    match['path'] !== undefined
      ? `= ${text(match['path'])}`
      : match['prefix'] !== undefined
        ? `${text(match['prefix'])}*`
        : match['pathSeparatedPrefix'] !== undefined
          ? `${text(match['pathSeparatedPrefix'])}/*`
          : match['safeRegex'] !== undefined
            ? `~ ${text(record(match['safeRegex'])['regex'])}`
            : 'any path';
  const headers = list(match['headers']).map((header) => {
    const string = record(header['stringMatch']);
    const value =
      text(string['exact']) ||
      text(string['prefix']) ||
      text(record(string['safeRegex'])['regex']) ||
      (header['presentMatch'] === true ? 'present' : '');
    return `${header['invertMatch'] === true ? 'not ' : ''}${text(header['name'])}: ${value}`;
  });
  return [path, ...headers].join(', ');
}

function addressText(address: Json): string {
  const socket = record(address['socketAddress']);
  return socket['address'] === undefined
    ? text(record(address['pipe'])['path'])
    : `${text(socket['address'])}:${String(socket['portValue'] ?? '')}`;
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value);
}
