// CUSTOM: an RBAC filter marks what the policies match, and the filter behind it asks the provider about exactly that (inventory §3.4, §7).

import { durationMs } from '#config';
import type { StatusCode } from '#proto/envoy/type/v3/http_status_pb.ts';
import {
  type BufferSettingsSchema,
  ExtAuthzSchema,
  type HttpServiceSchema,
} from '#proto/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { RBACSchema as HttpRbacSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { ExtAuthzSchema as TcpExtAuthzSchema } from '#proto/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { RBACSchema as TcpRbacSchema } from '#proto/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import type { RBACSchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import type { MetadataMatcherSchema } from '#proto/envoy/type/matcher/v3/metadata_pb.ts';
import type { ListStringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { OpaSchema } from '#proto/topsail/authz/v1/opa_pb.ts';
import { duration, type Init, typed } from '../encode.ts';
import type { CustomFilters } from './authorization-filters.ts';
import type { Decider } from './extension-providers.ts';

type HttpFilter = Init<typeof HttpFilterSchema>;
type NetworkFilter = Init<typeof FilterSchema>;

/** Name prefix of policies that only mark. */
export const CUSTOM_PREFIX = 'istio-ext-authz-';
const TIMEOUT_MS = 600_000;

/** `several`: providers then need marks of their own. */
export function customFilters(
  name: string,
  decider: Decider,
  rules: Init<typeof RBACSchema>,
  several: boolean,
): CustomFilters<HttpFilter> {
  const prefix = markPrefix(name, several);
  return {
    provider: name,
    mark: typed('envoy.filters.http.rbac', HttpRbacSchema, { shadowRules: rules, shadowRulesStatPrefix: prefix }),
    ask: askingFilter(decider, marked('envoy.filters.http.rbac', prefix)),
  };
}

/** The same for plain TCP: only gRPC authorizers are asked there, as in Istio. */
export function customTcpFilters(
  name: string,
  { config, cluster, host }: Decider & { readonly kind: 'grpc' },
  rules: Init<typeof RBACSchema>,
  several: boolean,
): CustomFilters<NetworkFilter> {
  const prefix = markPrefix(name, several);
  return {
    provider: name,
    mark: typed('envoy.filters.network.rbac', TcpRbacSchema, {
      statPrefix: 'tcp.',
      shadowRules: rules,
      shadowRulesStatPrefix: prefix,
    }),
    ask: typed('envoy.filters.network.ext_authz', TcpExtAuthzSchema, {
      statPrefix: 'tcp.',
      grpcService: {
        targetSpecifier: { case: 'envoyGrpc', value: { clusterName: cluster, authority: host } },
        timeout: duration(durationMs(config.timeout, TIMEOUT_MS)),
      },
      transportApiVersion: 2,
      failureModeAllow: config.failOpen ?? false,
      filterEnabledMetadata: marked('envoy.filters.network.rbac', prefix),
    }),
  };
}

function markPrefix(name: string, several: boolean): string {
  return several ? `istio_ext_authz_${name}_` : 'istio_ext_authz_';
}

function marked(filter: string, prefix: string): Init<typeof MetadataMatcherSchema> {
  return {
    filter,
    path: [{ segment: { case: 'key', value: `${prefix}shadow_effective_policy_id` } }],
    value: { matchPattern: { case: 'stringMatch', value: { matchPattern: { case: 'prefix', value: CUSTOM_PREFIX } } } },
  };
}

function askingFilter(decider: Decider, marked: Init<typeof MetadataMatcherSchema>): HttpFilter {
  const { config } = decider;
  const status = statusOf(config.statusOnError);
  const body = bodyOf(config.includeRequestBodyInCheck);
  const withRequestBody = body === undefined ? {} : { withRequestBody: body };
  const clearRouteCache = config.clearRouteCache ?? false;
  if (decider.kind === 'opa' || decider.kind === 'wasm') {
    return typed('topsail.filters.http.opa', OpaSchema, {
      decider:
        decider.kind === 'wasm'
          ? {
              case: 'wasm',
              value: {
                module: Buffer.from(decider.config.module, 'base64'),
                entrypoint: decider.config.entrypoint ?? 'envoy/authz/allow',
                data: decider.config.data === undefined ? '' : JSON.stringify(decider.config.data),
              },
            }
          : {
              case: 'service',
              value: {
                cluster: decider.cluster,
                authority: decider.host,
                decision: decider.config.decision ?? 'envoy/authz/allow',
                timeout: duration(durationMs(decider.config.timeout, TIMEOUT_MS)),
              },
            },
      failureModeAllow: decider.kind === 'opa' && (decider.config.failOpen ?? false),
      statusOnError: status,
      filterEnabledMetadata: marked,
      clearRouteCache,
      ...withRequestBody,
    });
  }
  const timeout = duration(durationMs(decider.config.timeout, TIMEOUT_MS));
  return typed('envoy.filters.http.ext_authz', ExtAuthzSchema, {
    services:
      decider.kind === 'grpc'
        ? {
            case: 'grpcService',
            value: {
              targetSpecifier: { case: 'envoyGrpc', value: { clusterName: decider.cluster, authority: decider.host } },
              timeout,
            },
          }
        : { case: 'httpService', value: httpService(decider, timeout) },
    transportApiVersion: 2,
    failureModeAllow: decider.config.failOpen ?? false,
    statusOnError: { code: status as StatusCode },
    filterEnabledMetadata: marked,
    clearRouteCache,
    ...withRequestBody,
    ...(decider.kind === 'http'
      ? nonEmpty('allowedHeaders', [
          ...(decider.config.includeRequestHeadersInCheck ?? []),
          ...(decider.config.includeHeadersInCheck ?? []),
        ])
      : {}),
  });
}

function httpService(
  { config, cluster, host }: Decider & { readonly kind: 'http' },
  timeout: ReturnType<typeof duration>,
): Init<typeof HttpServiceSchema> {
  return {
    pathPrefix: config.pathPrefix ?? '',
    serverUri: { uri: `http://${host}:${config.port}`, httpUpstreamType: { case: 'cluster', value: cluster }, timeout },
    authorizationRequest: {
      headersToAdd: Object.entries(config.includeAdditionalHeadersInCheck ?? {}).map(([key, value]) => ({
        key,
        value,
      })),
    },
    authorizationResponse: {
      ...nonEmpty('allowedUpstreamHeaders', config.headersToUpstreamOnAllow),
      ...nonEmpty('allowedClientHeaders', config.headersToDownstreamOnDeny),
      ...nonEmpty('allowedClientHeadersOnSuccess', config.headersToDownstreamOnAllow),
    },
  };
}

function nonEmpty<K extends string>(
  field: K,
  names: readonly string[] | undefined,
): Partial<Record<K, Init<typeof ListStringMatcherSchema>>> {
  if (names === undefined || names.length === 0) return {};
  const patterns = names.map((name) => {
    const [pattern, value] =
      name === '*'
        ? (['safeRegex', { regex: '.*' }] as const)
        : name.startsWith('*')
          ? (['suffix', name.slice(1)] as const)
          : name.endsWith('*')
            ? (['prefix', name.slice(0, -1)] as const)
            : (['exact', name] as const);
    return { matchPattern: { case: pattern, value }, ignoreCase: pattern !== 'safeRegex' };
  });
  return { [field]: { patterns } } as Partial<Record<K, Init<typeof ListStringMatcherSchema>>>;
}

function statusOf(text: string | undefined): number {
  const status = Number(text ?? '403');
  return Number.isInteger(status) && status >= 200 && status <= 599 ? status : 403;
}

function bodyOf(body: Decider['config']['includeRequestBodyInCheck']): Init<typeof BufferSettingsSchema> | undefined {
  if (body === undefined) return undefined;
  return {
    maxRequestBytes: body.maxRequestBytes ?? 0,
    allowPartialMessage: body.allowPartialMessage ?? false,
    packAsBytes: body.packAsBytes ?? false,
  };
}
