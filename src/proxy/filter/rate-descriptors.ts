// Turns a route's rate limit actions into descriptors of a request (envoy.config.route.v3.RateLimit).

import type { RateLimit, RateLimit_Action } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { ConfigError } from '../errors.ts';
import { compileHeaderMatchers } from '../matcher/header-matcher.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import { compileQueryMatcher } from '../matcher/query-matcher.ts';
import { readFirst } from '../matcher/request-header.ts';

export type DescriptorEntry = readonly [key: string, value: string];
/** Undefined: the whole descriptor does not apply to this request. `null`: this entry is left out. */
type EntryOf = (input: MatchInput, cluster: string) => DescriptorEntry | null | undefined;

export interface CompiledRateLimit {
  readonly stage: number;
  readonly entries: readonly EntryOf[];
}

export function compileRateLimits(limits: readonly RateLimit[], field: string): readonly CompiledRateLimit[] {
  return limits.map((limit, i) => ({
    stage: limit.stage ?? 0,
    entries: limit.actions.map((action, k) => compileAction(action, `${field}[${i}].actions[${k}]`)),
  }));
}

/** Undefined when one of the entries is missing. */
export function describe(
  limit: CompiledRateLimit,
  input: MatchInput,
  cluster: string,
): readonly DescriptorEntry[] | undefined {
  const entries: DescriptorEntry[] = [];
  for (const entryOf of limit.entries) {
    const entry = entryOf(input, cluster);
    if (entry === undefined) return undefined;
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

function compileAction(action: RateLimit_Action, field: string): EntryOf {
  const specifier = action.actionSpecifier;
  switch (specifier.case) {
    case 'destinationCluster':
      return (_, cluster) => ['destination_cluster', cluster];
    case 'remoteAddress':
      return (input) => ['remote_address', input.connection.trustedRemoteAddress];
    case 'genericKey': {
      const entry: DescriptorEntry = [specifier.value.descriptorKey || 'generic_key', specifier.value.descriptorValue];
      return () => entry;
    }
    case 'requestHeaders': {
      const { headerName, descriptorKey, skipIfAbsent } = specifier.value;
      const name = headerName.toLowerCase();
      return (input) => {
        const value = readFirst(input.head, name);
        if (value === undefined) return skipIfAbsent ? null : undefined;
        return [descriptorKey, value];
      };
    }
    case 'headerValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch, headers } = specifier.value;
      const matches = compileHeaderMatchers(headers, `${field}.header_value_match.headers`);
      const entry: DescriptorEntry = [descriptorKey || 'header_match', descriptorValue];
      return (input) => ((matches === undefined || matches(input.head)) === (expectMatch ?? true) ? entry : undefined);
    }
    case 'queryParameterValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch, queryParameters } = specifier.value;
      const all = queryParameters.map((parameter, i) =>
        compileQueryMatcher(parameter, `${field}.query_parameter_value_match[${i}]`),
      );
      const entry: DescriptorEntry = [descriptorKey || 'query_match', descriptorValue];
      return (input) =>
        all.every((matches) => matches(input.head.path)) === (expectMatch ?? true) ? entry : undefined;
    }
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.action_specifier`);
    default:
      throw new ConfigError('proxy.unsupported', field, `the action "${specifier.case}" is not evaluated`);
  }
}
