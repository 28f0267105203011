// What a gRPC client without a proxy (`xds:///host:port`) is sent: the routes, clusters and endpoints of a sidecar of its place,
// cut down to what gRPC's own clients take (gRFC A27 to A41); the rest they would refuse, or not do.

import type { ResourceSet, XdsResource } from '#base';
import { TYPE_URL } from '#base';
import { fromBinary } from '@bufbuild/protobuf';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { HTTPFaultSchema } from '#proto/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { RouterSchema } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { Snapshot } from '#push';
import type { Service, ServicePort } from '#registry';
import type { TranslationCache } from '../cache.ts';
import { loadAssignments, outboundClusters } from '../clusters/outbound-clusters.ts';
import { ADS, any, type Init, resource } from '../encode.ts';
import { outboundCluster } from '../names.ts';
import type { ProxyView } from '../proxy-view.ts';
import { shortNames } from '../routes/domains.ts';
import { serviceRoutes } from '../routes/outbound-routes.ts';
import { FAULT_FILTER } from '../routes/route-filters.ts';
import type { Scope } from '../scope.ts';
import { grpcAssignment } from './grpc-assignment.ts';
import { grpcCluster } from './grpc-cluster.ts';
import { grpcRoute } from './grpc-route.ts';

type Resources = ReadonlyMap<string, XdsResource>;

/** Everything that such a client may ask for by name. */
export function proxylessSet(snapshot: Snapshot, proxy: ProxyView, scope: Scope, cache: TranslationCache): ResourceSet {
  const names = cache.owned(scope, ['grpc-names'], () => namesOf(scope, cache));
  return new Map<string, Resources>([
    [TYPE_URL.listener, names.listeners],
    [TYPE_URL.route, names.routes],
    [TYPE_URL.cluster, mapped(outboundClusters(scope, proxy, snapshot, cache), grpcCluster, cache, 'grpc-cds')],
    [TYPE_URL.endpoint, proxylessEndpoints(snapshot, proxy, scope, cache)],
  ]);
}

export function proxylessEndpoints(
  snapshot: Snapshot,
  proxy: ProxyView,
  scope: Scope,
  cache: TranslationCache,
): Resources {
  return mapped(loadAssignments(scope, proxy, snapshot, cache), grpcAssignment, cache, 'grpc-eds');
}

/** Of each what `make` keeps; undefined = nothing that gRPC could use. */
function mapped(
  from: Resources,
  make: (one: XdsResource) => XdsResource | undefined,
  cache: TranslationCache,
  kind: string,
): Resources {
  return cache.owned(from, [kind], () => {
    const found = new Map<string, XdsResource>();
    for (const [name, one] of from) {
      const { made } = cache.owned(one, [kind], () => ({ made: make(one) }));
      if (made !== undefined) found.set(name, made);
    }
    return found;
  });
}

function namesOf(scope: Scope, cache: TranslationCache): { readonly listeners: Resources; readonly routes: Resources } {
  const listeners = new Map<string, XdsResource>();
  const routes = new Map<string, XdsResource>();
  for (const service of scope.services) {
    if (service.hostname.startsWith('*')) continue;
    for (const port of service.ports) {
      if (port.protocol === 'UDP' || !scope.allowsPort(service.hostname, port.number)) continue;
      const table = outboundCluster(port.number, '', service.hostname);
      routes.set(table, routesOf(table, service, port, scope, cache));
      for (const host of [service.hostname, ...scope.aliases(service)])
        for (const text of [host, ...shortNames(host, scope.namespace, scope.snapshot.domain)]) {
          const name = `${text}:${port.number}`;
          listeners.set(name, listenerOf(name, table, service, cache));
        }
    }
  }
  return { listeners, routes };
}

/** A listener that no port belongs to: the client reads its routes out of it. */
function listenerOf(name: string, table: string, service: Service, cache: TranslationCache): XdsResource {
  return cache.resource(['grpc-lds', name, table, service], () => {
    const manager: Init<typeof HttpConnectionManagerSchema> = {
      statPrefix: name,
      routeSpecifier: { case: 'rds', value: { configSource: ADS, routeConfigName: table } },
      httpFilters: [
        { name: FAULT_FILTER, configType: { case: 'typedConfig', value: any(HTTPFaultSchema, {}) } },
        { name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: any(RouterSchema, {}) } },
      ],
    };
    return resource(
      ListenerSchema,
      name,
      { name, apiListener: { apiListener: any(HttpConnectionManagerSchema, manager) } },
      [service.origin],
    );
  });
}

function routesOf(
  table: string,
  service: Service,
  port: ServicePort,
  scope: Scope,
  cache: TranslationCache,
): XdsResource {
  const whole = serviceRoutes(table, service, port.number, { scope, envoy: false, cache });
  return cache.value(['grpc-rds', whole], () => {
    const config: RouteConfiguration = fromBinary(RouteConfigurationSchema, whole.bytes);
    const virtualHosts = config.virtualHosts.map(({ name, domains, routes }) => ({
      name,
      domains,
      routes: routes.map(grpcRoute),
    }));
    return resource(RouteConfigurationSchema, table, { name: table, virtualHosts }, whole.origins);
  });
}
