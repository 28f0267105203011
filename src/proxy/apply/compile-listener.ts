// Reads a Listener message into a snapshot: addresses, listener filters, filter chains.

import type {
  Filter,
  FilterChain as ChainMessage,
  ListenerFilter,
  ListenerFilterChainMatchPredicate,
} from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import type { Listener } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { Address } from '#proto/envoy/config/core/v3/address_pb.ts';
import type { ProxyProtocol } from '#proto/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import type { OriginalSrc } from '#proto/envoy/extensions/filters/listener/original_src/v3/original_src_pb.ts';
import type { HttpConnectionManager } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { TcpProxy as TcpProxyMessage } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { DownstreamTlsContext } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { Steps } from '#base';
import { ConfigError } from '../errors.ts';
import { HttpManager } from '../http/http-manager.ts';
import type { StreamSink } from '../http/manager-config.ts';
import { ChainTls } from '../listener/downstream-tls.ts';
import { FilterChainMatcher } from '../listener/filter-chain-match.ts';
import {
  type FilterChain,
  type ListenerFilters,
  type ListenerPlace,
  type ListenerSnapshot,
  listenerStatName,
} from '../listener/listener-snapshot.ts';
import { ProxyProtocolRules } from '../listener/proxy-protocol-rules.ts';
import { millisOf } from '../matcher/fraction.ts';
import { CLOSED } from '../network/closed.ts';
import type { NetworkFilterFactory, TerminalFilter } from '../network/filter.ts';
import { readTunneling } from '../network/read-tunneling.ts';
import { TcpProxy } from '../network/tcp-proxy.ts';
import { type CompileContext, compileLogs, compileManager, compileSinks } from './compile-manager.ts';
import { type MetricSettings, metricSettings } from './metric-rules.ts';
import { compileTracer } from '../tracing/compile-tracer.ts';
import { decodeMessage, typeNameOf } from './decode.ts';
import type { FilterLook } from './discovered-filters.ts';
import { unknownExtension } from './extensions.ts';
import { tellUnread } from './unread-fields.ts';

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const TCP_PROXY = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
const TLS = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const PROXY_PROTOCOL = 'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol';
const ORIGINAL_SRC = 'envoy.extensions.filters.listener.original_src.v3.OriginalSrc';
const RAW = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
const MOST_PORT = 65_535;
const LISTENER_FILTERS_DEFAULT_MS = 15_000;
const DIRECTIONS = ['unspecified', 'inbound', 'outbound'] as const;

/** With what the listener's own filters are looked up in. */
interface ListenerContext extends CompileContext {
  readonly look: FilterLook;
}

/** Pauses after each filter chain. What was made of a listener that is refused is let go. */
export function* compileListener(
  message: Listener,
  context: CompileContext,
  look: FilterLook,
): Steps<ListenerSnapshot> {
  const chains: FilterChain[] = [];
  try {
    return yield* compileInto(chains, withDiscovered(message, look), { ...context, look });
  } catch (error) {
    for (const chain of chains) chain.dispose();
    throw error;
  }
}

function* compileInto(chains: FilterChain[], listener: Listener, context: ListenerContext): Steps<ListenerSnapshot> {
  const field = `listener "${listener.name}"`;
  if (listener.udpListenerConfig !== undefined)
    throw new ConfigError('proxy.unsupported', `${field}.udp_listener_config`, 'UDP listeners are not part of it');
  tellUnread('Listener', listener, field, context.warn);
  const place = socketOf(listener.address, `${field}.address`);
  for (const [i, chain] of listener.filterChains.entries()) {
    chains.push(compileChain(chain, listener, context, `${field}.filter_chains[${i}]`));
    yield;
  }
  const matcher = new FilterChainMatcher(
    listener.filterChains.map((message, i) => ({ match: message.filterChainMatch, value: chains[i] as FilterChain })),
  );
  return {
    name: listener.name,
    statPrefix: listener.statPrefix,
    ...place,
    additional: listener.additionalAddresses.map((a, i) => socketOf(a.address, `${field}.additional_addresses[${i}]`)),
    transparent: listener.transparent ?? false,
    bindToPort: listener.bindToPort ?? listener.deprecatedV1?.bindToPort ?? true,
    useOriginalDst: listener.useOriginalDst ?? false,
    filters: listenerFilters(listener, field, context),
    matcher,
    chains,
    defaultChain:
      listener.defaultFilterChain === undefined
        ? undefined
        : compileChain(listener.defaultFilterChain, listener, context, `${field}.default_filter_chain`),
    reusePort: listener.enableReusePort ?? listener.reusePort,
    backlog: listener.tcpBacklogSize,
    unmatchedSinks: compileLogs(listener.accessLog, context),
    direction: DIRECTIONS[listener.trafficDirection] ?? 'unspecified',
    message: listener,
  };
}

