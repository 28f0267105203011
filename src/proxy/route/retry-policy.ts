// Compiles a route's RetryPolicy; a virtual host's stands in only where the route has none.

import type { Any } from '@bufbuild/protobuf/wkt';
import { RETRY_CONDITIONS } from '#base';
import type { RetryPolicy } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { OmitHostMetadataConfig } from '#proto/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts';
import { decodeMessage, typeNameOf } from '../apply/decode.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';
import { compileBlockMatcher } from '../matcher/header-matcher.ts';
import type { CompiledRetryPolicy, FilterMetadata } from './compiled.ts';
import type { RouteOptions } from './options.ts';
import { readNumberField } from './single-field.ts';

/** The filter name whose metadata of an endpoint count. */
const LB_METADATA = 'envoy.lb';
const OMIT_METADATA = 'envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig';
const KNOWN = new Set([
  ...RETRY_CONDITIONS,
  // Ours: methods that RFC 9110 §9.2.2 calls idempotent may be repeated after a reset (design 10).
  'idempotent-reset',
]);

export function compileRetryPolicy(policy: RetryPolicy, field: string, options: RouteOptions): CompiledRetryPolicy {
  const on = new Set(
    policy.retryOn
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  );
  for (const word of on)
    if (!KNOWN.has(word)) options.warn(`${field}.retry_on`, `"${word}" is not a condition that this proxy knows`);
  const baseIntervalMs = millisOf(policy.retryBackOff?.baseInterval) ?? 25;
  const maxIntervalMs = millisOf(policy.retryBackOff?.maxInterval) ?? baseIntervalMs * 10;
  if (baseIntervalMs <= 0 || maxIntervalMs < baseIntervalMs)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.retry_back_off`,
      'base_interval must be above 0 and at most max_interval',
    );
  const reset = policy.rateLimitedRetryBackOff;
  return {
    on,
    retries: policy.numRetries ?? 1,
    perTryTimeoutMs: millisOf(policy.perTryTimeout) ?? 0,
    perTryIdleTimeoutMs: millisOf(policy.perTryIdleTimeout) ?? 0,
    statusCodes: new Set(policy.retriableStatusCodes),
    retriableHeaders: policy.retriableHeaders.map((matcher, i) =>
      compileBlockMatcher(matcher, `${field}.retriable_headers[${i}]`),
    ),
    requestHeaders: policy.retriableRequestHeaders.map((matcher, i) =>
      compileBlockMatcher(matcher, `${field}.retriable_request_headers[${i}]`),
    ),
    ...hostPredicates(policy, field, options),
    hostSelectionAttempts: Number(policy.hostSelectionRetryMaxAttempts) || 1,
    previousPrioritiesFrequency: previousPriorities(policy, field, options),
    baseIntervalMs,
    maxIntervalMs,
    rateLimitedReset:
      reset === undefined
        ? undefined
        : {
            headers: reset.resetHeaders.map((header) => ({
              name: header.name.toLowerCase(),
              format: header.format === 1 ? ('unix' as const) : ('seconds' as const),
            })),
            maxIntervalMs: millisOf(reset.maxInterval) ?? 300_000,
          },
  };
}

function hostPredicates(
  policy: RetryPolicy,
  field: string,
  options: RouteOptions,
): Pick<CompiledRetryPolicy, 'avoidPreviousHosts' | 'omitsHost'> {
  let avoidPreviousHosts = false;
  const omitting: ((metadata: FilterMetadata) => boolean)[] = [];
  policy.retryHostPredicate.forEach((predicate, i) => {
    const at = `${field}.retry_host_predicate[${i}]`;
    const config = predicate.configType.value;
    const name = config === undefined ? predicate.name : typeNameOf(config.typeUrl);
    if (name.endsWith('.PreviousHostsPredicate') || name === 'envoy.retry_host_predicates.previous_hosts')
      avoidPreviousHosts = true;
    else if (name.endsWith('.OmitCanaryHostsPredicate') || name === 'envoy.retry_host_predicates.omit_canary_hosts')
      omitting.push((metadata) => metadata[LB_METADATA]?.['canary'] === true);
    else if (config !== undefined && name === OMIT_METADATA) omitting.push(readOmitted(config, at));
    else options.warn(at, `"${predicate.name}" is not supported: every host may be tried again`);
  });
  return {
    avoidPreviousHosts,
    omitsHost: omitting.length === 0 ? undefined : (metadata) => omitting.some((omits) => omits(metadata)),
  };
}

/** A host is left out when its metadata of envoy.lb hold all that is written; nothing written leaves nobody out. */
function readOmitted(config: Any, field: string): (metadata: FilterMetadata) => boolean {
  const { metadataMatch } = decodeMessage<OmitHostMetadataConfig>(config.typeUrl, config.value, field);
  const wanted = Object.entries(metadataMatch?.filterMetadata[LB_METADATA] ?? {});
  if (wanted.length === 0) return () => false;
  return (metadata) => {
    const have = metadata[LB_METADATA];
    return have !== undefined && wanted.every(([key, value]) => JSON.stringify(have[key]) === JSON.stringify(value));
  };
}

function previousPriorities(policy: RetryPolicy, field: string, options: RouteOptions): number {
  const priority = policy.retryPriority;
  if (priority === undefined) return 0;
  const config = priority.configType.value;
  if (config?.typeUrl.endsWith('.PreviousPrioritiesConfig') === true) return readNumberField(config.value) || 1;
  options.warn(`${field}.retry_priority`, `"${priority.name}" is not supported: priorities stay as they are`);
  return 0;
}
