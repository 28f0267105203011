// What a proxy says about itself in the xDS node: Istio's metadata keys, and ours for interception mode NONE.

/** One declared port of a workload in interception mode NONE (design §3c.3). */
export interface BoundPort {
  /** The port that Services, policies and PeerAuthentication mean: the workload's declared port. */
  readonly port: number;
  /** Where the application really listens, on 127.0.0.1. */
  readonly appPort: number;
  /** Where the sidecar listens for it; endpoints advertise this one. */
  readonly boundPort: number;
}

export interface NodeMetadata {
  readonly NAME?: string;
  readonly ANNOTATIONS?: Readonly<Record<string, string>>;
  readonly ENVOY_STATUS_PORT?: number;
  readonly ENVOY_PROMETHEUS_PORT?: number;
  /** Names that the control plane's certificate may have. */
  readonly PILOT_SAN?: readonly string[];
  readonly NAMESPACE: string;
  readonly SERVICE_ACCOUNT: string;
  readonly WORKLOAD_NAME: string;
  readonly LABELS: Readonly<Record<string, string>>;
  readonly CLUSTER_ID: string;
  readonly MESH_ID: string;
  readonly ISTIO_VERSION: string;
  readonly INSTANCE_IPS: string;
  readonly INTERCEPTION_MODE: 'REDIRECT' | 'TPROXY' | 'NONE';
  readonly PROXY_CONFIG?: Readonly<Record<string, unknown>>;
  readonly NETWORK?: string;
  readonly POD_PORTS?: string;
  readonly DNS_CAPTURE?: string;
  /** 'grpc': a gRPC client without a proxy. */
  readonly GENERATOR?: string;
  /** 'topsail' or 'envoy': only which extensions may be sent depends on it. */
  readonly TOPSAIL_DATA_PLANE?: 'topsail' | 'envoy';
  readonly TOPSAIL_BOUND_PORTS?: readonly BoundPort[];
  /** Where the loopback forward proxy listens in mode NONE; absent = none. */
  readonly TOPSAIL_HTTP_PROXY_PORT?: number;
  /** Two first octets of the loopback block for per-service listeners in mode NONE, e.g. "127.66". */
  readonly TOPSAIL_LOOPBACK_BLOCK?: string;
  /** The proxy takes virtual hosts by themselves (design §6). */
  readonly TOPSAIL_VHDS?: boolean;
  /** Where the proxy's admin pages are, on its own loopback. */
  readonly TOPSAIL_ADMIN_PORT?: number;
  readonly TOPSAIL_CAPTURE?: 'userns' | 'netns' | 'none';
  /** Gateways: container port -> port really bound, where privileged or taken ports are moved. */
  /** Gateways: the address to bind where a server names none; absent = all. */
  readonly TOPSAIL_GATEWAY_BIND?: string;
  readonly TOPSAIL_GATEWAY_PORTS?: Readonly<Record<string, number>>;
}

/** `<type>~<ip>~<workload>.<namespace>~<namespace>.svc.<domain>` */
export interface NodeId {
  readonly type: 'sidecar' | 'router' | 'waypoint' | 'ztunnel';
  readonly ip: string;
  readonly workload: string;
  readonly namespace: string;
  readonly domain: string;
}

export function formatNodeId(id: NodeId): string {
  return `${id.type}~${id.ip}~${id.workload}.${id.namespace}~${id.namespace}.svc.${id.domain}`;
}

/** Undefined when the text is no node id. */
export function parseNodeId(text: string): NodeId | undefined {
  const parts = text.split('~');
  const [type, ip, pod, dns] = parts;
  if (parts.length !== 4 || type === undefined || ip === undefined || pod === undefined || dns === undefined)
    return undefined;
  if (type !== 'sidecar' && type !== 'router' && type !== 'waypoint' && type !== 'ztunnel') return undefined;
  const dot = pod.lastIndexOf('.');
  const svc = dns.indexOf('.svc.');
  if (dot <= 0 || svc <= 0) return undefined;
  return { type, ip, workload: pod.slice(0, dot), namespace: pod.slice(dot + 1), domain: dns.slice(svc + 5) };
}

/** Stable loopback address of a service inside a workload's block (mode NONE); agent and translation must agree on it. */
export function serviceLoopback(block: string, host: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < host.length; i++) hash = Math.imul(hash ^ host.charCodeAt(i), 0x01000193) >>> 0;
  const third = 1 + ((hash >>> 8) % 254);
  const fourth = 1 + (hash % 254);
  return `${block}.${third}.${fourth}`;
}
