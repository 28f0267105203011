// What Envoy refuses beside its fields' own rules: names that occur twice, kinds of clusters without what they need, matches that
// overlap, files that are not there. By message type; each gives the broken place and the sentence, as `.field: sentence`.

import { existsSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { fromBinary } from '@bufbuild/protobuf';
import type { Cluster } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { SocketAddress } from '#proto/envoy/config/core/v3/address_pb.ts';
import type { DataSource } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { Http2ProtocolOptions } from '#proto/envoy/config/core/v3/protocol_pb.ts';
import type { LbEndpoint } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import type { FilterChainMatch } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import type { Listener } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { RetryPolicy, Route, VirtualHost } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { JwtProvider } from '#proto/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import type { HttpConnectionManager } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HttpProtocolOptionsSchema } from '#proto/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import type { TlsParameters } from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const UUID = 'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig';
const RETRY_PREDICATES = /^envoy\.extensions\.retry\.host\./;

type Meaning<T> = (message: T) => string | undefined;

export const MEANINGS: Readonly<Record<string, Meaning<never>>> = {
  'envoy.config.cluster.v3.Cluster': (cluster: Cluster) => clusterFault(cluster),
  'envoy.config.listener.v3.Listener': (listener: Listener) => listenerFault(listener),
  'envoy.config.listener.v3.FilterChainMatch': ({ serverNames }: FilterChainMatch) =>
    serverNames.some((name) => name.replace(/^\*\./, '').includes('*'))
      ? '.server_names: a wildcard stands only as "*." at the beginning'
      : undefined,
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': (hcm: HttpConnectionManager) =>
    managerFault(hcm),
  'envoy.config.route.v3.Route': (route: Route) => headerFault(route),
  'envoy.config.route.v3.VirtualHost': (host: VirtualHost) => headerFault(host),
  'envoy.config.route.v3.RouteConfiguration': (routes: RouteConfiguration) => headerFault(routes),
  'envoy.config.core.v3.Http2ProtocolOptions': ({ customSettingsParameters }: Http2ProtocolOptions) =>
    twice(customSettingsParameters.map(({ identifier }) => String(identifier ?? 0))) === undefined
      ? undefined
      : '.custom_settings_parameters: one is given twice',
  'envoy.config.core.v3.DataSource': ({ specifier }: DataSource) =>
    specifier.case === 'filename' && !existsSync(specifier.value)
      ? `.filename: ${specifier.value} is not there`
      : undefined,
  'envoy.config.route.v3.RetryPolicy': ({ retryHostPredicate }: RetryPolicy) => {
    const odd = retryHostPredicate.find(
      ({ configType }) => configType.value !== undefined && !RETRY_PREDICATES.test(typeName(configType.value.typeUrl)),
    );
    return odd === undefined ? undefined : `.retry_host_predicate "${odd.name}": no such predicate is known`;
  },
  'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider': ({ jwksSourceSpecifier: keys }: JwtProvider) =>
    keys.case === 'localJwks' && keys.value.specifier.case === 'inlineString' && !isJson(keys.value.specifier.value)
      ? '.local_jwks: is no JSON'
      : undefined,
  'envoy.extensions.transport_sockets.tls.v3.TlsParameters': ({ cipherSuites, ecdhCurves }: TlsParameters) => {
    for (const suite of cipherSuites.flatMap((text) => text.replace(/[[\]]/g, '').split('|')))
      if (!isTaken({ ciphers: suite })) return `.cipher_suites: ${suite} is not known`;
    const curve = ecdhCurves.find((name) => !isTaken({ ecdhCurve: name }));
    return curve === undefined ? undefined : `.ecdh_curves: ${curve} is not known`;
  },
};

type Headers = Pick<Route, 'requestHeadersToAdd' | 'responseHeadersToAdd'>;

function headerFault({ requestHeadersToAdd, responseHeadersToAdd }: Headers): string | undefined {
  const key = [...requestHeadersToAdd, ...responseHeadersToAdd]
    .map(({ header }) => header?.key.toLowerCase() ?? '')
    .find((name) => name.startsWith(':') || name === 'host');
  return key === undefined ? undefined : `: "${key}" among the headers to add may not be changed`;
}

function clusterFault(cluster: Cluster): string | undefined {
  const { clusterDiscoveryType: kind, lbPolicy, loadAssignment } = cluster;
  const endpoints = (loadAssignment?.endpoints ?? []).flatMap(({ lbEndpoints }) => lbEndpoints);
  const type = kind.case === 'type' ? kind.value : kind.case === undefined ? STATIC : CUSTOM;
  if (type === EDS && cluster.edsClusterConfig?.edsConfig === undefined)
    return '.eds_cluster_config.eds_config: is required of a cluster of type EDS';
  if (type === ORIGINAL_DST && loadAssignment !== undefined)
    return '.load_assignment: clusters of type ORIGINAL_DST have none';
  if (type === ORIGINAL_DST && lbPolicy !== CLUSTER_PROVIDED && cluster.loadBalancingPolicy === undefined)
    return '.lb_policy: must be CLUSTER_PROVIDED for type ORIGINAL_DST';
  if (lbPolicy === CLUSTER_PROVIDED && type !== ORIGINAL_DST && type !== CUSTOM)
    return '.lb_policy: CLUSTER_PROVIDED needs a cluster that provides it';
  if (type === STATIC) {
    const name = endpoints.map(addressOf).find((at) => at !== undefined && !ADDRESS.test(at.address));
    if (name !== undefined) return `.load_assignment: ${name.address} is no IP address: give type STRICT_DNS`;
  }
  const http = cluster.typedExtensionProtocolOptions[HTTP_OPTIONS];
  const auto = http !== undefined && fromBinary(HttpProtocolOptionsSchema, http.value).upstreamProtocolOptions.case;
  if (auto === 'autoConfig' && !/Tls|Quic/.test(socketTypes(cluster)))
    return `.typed_extension_protocol_options["${HTTP_OPTIONS}"].auto_config: needs a transport_socket with TLS`;
  const { baseEjectionTime: base, maxEjectionTime: most } = cluster.outlierDetection ?? {};
  if (most !== undefined && most.seconds < (base?.seconds ?? 30n))
    return '.outlier_detection.max_ejection_time: is less than base_ejection_time';
  const bound = cluster.upstreamBindConfig?.sourceAddress?.address;
  if (bound !== undefined && !ADDRESS.test(bound)) return `.upstream_bind_config: ${bound} is no IP address`;
  const odd = Object.entries(cluster.typedExtensionProtocolOptions).find(
    ([name, { typeUrl }]) => name !== typeName(typeUrl) && !name.startsWith('envoy.'),
  );
  if (odd !== undefined) return `.typed_extension_protocol_options["${odd[0]}"]: no such options are known`;
  return undefined;
}

const [STATIC, EDS, ORIGINAL_DST, CUSTOM, CLUSTER_PROVIDED] = [0, 3, 4, -1, 6];

function socketTypes({ transportSocket, transportSocketMatches }: Cluster): string {
  return [transportSocket, ...transportSocketMatches.map((one) => one.transportSocket)]
    .map((socket) => typeName(socket?.configType.value?.typeUrl ?? ''))
    .join();
}

function addressOf({ hostIdentifier }: LbEndpoint): SocketAddress | undefined {
  const at = hostIdentifier.case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
  return at?.case === 'socketAddress' && at.value.resolverName === '' ? at.value : undefined;
}

function listenerFault(listener: Listener): string | undefined {
  const at = listener.address?.address;
  const udp = at?.case === 'socketAddress' && at.value.protocol === 1;
  if (at?.case === 'socketAddress' && at.value.resolverName === '' && !ADDRESS.test(at.value.address))
    return `.address: ${at.value.address} is no IP address`;
  const { filterChains, defaultFilterChain } = listener;
  if (udp) return filterChains.length > 0 ? '.filter_chains: a UDP listener has none' : undefined;
  if (filterChains.length === 0 && defaultFilterChain === undefined) return '.filter_chains: is required';
  if (listener.filterChainMatcher !== undefined) return undefined;
  const seen = twice(filterChains.flatMap(({ filterChainMatch }) => matchKeys(filterChainMatch)));
  return seen === undefined ? undefined : '.filter_chains: two match the same connections';
}

/** One text for each combination of the values that a match names. */
function matchKeys(match: FilterChainMatch | undefined): readonly string[] {
  if (match === undefined) return ['any'];
  const some = <T>(list: readonly T[]): readonly (T | undefined)[] => (list.length === 0 ? [undefined] : list);
  const ranges = (list: FilterChainMatch['prefixRanges']): readonly (string | undefined)[] =>
    some(list.map(({ addressPrefix, prefixLen }) => `${addressPrefix}/${prefixLen ?? 0}`));
  let keys: readonly (readonly unknown[])[] = [[match.destinationPort, match.transportProtocol, match.sourceType]];
  for (const values of [
    ranges(match.prefixRanges),
    some(match.serverNames),
    some(match.applicationProtocols),
    ranges(match.directSourcePrefixRanges),
    ranges(match.sourcePrefixRanges),
    some(match.sourcePorts),
  ])
    keys = keys.flatMap((key) => values.map((value) => [...key, value]));
  const empty = JSON.stringify([null, '', 0, null, null, null, null, null, null]);
  return keys.map((key) => JSON.stringify(key)).map((key) => (key === empty ? 'any' : key));
}

function managerFault(hcm: HttpConnectionManager): string | undefined {
  if (twice(hcm.upgradeConfigs.map(({ upgradeType }) => upgradeType.toLowerCase())) !== undefined)
    return '.upgrade_configs: one is given twice';
  if (hcm.stripMatchingHostPort && hcm.stripPortMode.value === true)
    return '.strip_any_host_port: give it or strip_matching_host_port';
  const routes = hcm.routeSpecifier;
  if (routes.case === 'rds' && routes.value.configSource === undefined && !routes.value.routeConfigName.includes('://'))
    return '.rds.config_source: is required';
  const id = hcm.requestIdExtension?.typedConfig?.typeUrl;
  if (id !== undefined && typeName(id) !== UUID) return `.request_id_extension: "${typeName(id)}" is not known`;
  return undefined;
}

export function twice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

export function typeName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isTaken(options: { readonly ciphers?: string; readonly ecdhCurve?: string }): boolean {
  try {
    createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}