/** Network filters that come by themselves stand in their places; HTTP filters do when their manager is read. */
function withDiscovered(listener: Listener, look: FilterLook): Listener {
  const whole = (chain: ChainMessage, field: string): ChainMessage => ({
    ...chain,
    filters: chain.filters.map((filter, i) => look.networkFilter(filter, `${field}.filters[${i}] "${filter.name}"`)),
  });
  const field = `listener "${listener.name}"`;
  return {
    ...listener,
    filterChains: listener.filterChains.map((chain, i) => whole(chain, `${field}.filter_chains[${i}]`)),
    ...(listener.defaultFilterChain === undefined
      ? {}
      : { defaultFilterChain: whole(listener.defaultFilterChain, `${field}.default_filter_chain`) }),
  };
}

function socketOf(address: Address | undefined, field: string): ListenerPlace {
  const at = address?.address;
  if (at?.case === 'socketAddress') {
    const port = at.value.portSpecifier.case === 'portValue' ? at.value.portSpecifier.value : 0;
    if (port > MOST_PORT)
      throw new ConfigError('proxy.field-invalid', `${field}.port_value`, `${port} is no port: 0 to ${MOST_PORT}`);
    return {
      host: at.value.address,
      port,
      ...(at.value.ipv4Compat ? { ipv4Too: true } : {}),
    };
  }
  if (at?.case === 'pipe') return { host: at.value.path, port: 0 };
  throw new ConfigError('proxy.unsupported', field, 'give socket_address or pipe');
}

