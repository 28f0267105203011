// What a Cluster message becomes: settings with Envoy's defaults, without endpoints, health or pools (design 4).

import { canonicalIp } from '#base';
import type {
  Cluster as ClusterMessage,
  Cluster_CustomClusterType,
} from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterConfig as ForwardClusterConfig } from '#proto/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import type { DnsCluster } from '#proto/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import type { HttpProtocolOptions } from '#proto/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { decodeMessage, typeNameOf, unpack } from '../apply/decode.ts';
import { tellUnread } from '../apply/unread-fields.ts';
import {
  type ForwardSettings,
  type LbSettings,
  type OriginalDestinationSettings,
  readForwardSettings,
  readLbSettings,
} from '../cluster/index.ts';
import { ConfigError } from '../errors.ts';
import { type H2Settings, readH2Settings } from '../http/h2-settings.ts';
import { millisOf } from '../matcher/fraction.ts';
import { DEFAULT_H1_LIMITS } from '#wire/h1';
import { type DnsSettings, readDnsCluster, readDnsSettings } from './dns-settings.ts';
import { type HealthCheckSettings, readHealthCheck } from './health-check-settings.ts';
import { compileErrorMatcher, type ErrorMatcher } from './error-matcher.ts';
import type { PoolSettings } from './http-pool.ts';

/** Numbers of Cluster.DiscoveryType; FORWARD is the cluster_type dynamic_forward_proxy; that of DNS is one of two. */
export const DISCOVERY = { STATIC: 0, STRICT_DNS: 1, LOGICAL_DNS: 2, EDS: 3, ORIGINAL_DST: 4, FORWARD: 5 } as const;

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const FORWARD = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig';
const DNS = 'envoy.extensions.clusters.dns.v3.DnsCluster';
/** Istio's: peers are known otherwise here (filter/network/istio.ts). */
const ISTIO_EXCHANGE = 'istio.metadata_exchange';
const CONNECT_DEFAULT_MS = 5000;
/** Of hosts of an original_dst cluster, as Envoy's. */
const CLEANUP_DEFAULT_MS = 5000;
const IDLE_DEFAULT_MS = 3_600_000;

export type UpstreamProtocol = 'h1' | 'h2' | 'downstream' | 'alpn';

