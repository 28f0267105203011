// What nothing in the mesh declares, and where a proxy let it go on as it was (PassthroughCluster) or stopped it
// (BlackHoleCluster): Istio's names for both, in words with what is missing.

import type { TapRecordJson } from './tap-record.ts';

export const PASSED_THROUGH = 'PassthroughCluster';
export const STOPPED = 'BlackHoleCluster';

/** A service that has the address or name that was asked for, and not the port. */
export interface Undeclared {
  readonly service: string;
  readonly port: number;
  /** Those that it has. */
  readonly ports: readonly number[];
}

/** Where interception mode NONE lets it go on, by the name that it asks for. */
const BY_NAME = 'AllowAnyDynamicDNSCluster';
/** Of ports that speak HTTP and of the forward proxy: Envoy names no cluster where the name could not be resolved. */
const ROUTES: Readonly<Record<string, typeof PASSED_THROUGH | typeof STOPPED>> = {
  allow_any: PASSED_THROUGH,
  allow_any_dynamic_dns: PASSED_THROUGH,
  block_all: STOPPED,
};

type Decided = Pick<TapRecordJson, 'cluster'> & Partial<Pick<TapRecordJson, 'route'>>;
type Told = Decided &
  Pick<TapRecordJson, 'endpoint'> &
  Partial<Pick<TapRecordJson, 'authority' | 'undeclared' | 'flags' | 'upstreamFailure'>>;

/** Istio's name of what became of it; '' where something declares it. */
export function undeclaredTo({ cluster, route = '' }: Decided): typeof PASSED_THROUGH | typeof STOPPED | '' {
  if (cluster === PASSED_THROUGH || cluster === BY_NAME) return PASSED_THROUGH;
  if (cluster === STOPPED) return STOPPED;
  return cluster === '' ? (ROUTES[route] ?? '') : '';
}

export function isUndeclared(told: Decided): boolean {
  return undeclaredTo(told) !== '';
}

/** "PassthroughCluster: port 9999 is none of ratings.default.svc.cluster.local (9080)"; '' where something declares it. */
export function passThroughWords(told: Told): string {
  const name = undeclaredTo(told);
  if (name === '') return '';
  const { endpoint, authority = '', undeclared } = told;
  const target = authority || endpoint || 'its destination';
  const missing =
    undeclared === undefined
      ? `no Service or ServiceEntry declares ${target}`
      : `port ${undeclared.port} is none of ${undeclared.service} (${undeclared.ports.join(', ') || 'it has none'})`;
  return `${name}: ${missing}`;
}

/** What is known of why it failed, in brackets; stopped as it has to be, it needs no reason. */
export function passThroughFailure({ flags = [], upstreamFailure = '' }: Told): string {
  const why = upstreamFailure || (flags.includes('DF') ? 'its name could not be resolved' : '');
  return why === '' ? '' : ` (${why})`;
}

export function passThroughRemedy({ undeclared }: Pick<Told, 'undeclared'>): string {
  return undeclared === undefined
    ? 'Declare it in a ServiceEntry, or correct the name: until then no route, policy or mutual TLS is for it.'
    : `Add port ${undeclared.port} to the Service, named by its protocol: until then no route, policy or mutual TLS is for it.`;
}
