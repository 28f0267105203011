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

type Told = Pick<TapRecordJson, 'cluster' | 'endpoint'> & Partial<Pick<TapRecordJson, 'authority' | 'undeclared'>>;

export function isUndeclared({ cluster }: Pick<TapRecordJson, 'cluster'>): boolean {
  return cluster === PASSED_THROUGH || cluster === STOPPED;
}

/** "PassthroughCluster: port 9999 is none of ratings.default.svc.cluster.local (9080)"; '' where something declares it. */
export function passThroughWords(told: Told): string {
  if (!isUndeclared(told)) return '';
  const { cluster, endpoint, authority = '', undeclared } = told;
  const target = authority || endpoint || 'its destination';
  const missing =
    undeclared === undefined
      ? `no Service or ServiceEntry declares ${target}`
      : `port ${undeclared.port} is none of ${undeclared.service} (${undeclared.ports.join(', ') || 'it has none'})`;
  return `${cluster}: ${missing}`;
}

export function passThroughRemedy({ undeclared }: Pick<Told, 'undeclared'>): string {
  return undeclared === undefined
    ? 'Declare it in a ServiceEntry, or correct the name: until then no route, policy or mutual TLS is for it.'
    : `Add port ${undeclared.port} to the Service, named by its protocol: until then no route, policy or mutual TLS is for it.`;
}
