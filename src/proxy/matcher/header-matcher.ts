// Compiles envoy.config.route.v3.HeaderMatcher. Of repeated headers each value is looked at, as in Envoy 1.40: a joined
// text would let a second header hide the first (pains §4.2).

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { HeaderMatcher } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import { ConfigError } from '../errors.ts';
import type { StringPredicate } from './match-input.ts';
import { compileRegex } from './regex.ts';
import { compilePathMatcher } from './path-escapes.ts';
import { readEach, readMerged } from './request-header.ts';
import { compileStringMatcher } from './string-matcher.ts';

/**
 * `envoy`: one of the values matches, and `invert_match` turns that round. `any` / `all`: some or every one must match,
 * each inverted by itself.
 */
export type DuplicateRule = 'envoy' | 'any' | 'all';

/** Envoy holds these as one comma-joined value. */
const JOINED = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'cache-control',
  'connection',
  'content-type',
  'cookie',
  'origin',
  'referer',
  'te',
  'user-agent',
  'x-forwarded-for',
  'x-forwarded-proto',
]);

export type HeadPredicate = (head: RequestHead) => boolean;

interface HeaderRule {
  readonly name: string;
  /** Undefined: only presence is asked for, and `present` says which; what is empty instead of missing is present, as in Envoy. */
  readonly value: StringPredicate | undefined;
  readonly present: boolean;
  readonly invert: boolean;
  readonly missingIsEmpty: boolean;
}

export function compileHeaderMatcher(
  matcher: HeaderMatcher,
  field: string,
  duplicates: DuplicateRule = 'envoy',
): HeadPredicate {
  const rule = readRule(matcher, field);
  const { name, value, present, invert, missingIsEmpty } = rule;
  if (value === undefined && missingIsEmpty) return () => present !== invert;
  if (value === undefined) return (head) => ((readMerged(head, name) !== undefined) === present) !== invert;
  const missing = missingIsEmpty ? value('') !== invert : false;
  if (duplicates === 'envoy') {
    const joined = JOINED.has(name);
    return (head) => {
      const text = readMerged(head, name);
      if (text === undefined) return missing;
      if (joined || !text.includes(',')) return value(text) !== invert;
      return readEach(head, name).some(value) !== invert;
    };
  }
  const wantAll = duplicates === 'all';
  return (head) => {
    const texts = readEach(head, name);
    if (texts.length === 0) return missing;
    for (const text of texts) if ((value(text) !== invert) !== wantAll) return !wantAll;
    return wantAll;
  };
}

/** For header blocks without a request line (responses, trailers); `:status` is the caller's to answer. */
export function compileBlockMatcher(matcher: HeaderMatcher, field: string): (headers: HeaderBlock) => boolean {
  const { name, value, present, invert, missingIsEmpty } = readRule(matcher, field);
  if (value === undefined) return (headers) => ((missingIsEmpty || headers.has(name)) === present) !== invert;
  const missing = missingIsEmpty ? value('') !== invert : false;
  return (headers) => {
    const values = headers.getAll(name);
    return values.length === 0 ? missing : value(values.join(',')) !== invert;
  };
}

/** `:status` is a header here. */
export function compileResponseMatcher(matcher: HeaderMatcher, field: string): (head: ResponseHead) => boolean {
  const { name, value, present, invert } = readRule(matcher, field);
  if (name !== ':status') {
    const block = compileBlockMatcher(matcher, field);
    return ({ headers }) => block(headers);
  }
  if (value === undefined) return () => present !== invert;
  return ({ status }) => value(String(status)) !== invert;
}

export function compileHeaderMatchers(
  matchers: readonly HeaderMatcher[],
  field: string,
  duplicates: DuplicateRule = 'envoy',
): HeadPredicate | undefined {
  if (matchers.length === 0) return undefined;
  const all = matchers.map((matcher, i) => compileHeaderMatcher(matcher, `${field}[${i}]`, duplicates));
  if (all.length === 1) return all[0];
  return (head) => {
    for (const one of all) if (!one(head)) return false;
    return true;
  };
}

function readRule(matcher: HeaderMatcher, field: string): HeaderRule {
  if (matcher.name === '') throw new ConfigError('proxy.field-required', `${field}.name`);
  const name = matcher.name.toLowerCase();
  const base = { name, present: true, invert: matcher.invertMatch, missingIsEmpty: matcher.treatMissingHeaderAsEmpty };
  const specifier = matcher.headerMatchSpecifier;
  if (specifier.case === undefined) return { ...base, value: undefined };
  if (specifier.case === 'presentMatch') return { ...base, value: undefined, present: specifier.value };
  return { ...base, value: compileValue(name, specifier, field) };
}

type Specifier = HeaderMatcher['headerMatchSpecifier'];

/** What of a header matcher is a string matcher in other words. */
function asStringMatcher(specifier: Specifier): MessageInitShape<typeof StringMatcherSchema>['matchPattern'] {
  switch (specifier.case) {
    case 'exactMatch':
      return { case: 'exact', value: specifier.value };
    case 'prefixMatch':
      return { case: 'prefix', value: specifier.value };
    case 'suffixMatch':
      return { case: 'suffix', value: specifier.value };
    case 'containsMatch':
      return { case: 'contains', value: specifier.value };
    case 'safeRegexMatch':
      return { case: 'safeRegex', value: specifier.value };
    default:
      return undefined;
  }
}

function compileValue(
  name: string,
  specifier: Exclude<HeaderMatcher['headerMatchSpecifier'], { case: undefined } | { case: 'presentMatch' }>,
  field: string,
): StringPredicate {
  if (name === ':path') {
    if (specifier.case === 'stringMatch') return compilePathMatcher(specifier.value, `${field}.string_match`);
    const matchPattern = asStringMatcher(specifier);
    if (matchPattern !== undefined) return compilePathMatcher(create(StringMatcherSchema, { matchPattern }), field);
  }
  switch (specifier.case) {
    case 'exactMatch': {
      const want = specifier.value;
      return (value) => value === want;
    }
    case 'prefixMatch': {
      const want = specifier.value;
      return (value) => value.startsWith(want);
    }
    case 'suffixMatch': {
      const want = specifier.value;
      return (value) => value.endsWith(want);
    }
    case 'containsMatch': {
      const want = specifier.value;
      return (value) => value.includes(want);
    }
    case 'safeRegexMatch': {
      const regex = compileRegex(specifier.value.regex, `${field}.safe_regex_match`);
      return (value) => regex.matches(value);
    }
    case 'rangeMatch': {
      const { start, end } = specifier.value;
      return (value) => {
        if (!/^[+-]?[0-9]{1,19}$/.test(value)) return false;
        const number = BigInt(value.startsWith('+') ? value.slice(1) : value);
        return number >= start && number < end;
      };
    }
    case 'stringMatch':
      return compileStringMatcher(specifier.value, `${field}.string_match`);
  }
}