export interface ServiceName {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

export interface ClusterSettings {
  readonly message: ClusterMessage;
  readonly discovery: number;
  readonly edsName: string;
  readonly lb: LbSettings;
  readonly pool: PoolSettings;
  /** Differs where connections made before may not be used any longer. */
  readonly connectionKey: string;
  readonly protocol: UpstreamProtocol;
  readonly autoSni: boolean;
  readonly autoSanValidation: boolean;
  /** The header that names the server in the authority's place, in lower case; ''. */
  readonly autoSniHeader: string;
  readonly h2: H2Settings;
  /** What outlier detection takes for an error; undefined: by the status. */
  readonly isError: ErrorMatcher | undefined;
  /** The service that Istio's metadata name (`istio.services`). */
  readonly service: ServiceName | undefined;
  readonly originalDst: OriginalDestinationSettings;
  /** Active checks; the first of several counts. */
  readonly healthCheck: HealthCheckSettings | undefined;
  /** Of a dynamic_forward_proxy cluster. */
  readonly forward: ForwardSettings | undefined;
  /** Of a cluster whose names are looked up. */
  readonly dns: DnsSettings | undefined;
}

export function readClusterSettings(
  message: ClusterMessage,
  warn: (field: string, reason: string) => void,
): ClusterSettings {
  const field = `cluster "${message.name}"`;
  if (message.name === '') throw new ConfigError('proxy.field-required', 'cluster.name');
  tellUnread('Cluster', message, field, warn);
  tellUnread('CommonLbConfig', message.commonLbConfig, `${field}.common_lb_config`, warn);
  if (message.healthChecks.length > 1) warn(`${field}.health_checks`, 'the first of them counts');
  for (const { name } of message.filters)
    if (name !== ISTIO_EXCHANGE) warn(`${field}.filters "${name}"`, 'connections to endpoints have no filters');
  const discovery = readDiscovery(message, field, warn);
  const http = unpack<HttpProtocolOptions>(
    message.typedExtensionProtocolOptions[HTTP_OPTIONS],
    HTTP_OPTIONS,
    `${field}.typed_extension_protocol_options`,
  );
  const common = http?.commonHttpProtocolOptions ?? message.commonHttpProtocolOptions;
  const keepalive = message.upstreamConnectionOptions?.tcpKeepalive;
  const service = message.edsClusterConfig?.serviceName ?? '';
  const pool: PoolSettings = {
    connectTimeoutMs: millisOf(message.connectTimeout) ?? CONNECT_DEFAULT_MS,
    idleMs: millisOf(common?.idleTimeout) ?? IDLE_DEFAULT_MS,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? message.maxRequestsPerConnection ?? 0,
    maxConnectionMs: millisOf(common?.maxConnectionDuration) ?? 0,
    localAddresses: sourcesOf(message),
    heads: headsOf(common),
    keepAliveMs: keepalive === undefined ? undefined : (keepalive.keepaliveTime ?? 7200) * 1000,
  };
  const names = http?.upstreamHttpProtocolOptions ?? message.upstreamHttpProtocolOptions;
  const protocol = protocolOf(message, http);
  const h2 = h2Options(message, http);
  const errors = http?.outlierDetection?.errorMatcher;
  const h2Settings = readH2Settings(h2, 'endpoint', `${field}.http2_protocol_options`, warn);
  return {
    message,
    ...discovery,
    edsName: service === '' ? message.name : service,
    lb: readLbSettings(message, { decode: (any) => tryDecode(any.typeUrl, any.value), warn }),
    pool,
    connectionKey: JSON.stringify([
      protocol,
      h2Settings,
      pool.maxRequestsPerConnection,
      pool.localAddresses,
      pool.heads,
      // Those that are open have begun to count by the former ones.
      pool.idleMs,
      pool.maxConnectionMs,
    ]),
    protocol,
    autoSni: names?.autoSni ?? false,
    autoSanValidation: names?.autoSanValidation ?? false,
    autoSniHeader: names?.overrideAutoSniHeader.toLowerCase() ?? '',
    h2: h2Settings,
    isError:
      errors === undefined
        ? undefined
        : compileErrorMatcher(errors, `${field}.typed_extension_protocol_options.outlier_detection.error_matcher`),
    originalDst: {
      port: message.lbConfig.case === 'originalDstLbConfig' ? (message.lbConfig.value.upstreamPortOverride ?? 0) : 0,
      cleanupMs: millisOf(message.cleanupInterval) || CLEANUP_DEFAULT_MS,
    },
    healthCheck:
      message.healthChecks[0] === undefined
        ? undefined
        : readHealthCheck(message.healthChecks[0], `${field}.health_checks[0]`),
    service: readService(message),
  };
}

function sourcesOf({ upstreamBindConfig: bind }: ClusterMessage): readonly string[] {
  const all = [bind?.sourceAddress, ...(bind?.extraSourceAddresses ?? []).map(({ address }) => address)];
  return all
    .map((one) => canonicalIp(one?.address ?? ''))
    .filter((text) => text !== '' && text !== '0.0.0.0' && text !== '::');
}

/** Envoy bounds their number only where it is said, or by its own default for requests. */
function headsOf(common: HttpProtocolOptions['commonHttpProtocolOptions']): PoolSettings['heads'] {
  const { maxResponseHeadersKb: kib, maxHeadersCount } = common ?? {};
  if (kib === undefined && maxHeadersCount === undefined) return undefined;
  return {
    headBytesMax: kib === undefined ? DEFAULT_H1_LIMITS.headBytesMax : kib * 1024,
    fieldsMax: maxHeadersCount ?? DEFAULT_H1_LIMITS.fieldsMax,
  };
}

function readService(message: ClusterMessage): ServiceName | undefined {
  const services = message.metadata?.filterMetadata['istio']?.['services'];
  const first = Array.isArray(services) ? services[0] : undefined;
  if (typeof first !== 'object' || first === null || Array.isArray(first)) return undefined;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { host: text(first['host']), name: text(first['name']), namespace: text(first['namespace']) };
}

type Discovery = Pick<ClusterSettings, 'discovery' | 'forward' | 'dns'>;
type Warn = (field: string, reason: string) => void;

function readDiscovery(message: ClusterMessage, field: string, warn: Warn): Discovery {
  const type = message.clusterDiscoveryType;
  if (type.case === 'clusterType') return readClusterType(message, type.value, field, warn);
  const discovery = type.value ?? DISCOVERY.STATIC;
  const logical = discovery === DISCOVERY.LOGICAL_DNS;
  const dns = logical || discovery === DISCOVERY.STRICT_DNS ? readDnsSettings(message, logical, field) : undefined;
  return { discovery, forward: undefined, dns };
}

/** The two custom cluster types that this proxy has. */
function readClusterType(
  message: ClusterMessage,
  { name, typedConfig }: Cluster_CustomClusterType,
  field: string,
  warn: Warn,
): Discovery {
  const at = `${field}.cluster_type`;
  const kind = typedConfig === undefined ? '' : typeNameOf(typedConfig.typeUrl);
  if (typedConfig === undefined || (kind !== FORWARD && kind !== DNS))
    throw new ConfigError('proxy.unsupported', at, `"${name}" is not part of it`);
  if (kind === DNS) {
    const config = decodeMessage<DnsCluster>(typedConfig.typeUrl, typedConfig.value, at);
    const { logical, dns } = readDnsCluster(message, config, field, warn);
    return { discovery: logical ? DISCOVERY.LOGICAL_DNS : DISCOVERY.STRICT_DNS, forward: undefined, dns };
  }
  const config = decodeMessage<ForwardClusterConfig>(typedConfig.typeUrl, typedConfig.value, at);
  if (config.clusterImplementationSpecifier.case === 'subClustersConfig')
    throw new ConfigError('proxy.unsupported', `${at}.sub_clusters_config`, 'give dns_cache_config');
  const forward = readForwardSettings(config.clusterImplementationSpecifier.value);
  return { discovery: DISCOVERY.FORWARD, forward, dns: undefined };
}

function h2Options(
  message: ClusterMessage,
  http: HttpProtocolOptions | undefined,
): ClusterMessage['http2ProtocolOptions'] {
  const options = http?.upstreamProtocolOptions;
  if (options?.case === 'explicitHttpConfig')
    return options.value.protocolConfig.case === 'http2ProtocolOptions'
      ? options.value.protocolConfig.value
      : undefined;
  return options?.value?.http2ProtocolOptions ?? message.http2ProtocolOptions;
}

function protocolOf(message: ClusterMessage, http: HttpProtocolOptions | undefined): UpstreamProtocol {
  const options = http?.upstreamProtocolOptions;
  switch (options?.case) {
    case 'explicitHttpConfig':
      return options.value.protocolConfig.case === 'http2ProtocolOptions' ? 'h2' : 'h1';
    case 'useDownstreamProtocolConfig':
      return 'downstream';
    case 'autoConfig':
      return 'alpn';
    default:
      if (message.protocolSelection === 1) return 'downstream';
      return message.http2ProtocolOptions === undefined ? 'h1' : 'h2';
  }
}

function tryDecode(typeUrl: string, bytes: Uint8Array): unknown {
  if (!typeNameOf(typeUrl).startsWith('envoy.extensions.load_balancing_policies.')) return undefined;
  return decodeMessage(typeUrl, bytes, 'load_balancing_policy');
}
