// How a destination is called to people: by its workload, or, where what was asked reached none that is known, by the
// service that was asked for: one of the cluster by name and namespace, another by its host.
import type { GraphPeer } from './traffic-views.ts';

export const UNKNOWN = 'unknown';

export interface ServiceName {
  readonly name: string;
  /** '' outside of the cluster. */
  readonly namespace: string;
}

export interface DestinationName extends Pick<GraphPeer, 'workload' | 'namespace' | 'service' | 'version'> {
  /** False: `workload` is the service's name, or `unknown` where nothing that is known was asked for. */
  readonly reached: boolean;
}

export function serviceOfHost(host: string): ServiceName {
  const [name = host, namespace = ''] = host.includes('.svc.') ? host.split('.') : [host];
  return { name, namespace };
}

export function nameDestination(
  { workload, namespace, service, version }: Pick<GraphPeer, 'workload' | 'namespace' | 'service' | 'version'>,
  host: string,
): DestinationName {
  const reached = workload !== UNKNOWN;
  if (reached || host === '') return { workload, namespace, service, version, reached };
  const asked = serviceOfHost(host);
  return { workload: asked.name, namespace: asked.namespace, service: asked.name, version: '', reached };
}

/** False: a service of the cluster was asked for and nobody of it was reached, so that nobody was spoken to, in plaintext or otherwise. */
export function wasSpokenTo({ reached, namespace }: Pick<DestinationName, 'reached' | 'namespace'>): boolean {
  return reached || namespace === '';
}
