// Compiles envoy.type.matcher.v3 MetadataMatcher and ValueMatcher over what filters noted as dynamic metadata.

import type { JsonValue } from '@bufbuild/protobuf';
import type { MetadataMatcher } from '#proto/envoy/type/matcher/v3/metadata_pb.ts';
import type { ValueMatcher } from '#proto/envoy/type/matcher/v3/value_pb.ts';
import { ConfigError } from '../errors.ts';
import { compileStringMatcher } from './string-matcher.ts';

export type MetadataSource = { get(filter: string): Readonly<Record<string, unknown>> | undefined } | undefined;
export type ValuePredicate = (value: JsonValue | undefined) => boolean;

export function compileMetadataMatcher(matcher: MetadataMatcher, field: string): (metadata: MetadataSource) => boolean {
  if (matcher.filter === '') throw new ConfigError('proxy.field-required', `${field}.filter`);
  if (matcher.path.length === 0) throw new ConfigError('proxy.field-required', `${field}.path`);
  if (matcher.value === undefined) throw new ConfigError('proxy.field-required', `${field}.value`);
  const filter = matcher.filter;
  const keys = matcher.path.map((segment) => segment.segment.value ?? '');
  const value = compileValueMatcher(matcher.value, `${field}.value`);
  const invert = matcher.invert;
  return (metadata) => value(metadataValue(metadata?.get(filter), keys)) !== invert;
}

export function metadataValue(
  root: Readonly<Record<string, unknown>> | undefined,
  keys: readonly string[],
): JsonValue | undefined {
  let value: unknown = root;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value as JsonValue | undefined;
}

export function compileValueMatcher(matcher: ValueMatcher, field: string): ValuePredicate {
  const pattern = matcher.matchPattern;
  switch (pattern.case) {
    case 'nullMatch':
      return (value) => value === null;
    case 'boolMatch': {
      const want = pattern.value;
      return (value) => value === want;
    }
    case 'presentMatch': {
      const want = pattern.value;
      return (value) => (value !== undefined) === want;
    }
    case 'doubleMatch': {
      const number = pattern.value.matchPattern;
      if (number.case === 'exact') return (value) => value === number.value;
      if (number.case === 'range')
        return (value) => typeof value === 'number' && value >= number.value.start && value < number.value.end;
      throw new ConfigError('proxy.field-required', `${field}.double_match`);
    }
    case 'stringMatch': {
      const text = compileStringMatcher(pattern.value, `${field}.string_match`);
      return (value) => typeof value === 'string' && text(value);
    }
    case 'listMatch': {
      if (pattern.value.matchPattern.case === undefined)
        throw new ConfigError('proxy.field-required', `${field}.list_match.one_of`);
      const one = compileValueMatcher(pattern.value.matchPattern.value, `${field}.list_match.one_of`);
      return (value) => Array.isArray(value) && value.some(one);
    }
    case 'orMatch': {
      const any = pattern.value.valueMatchers.map((inner, i) => compileValueMatcher(inner, `${field}.or_match[${i}]`));
      return (value) => any.some((inner) => inner(value));
    }
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.match_pattern`);
  }
}