function compileChain(chain: ChainMessage, listener: Listener, context: ListenerContext, field: string): FilterChain {
  tellUnread('FilterChain', chain, field, context.warn);
  const tls = compileTls(chain, context, `${field}.transport_socket`);
  const network: NetworkFilterFactory[] = [];
  let terminal: TerminalFilter | undefined;
  chain.filters.forEach((filter, i) => {
    const at = `${field}.filters[${i}] "${filter.name}"`;
    if (terminal !== undefined) throw new ConfigError('proxy.field-invalid', at, 'stands behind the terminal filter');
    terminal = compileTerminal(filter, chain, listener, context, at);
    if (terminal === undefined) network.push(compileNetworkFilter(filter, listener.name, chain.name, context, at));
  });
  if (chain.filters.length === 0) terminal = CLOSED;
  if (terminal === undefined)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.filters`,
      'must end with http_connection_manager or tcp_proxy',
    );
  const last = terminal;
  return {
    name: chain.name,
    filters: network,
    terminal: last,
    tls,
    securityClass: `${tls?.securityClass ?? 'plain'} ${last.kind}`,
    dispose: () => {
      tls?.dispose();
      last.dispose?.();
      for (const filter of network) filter.dispose?.();
    },
  };
}

function compileTls(chain: ChainMessage, context: CompileContext, field: string): ChainTls | undefined {
  const socket = chain.transportSocket;
  const config = socket?.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  if (socket === undefined) return undefined;
  switch (config === undefined ? '' : typeNameOf(config.typeUrl)) {
    case RAW:
      return undefined;
    case TLS:
      return new ChainTls(
        decodeMessage<DownstreamTlsContext>(TLS, (config as { value: Uint8Array }).value, field),
        millisOf(chain.transportSocketConnectTimeout) ?? 0,
        context.services,
        field,
      );
    default:
      throw new ConfigError('proxy.field-invalid', field, unknownExtension(socket.name, config?.typeUrl ?? ''));
  }
}

function compileTerminal(
  filter: Filter,
  chain: ChainMessage,
  listener: Listener,
  context: ListenerContext,
  field: string,
): TerminalFilter | undefined {
  const config = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  if (config === undefined) throw new ConfigError('proxy.unsupported', field, 'give typed_config');
  switch (typeNameOf(config.typeUrl)) {
    case HCM: {
      const inbound = DIRECTIONS[listener.trafficDirection] === 'inbound';
      const read = decodeMessage<HttpConnectionManager>(HCM, config.value, field);
      const hcm = { ...read, httpFilters: context.look.httpFilters(read.httpFilters, `${field}.http_filters`) };
      const manager = compileManager(hcm, context, listener.perConnectionBufferLimitBytes, field);
      return new HttpManager(
        {
          ...manager,
          tracer: compileTracer(hcm, inbound ? 'server' : 'client', context.services, context.warn, field),
          sinks: [
            ...manager.sinks,
            ...reporterSinks(listener, context, metricSettings(hcm.httpFilters, context, field)),
          ],
        },
        context.services,
        listenerStatName(listener.statPrefix, socketOf(listener.address, `listener "${listener.name}".address`)),
      );
    }
    case TCP_PROXY:
      return compileTcpProxy(
        decodeMessage<TcpProxyMessage>(TCP_PROXY, config.value, field),
        listener,
        context,
        field,
        metricSettings(chain.filters, context, field),
      );
    default:
      return undefined;
  }
}

/** Inbound listeners report as the destination; outbound ones and gateways as the source. */
function reporterSinks(
  listener: Listener,
  context: CompileContext,
  { rules, tcpReportMs }: MetricSettings,
): readonly StreamSink[] {
  const { reporter } = context.services;
  if (reporter === undefined) return [];
  return [
    reporter.sink(DIRECTIONS[listener.trafficDirection] === 'inbound' ? 'destination' : 'source', rules, tcpReportMs),
  ];
}

function compileTcpProxy(
  tcp: TcpProxyMessage,
  listener: Listener,
  context: CompileContext,
  field: string,
  metrics: MetricSettings,
): TcpProxy {
  const specifier = tcp.clusterSpecifier;
  tellUnread('TcpProxy', tcp, field, context.warn);
  tellUnread('TunnelingConfig', tcp.tunnelingConfig, `${field}.tunneling_config`, context.warn);
  const clusters =
    specifier.case === 'cluster'
      ? [{ name: specifier.value, weight: 1 }]
      : specifier.case === 'weightedClusters'
        ? specifier.value.clusters.map((c) => ({ name: c.name, weight: c.weight }))
        : [];
  const totalWeight = clusters.reduce((sum, c) => sum + c.weight, 0);
  if (totalWeight < 1) throw new ConfigError('proxy.field-required', `${field}.cluster`);
  return new TcpProxy(
    {
      statPrefix: tcp.statPrefix,
      clusters,
      totalWeight,
      idleMs: millisOf(tcp.idleTimeout) ?? 3_600_000,
      connectAttempts: tcp.maxConnectAttempts ?? 1,
      lifeMs: millisOf(tcp.maxDownstreamConnectionDuration) ?? 0,
      hashSource: hashesSource(tcp, context, field),
      tunnel: readTunneling(tcp.tunnelingConfig, `${field}.tunneling_config`),
      sinks: [...compileSinks(tcp.accessLog, context), ...reporterSinks(listener, context, metrics)],
    },
    context.services,
  );
}

function hashesSource({ hashPolicy }: TcpProxyMessage, context: CompileContext, field: string): boolean {
  for (const { policySpecifier } of hashPolicy)
    if (policySpecifier.case !== 'sourceIp')
      context.warn(`${field}.hash_policy`, 'connections are hashed by their source address only');
  return hashPolicy.some(({ policySpecifier }) => policySpecifier.case === 'sourceIp');
}

function compileNetworkFilter(
  filter: Filter,
  listener: string,
  chain: string,
  context: CompileContext,
  field: string,
): NetworkFilterFactory {
  const config = filter.configType.value as { typeUrl: string; value: Uint8Array };
  const extension = context.extensions.networkFilter(config.typeUrl);
  if (extension === undefined)
    throw new ConfigError('proxy.field-invalid', field, unknownExtension(filter.name, config.typeUrl));
  const { clock, random, log, stats, clusters } = context.services;
  const given = { clock, random, log, stats, clusters, listener, filterChain: chain };
  return extension.build(config.value, given, filter.name);
}

function listenerFilters(listener: Listener, field: string, context: CompileContext): ListenerFilters {
  // `use_original_dst` asks for the look by itself, as Envoy takes it.
  let originalDst = listener.useOriginalDst ?? false;
  let originalSrc: ListenerFilters['originalSrc'];
  let tls: ListenerFilter | undefined;
  let http: ListenerFilter | undefined;
  let proxyProtocol: ProxyProtocolRules | undefined;
  listener.listenerFilters.forEach((filter, i) => {
    const type = filter.configType.case === 'typedConfig' ? typeNameOf(filter.configType.value.typeUrl) : filter.name;
    if (type.includes('original_dst') || type.includes('OriginalDst')) originalDst = true;
    else if (type.includes('tls_inspector')) tls = filter;
    else if (type.includes('http_inspector')) http = filter;
    else if (type === PROXY_PROTOCOL)
      proxyProtocol = readProxyProtocol(filter, `${field}.listener_filters[${i}]`, context);
    else if (type === ORIGINAL_SRC) originalSrc = readOriginalSrc(filter, `${field}.listener_filters[${i}]`);
    else
      throw new ConfigError(
        'proxy.field-invalid',
        `${field}.listener_filters[${i}]`,
        unknownExtension(filter.name, type),
      );
  });
  // Chains that match on TLS need the look, whether or not the filter is written down (Envoy adds it as well).
  const needsTls = listener.filterChains.some(
    (c) =>
      c.filterChainMatch !== undefined &&
      (c.filterChainMatch.transportProtocol !== '' || c.filterChainMatch.serverNames.length > 0),
  );
  return {
    originalDst,
    originalSrc,
    tlsInspector: tls !== undefined ? unlessDisabled(tls.filterDisabled) : () => needsTls,
    httpInspector: http !== undefined ? unlessDisabled(http.filterDisabled) : () => false,
    proxyProtocol,
    timeoutMs: millisOf(listener.listenerFiltersTimeout) ?? LISTENER_FILTERS_DEFAULT_MS,
    continueOnTimeout: listener.continueOnListenerFiltersTimeout,
  };
}

function readOriginalSrc(filter: ListenerFilter, field: string): NonNullable<ListenerFilters['originalSrc']> {
  const { mark, bindPort } = decodeMessage<OriginalSrc>(
    ORIGINAL_SRC,
    (filter.configType.value as { value: Uint8Array }).value,
    field,
  );
  return { mark, port: bindPort };
}

function readProxyProtocol(filter: ListenerFilter, field: string, context: CompileContext): ProxyProtocolRules {
  const { value } = filter.configType.value as { value: Uint8Array };
  return new ProxyProtocolRules(
    decodeMessage<ProxyProtocol>(PROXY_PROTOCOL, value, field),
    context.services.stats,
    field,
  );
}

function unlessDisabled(predicate: ListenerFilterChainMatchPredicate | undefined): (port: number) => boolean {
  if (predicate === undefined) return () => true;
  return (port) => !holds(predicate, port);
}

function holds(predicate: ListenerFilterChainMatchPredicate, port: number): boolean {
  const rule = predicate.rule;
  switch (rule.case) {
    case 'orMatch':
      return rule.value.rules.some((inner) => holds(inner, port));
    case 'andMatch':
      return rule.value.rules.every((inner) => holds(inner, port));
    case 'notMatch':
      return !holds(rule.value, port);
    case 'anyMatch':
      return rule.value;
    case 'destinationPortRange':
      return port >= rule.value.start && port < rule.value.end;
    default:
      return false;
  }
}
