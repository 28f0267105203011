// One virtual host of a sidecar's outbound routes, encoded once and shared by all tables that hold it.

import { create, toBinary } from '@bufbuild/protobuf';
import type { ObjectRef } from '#base';
import { type RouteConfiguration, RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { HeaderValueOptionSchema } from '#proto/envoy/config/core/v3/base_pb.ts';
import { type VirtualHost, VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { XdsResource } from '#base';
import { typeUrlOf } from '#proto';
import type { ResolvedVirtualService, Service, ServicePort } from '#registry';
import type { KeyPart, TranslationCache } from '../cache.ts';
import { findSubset } from '../clusters/outbound-clusters.ts';
import { policyOf } from '../clusters/traffic-policy.ts';
import { type Init, resourceFromBytes } from '../encode.ts';
import { TRANSLATION_LIMITS } from '../limits.ts';
import { peerHeaders } from '../filters/envoy-peers.ts';
import { outboundCluster } from '../names.ts';
import type { Scope } from '../scope.ts';
import { defaultRoutes, type RouteContext, type Target, virtualServiceRoutes } from './http-route.ts';
import { tellsAttempts } from '../filters/proxy-headers.ts';

export interface EncodedHost {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly origins: readonly ObjectRef[];
}

export interface VirtualHostInput {
  readonly name: string;
  readonly domains: readonly string[];
  readonly service: Service | undefined;
  readonly port: number;
  readonly virtualService: ResolvedVirtualService | undefined;
}

export interface HostOptions {
  readonly scope: Scope;
  readonly envoy: boolean;
  readonly cache: TranslationCache;
}

export function virtualHost(input: VirtualHostInput, options: HostOptions): EncodedHost {
  const { scope, envoy, cache } = options;
  const { name, domains, service, port, virtualService } = input;
  const retry = scope.snapshot.mesh.spec.defaultHttpRetryPolicy;
  const reads = virtualService === undefined ? rulesOf(service, scope) : destinationInputs(virtualService, scope);
  const namespace = virtualService === undefined ? '' : scope.namespace;
  const labels = virtualService?.usesLabels === true ? JSON.stringify(scope.labels) : '';
  const key: KeyPart[] = [
    'vhost',
    name,
    domains.join(' '),
    service,
    port,
    virtualService,
    reads,
    namespace,
    labels,
    envoy,
    retry,
    tellsAttempts(scope.snapshot.mesh),
  ];
  return cache.value(key, () => encodeHost(input, options));
}

function encodeHost(input: VirtualHostInput, { scope, envoy }: HostOptions): EncodedHost {
  const { service, port, virtualService } = input;
  const context = routeContext(scope, port, envoy);
  const fallback =
    service === undefined
      ? undefined
      : context.target({ host: service.hostname, port: { number: port } }, service.namespace);
  const routes =
    virtualService !== undefined && virtualService.http.length > 0
      ? virtualServiceRoutes(virtualService, context)
      : service === undefined || fallback === undefined
        ? []
        : defaultRoutes(fallback.cluster, service.hostname, port, fallback.balancer, context);
  const origins = [
    service?.origin,
    virtualService === undefined ? undefined : refOf(virtualService),
    ...(virtualService?.http ?? []).map(({ origin }) => origin),
  ];
  const message = create(VirtualHostSchema, {
    name: input.name,
    domains: [...input.domains],
    routes: [...routes],
    includeRequestAttemptCount: tellsAttempts(scope.snapshot.mesh),
    ...(envoy && inMesh(service)
      ? { requestHeadersToAdd: peerHeaders().map((one) => create(HeaderValueOptionSchema, one)) }
      : {}),
  });
  return encoded(
    message,
    origins.filter((o) => o !== undefined),
  );
}

/** Who is outside is not told who we are. */
function inMesh(service: Service | undefined): boolean {
  return service !== undefined && !service.meshExternal;
}

function refOf(vs: ResolvedVirtualService): ObjectRef {
  return { kind: 'VirtualService', namespace: vs.namespace, name: vs.name };
}

export function encoded(message: VirtualHost, origins: readonly ObjectRef[]): EncodedHost {
  return { name: message.name, bytes: toBinary(VirtualHostSchema, message), origins };
}

export function routeContext(scope: Scope, port: number, envoy: boolean): RouteContext {
  return {
    port,
    gateway: 'mesh',
    sourceLabels: scope.labels,
    sourceNamespace: scope.namespace,
    meshRetry: scope.snapshot.mesh.spec.defaultHttpRetryPolicy,
    envoy,
    tls: false,
    target: (destination, namespace) => targetOf(destination, namespace, port, scope),
  };
}

/** Cluster of a destination: its port is the one named, the service's only one, or the listener's. */
export function targetOf(
  destination: {
    readonly host: string;
    readonly subset?: string | undefined;
    readonly port?: { readonly number?: number | undefined } | undefined;
  },
  namespace: string,
  listenerPort: number,
  scope: Scope,
): Target {
  const host = scope.resolve(destination.host, namespace);
  const service = scope.service(host);
  const port = destination.port?.number ?? onlyPort(service)?.number ?? listenerPort;
  const subset = destination.subset ?? '';
  const rule = service === undefined ? undefined : scope.rule(service);
  const named = service === undefined || subset === '' ? undefined : findSubset(scope, service, subset);
  const policy = policyOf(rule, named, port);
  // A subset has its own or none, as in Istio.
  const tunnel = (subset === '' ? rule : named)?.trafficPolicy?.tunnel;
  return {
    cluster: outboundCluster(port, subset, host),
    balancer: policy.loadBalancer,
    policy,
    ...(tunnel === undefined ? {} : { tunnel }),
  };
}

function onlyPort(service: Service | undefined): ServicePort | undefined {
  return service?.ports.length === 1 ? service.ports[0] : undefined;
}

function rulesOf(service: Service | undefined, scope: Scope): readonly KeyPart[] {
  return service === undefined ? [] : [scope.rule(service)];
}

/** Every service and rule that the routes' text refers to, in order. */
export function destinationInputs(vs: ResolvedVirtualService, scope: Scope): readonly KeyPart[] {
  const parts: KeyPart[] = [];
  const add = (
    destination: { readonly host: string; readonly subset?: string | undefined },
    namespace: string,
  ): void => {
    const host = scope.resolve(destination.host, namespace);
    const service = scope.service(host);
    parts.push(host, service, service === undefined ? undefined : scope.rule(service));
    if (service !== undefined && destination.subset !== undefined)
      parts.push(findSubset(scope, service, destination.subset));
  };
  for (const { route, namespace } of vs.http) {
    for (const target of route.route ?? []) add(target.destination, namespace);
    for (const mirror of route.mirrors ?? []) add(mirror.destination, namespace);
    if (route.mirror !== undefined) add(route.mirror, namespace);
  }
  return parts;
}

/** A table put together from encoded hosts: field 2 of RouteConfiguration, so that no host is encoded twice. */
export function routeTable(config: Init<typeof RouteConfigurationSchema>, hosts: readonly EncodedHost[]): XdsResource {
  const head = toBinary(
    RouteConfigurationSchema,
    create(RouteConfigurationSchema, {
      ...config,
      maxDirectResponseBodySizeBytes: TRANSLATION_LIMITS.directResponseBodyBytes,
    }) as RouteConfiguration,
  );
  const parts: Uint8Array[] = [head];
  for (const host of hosts) parts.push(lengthPrefix(host.bytes.length), host.bytes);
  return resourceFromBytes(
    typeUrlOf(RouteConfigurationSchema),
    config.name ?? '',
    new Uint8Array(Buffer.concat(parts)),
    hosts.flatMap(({ origins }) => origins),
  );
}

function lengthPrefix(length: number): Uint8Array {
  const bytes = [0x12];
  let rest = length;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
