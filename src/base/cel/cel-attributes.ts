// The attributes that an expression may name, for those who check it before a proxy sees it.

import { type CelNode, parseCel, visitCel } from './cel-syntax.ts';

/** Attributes that are one value. */
export const CEL_ATTRIBUTES: readonly string[] = [
  ...'path url_path query host scheme method protocol id referer useragent time duration size total_size'
    .split(' ')
    .map((name) => `request.${name}`),
  ...'code code_details grpc_status flags size total_size backend_latency'.split(' ').map((name) => `response.${name}`),
  ...['source', 'destination', 'upstream'].flatMap((side) => [`${side}.address`, `${side}.port`]),
  ...'mtls requested_server_name tls_version uri_san_local_certificate uri_san_peer_certificate termination_details'
    .split(' ')
    .map((name) => `connection.${name}`),
  ...'local_address uri_san_local_certificate uri_san_peer_certificate transport_failure_reason request_attempt_count'
    .split(' ')
    .map((name) => `upstream.${name}`),
  ...'cluster_name route_name virtual_host_name filter_chain_name listener_direction'
    .split(' ')
    .map((name) => `xds.${name}`),
  'cluster_name',
  'route_name',
  'listener_direction',
  'upstream_peer_id',
  'downstream_peer_id',
];
const KNOWN: ReadonlySet<string> = new Set(CEL_ATTRIBUTES);
const PEERS =
  /^(?:filter_state\.)?(?:up|down)stream_peer\.(?:workload|name|namespace|cluster|service|revision|app|version|labels\..+)$/;
const MAPS =
  /^(?:request\.headers|response\.headers|response\.trailers|(?:xds\.)?node\.metadata|metadata|filter_state)\../;

/** Is there such an attribute? `names` is what stands between the dots, and texts in brackets. */
export function isCelAttribute(names: readonly string[]): boolean {
  const name = names.join('.');
  return KNOWN.has(name) || PEERS.test(name) || MAPS.test(name);
}

/** `request.headers['x-id']` as its names; undefined for what is no attribute by its form. */
export function celPathOf(node: CelNode): readonly string[] | undefined {
  if (node.is === 'name') return [node.name];
  if (node.is !== 'field' && node.is !== 'index') return undefined;
  const before = celPathOf(node.of);
  if (before === undefined) return undefined;
  if (node.is === 'field') return [...before, node.name];
  const { key } = node;
  return key.is === 'value' && typeof key.value === 'string' ? [...before, key.value] : undefined;
}

/** Why an expression is not legal; undefined: it is. */
export function checkCel(text: string): string | undefined {
  const parsed = parseCel(text);
  if (!parsed.ok) return parsed.error;
  let problem: string | undefined;
  const inner = new Set<CelNode>();
  visitCel(parsed.value, (node) => {
    if (node.is !== 'name' && node.is !== 'field' && node.is !== 'index') return;
    const { of } = node as { readonly of?: CelNode };
    if (of !== undefined) inner.add(of);
    if (inner.has(node)) return;
    const path = celPathOf(node);
    if (path !== undefined && !isCelAttribute(path)) problem ??= `\`${path.join('.')}\` is no attribute`;
  });
  return problem;
}

/** Request headers that an expression reads, in lower case. */
export function celRequestHeaders(text: string): readonly string[] {
  const parsed = parseCel(text);
  const found = new Set<string>();
  if (parsed.ok)
    visitCel(parsed.value, (node) => {
      const [root, kind, name] = celPathOf(node) ?? [];
      if (root === 'request' && kind === 'headers' && name !== undefined) found.add(name.toLowerCase());
    });
  return [...found];
}
