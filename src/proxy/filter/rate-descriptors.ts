// Turns a route's rate limit actions into descriptors of a request (envoy.config.route.v3.RateLimit).

import type {
  RateLimit,
  RateLimit_Action,
  RateLimit_Action_MetaData,
} from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { ConfigError } from '../errors.ts';
import { compileTextFormat } from '../format/index.ts';
import { compileHeaderMatchers } from '../matcher/header-matcher.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import { metadataValue } from '../matcher/metadata-matcher.ts';
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
      const { descriptorKey, descriptorValue } = specifier.value;
      return textEntry(descriptorKey || 'generic_key', descriptorValue, `${field}.generic_key.descriptor_value`);
    }
    case 'metadata':
      return metadataEntry(specifier.value, `${field}.metadata`);
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

/** With Envoy's runtime feature enable_formatter_for_ratelimit_action_descriptor_value, which our bootstraps turn on: what stands for nothing leaves the descriptor out. */
function textEntry(key: string, text: string, field: string): EntryOf {
  if (!text.includes('%')) {
    const entry: DescriptorEntry = [key, text];
    return () => entry;
  }
  const format = compileTextFormat(text, field, '');
  return ({ head, connection, record }) => {
    const value = format.format({
      record,
      connection,
      requestHead: head,
      responseHeaders: undefined,
      nowWallMs: record.startWallMs,
      localReplyBody: '',
      accessLogType: '',
    });
    return value === '' ? undefined : [key, value];
  };
}

/** Only text counts, as in Envoy. */
function metadataEntry(action: RateLimit_Action_MetaData, field: string): EntryOf {
  const { descriptorKey, metadataKey, defaultValue, source, skipIfAbsent } = action;
  if (metadataKey === undefined) throw new ConfigError('proxy.field-required', `${field}.metadata_key`);
  if (source !== 0) throw new ConfigError('proxy.unsupported', `${field}.source`, 'only dynamic metadata is read');
  const path = metadataKey.path.map(({ segment }) => segment.value ?? '');
  return ({ record }) => {
    const found = metadataValue(record.metadata?.get(metadataKey.key), path);
    const value = typeof found === 'string' && found !== '' ? found : defaultValue;
    if (value !== '') return [descriptorKey, value];
    return skipIfAbsent ? null : undefined;
  };
}
