// Where the services of telemetry providers are reached: a cluster that the proxy has anyway.

import type { ExtensionProvider } from '#config';
import type { MeshSettings, Service } from '#registry';
import { outboundCluster } from '../names.ts';

export interface Sink {
  readonly cluster: string;
  readonly host: string;
  readonly port: number;
}

export interface ProviderPlaces {
  readonly mesh: MeshSettings;
  readonly service: (host: string) => Service | undefined;
}

/** Undefined: the proxy sees no such service, or it has no such port. Nothing is sent then. */
export function sinkOf(provider: ExtensionProvider, places: ProviderPlaces): Sink | undefined {
  const at =
    provider.zipkin ?? provider.opentelemetry ?? provider.envoyHttpAls ?? provider.envoyTcpAls ?? provider.envoyOtelAls;
  if (at === undefined) return undefined;
  const slash = at.service.indexOf('/');
  const namespace = slash < 0 ? undefined : at.service.slice(0, slash);
  const service = places.service(at.service.slice(slash + 1));
  if (service === undefined || (namespace !== undefined && service.namespace !== namespace)) return undefined;
  if (!service.ports.some(({ number }) => number === at.port)) return undefined;
  return { cluster: outboundCluster(at.port, '', service.hostname), host: service.hostname, port: at.port };
}
