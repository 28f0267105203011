// HTTP filter envoy.filters.http.ext_authz: a service decides about requests, over gRPC or HTTP.

import type {
  BufferSettings,
  ExtAuthz,
  ExtAuthzPerRoute,
} from '#proto/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import type { GrpcService } from '#proto/envoy/config/core/v3/grpc_service_pb.ts';
import { decodeMessage } from '../../../apply/decode.ts';
import { ConfigError } from '../../../errors.ts';
import type { FilterContext, HttpFilterExtension } from '../../../http/filter.ts';
import { millisOf, runtimeFractionOf } from '../../../matcher/fraction.ts';
import { compileMetadataMatcher } from '../../../matcher/metadata-matcher.ts';
import {
  authorizationCounters,
  AuthorizationFilter,
  type AuthorizationSettings,
  type BodySettings,
  type RouteAuthorization,
} from './authorization-filter.ts';
import type { Authorizer } from './decision.ts';
import { grpcAuthorizer } from './grpc-authorizer.ts';
import { httpAuthorizer } from './http-authorizer.ts';
import { compileNameList, type NamePredicate } from './name-list.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz';
const ROUTE_TYPE = `${TYPE}PerRoute`;
const METADATA = 'envoy.filters.http.ext_authz';
const TIMEOUT_DEFAULT_MS = 200;

function readSettings(config: ExtAuthz, context: FilterContext, field: string): AuthorizationSettings {
  const refuse = (part: string): never => {
    throw new ConfigError('proxy.unsupported', `${field}.${part}`, 'leave it out');
  };
  if (runtimeFractionOf(config.filterEnabled, 1) < 1) refuse('filter_enabled');
  if (config.denyAtDisable?.defaultValue === true) refuse('deny_at_disable');
  if (config.decoderHeaderMutationRules !== undefined) refuse('decoder_header_mutation_rules');
  return {
    authorizer: authorizerOf(config, context, field),
    body: bodySettings(config.withRequestBody),
    failOpen: config.failureModeAllow,
    failOpenHeader: config.failureModeAllowHeaderAdd,
    statusOnError: config.statusOnError?.code || 403,
    clearRoute: config.clearRouteCache,
    enabled:
      config.filterEnabledMetadata === undefined
        ? undefined
        : compileMetadataMatcher(config.filterEnabledMetadata, `${field}.filter_enabled_metadata`),
    metadataName: METADATA,
    clock: context.clock,
    counters: authorizationCounters(
      context.stats,
      `${context.statPrefix}ext_authz.${config.statPrefix === '' ? '' : `${config.statPrefix}.`}`,
    ),
  };
}

export function bodySettings(settings: BufferSettings | undefined): BodySettings | undefined {
  return settings === undefined || settings.maxRequestBytes === 0
    ? undefined
    : { bytesMax: settings.maxRequestBytes, allowPartial: settings.allowPartialMessage };
}

function authorizerOf(config: ExtAuthz, context: FilterContext, field: string): Authorizer {
  const allowed = compileNameList(config.allowedHeaders, `${field}.allowed_headers`);
  const refused = compileNameList(config.disallowedHeaders, `${field}.disallowed_headers`);
  const { services } = config;
  switch (services.case) {
    case 'grpcService':
      return grpcAuthorizer({
        ...grpcTarget(services.value, `${field}.grpc_service`),
        clusters: context.clusters,
        sent: listed(allowed ?? (() => true), refused),
        packAsBytes: config.withRequestBody?.packAsBytes ?? false,
        metadataNamespaces: config.metadataContextNamespaces,
      });
    case 'httpService':
      return httpAuthorizer(
        services.value,
        allowed === undefined ? undefined : listed(allowed, refused),
        context.clusters,
        `${field}.http_service`,
      );
    default:
      throw new ConfigError('proxy.field-required', `${field}.services`);
  }
}

function listed(allowed: NamePredicate, refused: NamePredicate | undefined): NamePredicate {
  return refused === undefined ? allowed : (name) => allowed(name) && !refused(name);
}

export function grpcTarget(service: GrpcService, field: string) {
  const target = service.targetSpecifier;
  if (target.case !== 'envoyGrpc')
    throw new ConfigError('proxy.unsupported', `${field}.google_grpc`, 'give envoy_grpc');
  return {
    cluster: target.value.clusterName,
    authority: target.value.authority === '' ? target.value.clusterName : target.value.authority,
    timeoutMs: millisOf(service.timeout) ?? TIMEOUT_DEFAULT_MS,
    initialMetadata: service.initialMetadata.map(({ key, value }) => [key, value] as const),
  };
}

export const extAuthzExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.ext_authz',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const settings = readSettings(decodeMessage<ExtAuthz>(TYPE, config, filterName), context, filterName);
    return { name: filterName, create: (callbacks) => new AuthorizationFilter(settings, filterName, callbacks) };
  },
  routeConfig: readRouteConfig,
};

export function readRouteConfig(config: Uint8Array): RouteAuthorization {
  const { override } = decodeMessage<ExtAuthzPerRoute>(ROUTE_TYPE, config, 'typed_per_filter_config');
  if (override.case === 'disabled') return { disabled: override.value, contextExtensions: {}, body: undefined };
  if (override.case !== 'checkSettings')
    throw new ConfigError('proxy.field-required', 'typed_per_filter_config.override');
  const { contextExtensions, disableRequestBodyBuffering, withRequestBody } = override.value;
  return {
    disabled: false,
    contextExtensions,
    body: disableRequestBodyBuffering ? 'none' : bodySettings(withRequestBody),
  };
}
