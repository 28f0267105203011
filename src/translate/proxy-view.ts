// A connected proxy as translation sees it: defaults filled in, metadata read once.

import { type BoundPort, canonicalIp, parseNodeId, type ProxyNode } from '#base';
import { type Families, familiesOf, labelLocality, type Locality } from '#registry';
import { wildcards } from './listeners/listening-addresses.ts';

export interface ProxyView {
  readonly kind: 'sidecar' | 'router';
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly workload: string;
  readonly ip: string;
  /** Of the workload's own addresses: where its proxy listens, and which of others' addresses it can reach. */
  readonly families: Families;
  /** All of the workload's own addresses. */
  readonly ips: readonly string[];
  /** NONE: nothing is captured, every listener binds its own port. */
  readonly captured: boolean;
  /** Endpoints' addresses mean the same to the application as to us: not where they are ports of the host that it cannot see (userns). */
  readonly direct: boolean;
  readonly tproxy: boolean;
  /** Stock Envoy: only its own extensions may be sent. */
  readonly envoy: boolean;
  readonly boundPorts: readonly BoundPort[];
  readonly loopbackBlock: string | undefined;
  readonly httpProxyPort: number | undefined;
  readonly gatewayPorts: Readonly<Record<string, number>>;
  /** Where a gateway's servers listen that name no address. */
  readonly gatewayBinds: readonly string[];
  readonly network: string;
  readonly locality: Locality;
  /** Port name -> number, from POD_PORTS. */
  readonly namedPorts: ReadonlyMap<string, number>;
  /** Namespace of the verified identity; '' when there is none. */
  readonly verifiedNamespace: string;
  /** Takes virtual hosts by themselves: a changed route then costs one host, not its table (design §6). */
  readonly vhds: boolean;
  /** A gRPC client that is its own proxy (Istio's generator `grpc`). */
  readonly proxyless: boolean;
}

export function proxyView(node: ProxyNode): ProxyView {
  const meta = node.metadata;
  const id = node.parsed ?? parseNodeId(node.id);
  const mode = meta.INTERCEPTION_MODE ?? 'REDIRECT';
  const ips = (meta.INSTANCE_IPS || (id?.ip ?? '127.0.0.1')).split(',').map((one) => canonicalIp(one.trim()));
  return {
    kind: id?.type === 'router' ? 'router' : 'sidecar',
    namespace: meta.NAMESPACE ?? id?.namespace ?? 'default',
    labels: meta.LABELS ?? {},
    serviceAccount: meta.SERVICE_ACCOUNT ?? 'default',
    workload: meta.WORKLOAD_NAME ?? id?.workload ?? '',
    ip: ips[0] ?? '127.0.0.1',
    ips,
    families: familiesOf(ips.join()),
    captured: mode !== 'NONE',
    direct: meta.TOPSAIL_CAPTURE !== 'userns',
    tproxy: mode === 'TPROXY',
    envoy: meta.TOPSAIL_DATA_PLANE !== 'topsail',
    boundPorts: meta.TOPSAIL_BOUND_PORTS ?? [],
    loopbackBlock: meta.TOPSAIL_LOOPBACK_BLOCK,
    httpProxyPort: meta.TOPSAIL_HTTP_PROXY_PORT,
    gatewayPorts: meta.TOPSAIL_GATEWAY_PORTS ?? {},
    gatewayBinds:
      meta.TOPSAIL_GATEWAY_BIND === undefined ? wildcards(familiesOf(ips.join())) : [meta.TOPSAIL_GATEWAY_BIND],
    network: meta.NETWORK ?? '',
    locality: node.locality.region === '' ? labelLocality(meta.LABELS ?? {}) : node.locality,
    namedPorts: namedPorts(meta.POD_PORTS),
    verifiedNamespace: /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(node.principal)?.[1] ?? '',
    vhds: meta.TOPSAIL_VHDS === true,
    proxyless: meta.GENERATOR === 'grpc',
  };
}

/** `[{"name":"http","containerPort":8080}]`, as Istio's injector writes it. */
function namedPorts(text: string | undefined): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  if (text === undefined || text === '') return found;
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return found;
  }
  for (const entry of Array.isArray(list) ? list : []) {
    const { name, containerPort } = entry as { name?: unknown; containerPort?: unknown };
    if (typeof name === 'string' && typeof containerPort === 'number') found.set(name, containerPort);
  }
  return found;
}
