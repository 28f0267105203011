// Compiles a RouteAction: every default of the forwarding settings filled in (route_components.proto).

import type {
  HedgePolicy,
  RetryPolicy,
  RouteAction,
  RouteAction_RequestMirrorPolicy,
  VirtualHost,
} from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { RegexMatchAndSubstitute } from '#proto/envoy/type/matcher/v3/regex_pb.ts';
import { tellUnread } from '../apply/unread-fields.ts';
import { ConfigError } from '../errors.ts';
import { millisOf, runtimeFractionOf } from '../matcher/fraction.ts';
import { barePath } from '../matcher/path-template.ts';
import type { ForwardTarget, HostRewrite, MirrorPolicy, UpgradeRule } from './compiled.ts';
import { compileHashPolicy } from './hash-policy.ts';
import type { RouteOptions } from './options.ts';
import type { CompiledPath } from './path-match.ts';
import { compilePathRewrite, compileSubstitute } from './path-rewrite.ts';
import { compileRetryPolicy } from './retry-policy.ts';

const DEFAULT_TIMEOUT_MS = 15_000;
/** By the numbers of ClusterNotFoundResponseCode. */
const NOT_FOUND_CODES = [503, 404, 500];

export interface ForwardDefaults {
  readonly virtualHost: VirtualHost;
  readonly virtualHostField: string;
  readonly tableMirrors: readonly RouteAction_RequestMirrorPolicy[];
}

export function compileForward(
  action: RouteAction,
  path: CompiledPath,
  defaults: ForwardDefaults,
  field: string,
  options: RouteOptions,
): ForwardTarget {
  const { virtualHost } = defaults;
  tellUnread('RouteAction', action, field, options.warn);
  const duration = action.maxStreamDuration;
  const grpcMax = millisOf(duration?.grpcTimeoutHeaderMax) ?? millisOf(action.maxGrpcTimeout);
  const retry = action.retryPolicy ?? virtualHost.retryPolicy;
  const mirrors = firstNonEmpty(action.requestMirrorPolicies, virtualHost.requestMirrorPolicies, defaults.tableMirrors);
  if (action.cors !== undefined)
    options.warn(
      `${field}.cors`,
      'has no effect: give the policy as typed_per_filter_config of envoy.filters.http.cors',
    );
  return {
    kind: 'forward',
    clusterNotFoundCode: NOT_FOUND_CODES[action.clusterNotFoundResponseCode] ?? 503,
    // Envoy: whoever gives max_stream_duration means it instead of timeout.
    timeoutMs: duration === undefined ? (millisOf(action.timeout) ?? DEFAULT_TIMEOUT_MS) : 0,
    idleTimeoutMs: millisOf(action.idleTimeout),
    maxStreamDurationMs: millisOf(duration?.maxStreamDuration),
    grpcTimeoutMaxMs: grpcMax,
    grpcLimitsLife: duration?.grpcTimeoutHeaderMax !== undefined,
    grpcTimeoutOffsetMs: millisOf(duration?.grpcTimeoutHeaderOffset) ?? millisOf(action.grpcTimeoutOffset) ?? 0,
    retry:
      retry === undefined
        ? undefined
        : compileRetryPolicy(
            retry,
            action.retryPolicy === undefined ? `${defaults.virtualHostField}.retry_policy` : `${field}.retry_policy`,
            options,
          ),
    hedge: compileHedge(
      action.hedgePolicy ?? virtualHost.hedgePolicy,
      retry,
      action.hedgePolicy === undefined ? `${defaults.virtualHostField}.hedge_policy` : `${field}.hedge_policy`,
      options,
    ),
    rewritePath: compilePathRewrite(action, path, field),
    hostRewrite: compileHostRewrite(action, field),
    appendXForwardedHost: action.appendXForwardedHost,
    hashPolicies: action.hashPolicy.map((policy, i) => compileHashPolicy(policy, `${field}.hash_policy[${i}]`)),
    mirrors: mirrors.map((policy, i) => compileMirror(policy, `${field}.request_mirror_policies[${i}]`)),
    upgrades: compileUpgrades(action, field),
    priority: action.priority === 1 ? 'high' : 'default',
  };
}

function firstNonEmpty<T>(...lists: readonly (readonly T[])[]): readonly T[] {
  return lists.find((list) => list.length > 0) ?? [];
}

/** Of the policy Envoy has one field in force, and so have we. */
function compileHedge(
  policy: HedgePolicy | undefined,
  retry: RetryPolicy | undefined,
  field: string,
  options: RouteOptions,
): boolean {
  if (policy === undefined) return false;
  if ((policy.initialRequests ?? 1) > 1)
    options.warn(`${field}.initial_requests`, 'has no effect, as in Envoy: a request begins with one attempt');
  if ((policy.additionalRequestChance?.numerator ?? 0) > 0)
    options.warn(`${field}.additional_request_chance`, 'has no effect, as in Envoy');
  if (policy.hedgeOnPerTryTimeout && retry?.perTryTimeout === undefined)
    options.warn(
      `${field}.hedge_on_per_try_timeout`,
      'has no effect unless the retry policy gives per_try_timeout, or a request x-envoy-upstream-rq-per-try-timeout-ms',
    );
  return policy.hedgeOnPerTryTimeout;
}

function compileHostRewrite(action: RouteAction, field: string): HostRewrite | undefined {
  const specifier = action.hostRewriteSpecifier;
  switch (specifier.case) {
    case 'hostRewriteLiteral':
      return { kind: 'literal', value: specifier.value };
    case 'autoHostRewrite':
      return specifier.value ? { kind: 'auto' } : undefined;
    case 'hostRewriteHeader':
      return { kind: 'header', name: specifier.value.toLowerCase() };
    case 'hostRewritePathRegex':
      return { kind: 'path', rewrite: compileHostOfPath(specifier.value, `${field}.host_rewrite_path_regex`) };
    case undefined:
      return undefined;
  }
}

/** Of a path without query: it can hold anything, and belongs in no host. */
function compileHostOfPath(rewrite: RegexMatchAndSubstitute, field: string): (path: string) => string {
  const substitute = compileSubstitute(rewrite, field);
  return (path) => substitute(barePath(path));
}

export function compileMirror(policy: RouteAction_RequestMirrorPolicy, field: string): MirrorPolicy {
  if (policy.cluster === '' && policy.clusterHeader === '')
    throw new ConfigError('proxy.field-required', `${field}.cluster`);
  return {
    cluster: policy.cluster,
    clusterHeader: policy.clusterHeader.toLowerCase(),
    fraction: runtimeFractionOf(policy.runtimeFraction, 1),
    traceSampled: policy.traceSampled,
    appendShadowSuffix: !policy.disableShadowHostSuffixAppend,
  };
}

function compileUpgrades(action: RouteAction, field: string): ReadonlyMap<string, UpgradeRule> {
  const upgrades = new Map<string, UpgradeRule>();
  action.upgradeConfigs.forEach((config, i) => {
    const type = config.upgradeType.toLowerCase();
    if (upgrades.has(type))
      throw new ConfigError('proxy.field-invalid', `${field}.upgrade_configs[${i}]`, `"${type}" is listed twice`);
    if (config.connectConfig !== undefined && type !== 'connect')
      throw new ConfigError(
        'proxy.field-invalid',
        `${field}.upgrade_configs[${i}].connect_config`,
        'belongs to upgrade type CONNECT only',
      );
    upgrades.set(type, {
      enabled: config.enabled ?? true,
      terminateConnect: config.connectConfig !== undefined,
      allowPost: config.connectConfig?.allowPost ?? false,
    });
  });
  return upgrades;
}
