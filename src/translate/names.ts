// Names of clusters, listeners and routes, exactly Istio's (inventory §3.2).

export const BLACK_HOLE = 'BlackHoleCluster';
export const PASSTHROUGH = 'PassthroughCluster';
export const INBOUND_PASSTHROUGH = 'InboundPassthroughCluster';
export const DYNAMIC_DNS = 'AllowAnyDynamicDNSCluster';

export function outboundCluster(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** Server name of the mesh's own TLS, and name of SNI-DNAT clusters. */
export function outboundSni(port: number, subset: string, host: string): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

export function inboundCluster(port: number): string {
  return `inbound|${port}||`;
}

/** Ours: where the bytes of CONNECT go in interception mode NONE. */
export function connectCluster(port: number, host: string): string {
  return `connect|${port}||${host}`;
}

export function configPath(
  kind: 'virtual-service' | 'destination-rule' | 'gateway',
  namespace: string,
  name: string,
): string {
  return `/apis/networking.istio.io/v1/namespaces/${namespace}/${kind}/${name}`;
}
