// Pieces that every listener is put together from: inspectors, chains, names (inventory §3.2, §3.3).

import type { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type {
  FilterChainSchema,
  FilterChainMatchSchema,
  FilterSchema,
  ListenerFilterSchema,
} from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { HttpInspectorSchema } from '#proto/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { OriginalDstSchema } from '#proto/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { OriginalSrcSchema } from '#proto/envoy/extensions/filters/listener/original_src/v3/original_src_pb.ts';
import { ProxyProtocolSchema } from '#proto/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from '#proto/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { duration, type Init, typed } from '../encode.ts';

export type Listener = Init<typeof ListenerSchema>;
export type Chain = Init<typeof FilterChainSchema>;
export type ChainMatch = Init<typeof FilterChainMatchSchema>;
export type NetworkFilter = Init<typeof FilterSchema>;
export type ListenerFilter = Init<typeof ListenerFilterSchema>;

/** ALPN names by which a mesh client says which kind of traffic its TLS carries (inventory §3.3). */
export const MESH_HTTP_ALPN = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
export const MESH_TCP_ALPN = ['istio-peer-exchange', 'istio'];
export const MESH_ALPN = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
/** What the HTTP inspector finds in the clear. */
export const PLAIN_HTTP = ['http/1.1', 'h2c'];

/** Whoever connects says first for whom (PROXY protocol, both versions). */
export function proxyHeader(): ListenerFilter {
  return typed('envoy.filters.listener.proxy_protocol', ProxyProtocolSchema, {});
}

export function tlsInspector(): ListenerFilter {
  return typed('envoy.filters.listener.tls_inspector', TlsInspectorSchema, {});
}

export function httpInspector(disabledPorts: readonly number[] = []): ListenerFilter {
  const filter = typed('envoy.filters.listener.http_inspector', HttpInspectorSchema, {});
  if (disabledPorts.length === 0) return filter;
  return { ...filter, filterDisabled: anyPort(disabledPorts) };
}

/** 0 waits for the client's first bytes as long as it takes. */
export function detection(
  timeoutMs: number,
): Pick<Listener, 'listenerFiltersTimeout' | 'continueOnListenerFiltersTimeout'> {
  return { listenerFiltersTimeout: duration(timeoutMs), continueOnListenerFiltersTimeout: true };
}

export function originalDestination(): ListenerFilter {
  return typed('envoy.filters.listener.original_dst', OriginalDstSchema, {});
}

export function originalSource(): ListenerFilter {
  return typed('envoy.filters.listener.original_src', OriginalSrcSchema, { mark: 1337 });
}

function anyPort(ports: readonly number[]): NonNullable<ListenerFilter['filterDisabled']> {
  const ranges = ports.map((port) => ({
    rule: { case: 'destinationPortRange' as const, value: { start: port, end: port + 1 } },
  }));
  return ranges.length === 1
    ? (ranges[0] as (typeof ranges)[number])
    : { rule: { case: 'orMatch', value: { rules: ranges } } };
}

export function listenerName(address: string, port: number): string {
  return `${address}_${port}`;
}
