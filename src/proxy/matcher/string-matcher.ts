// Compiles envoy.type.matcher.v3.StringMatcher: exact, prefix, suffix, contains, RE2; ignore_case folds ASCII and spares the pattern.

import type { StringMatcher } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { ConfigError } from '../errors.ts';
import type { StringPredicate } from './match-input.ts';
import { compileRegex } from './regex.ts';

export function compileStringMatcher(matcher: StringMatcher, field: string): StringPredicate {
  const pattern = matcher.matchPattern;
  const fold = matcher.ignoreCase;
  switch (pattern.case) {
    case 'exact': {
      const want = fold ? pattern.value.toLowerCase() : pattern.value;
      return fold ? (value) => value.length === want.length && value.toLowerCase() === want : (value) => value === want;
    }
    case 'prefix': {
      const want = fold ? pattern.value.toLowerCase() : pattern.value;
      return fold ? (value) => value.slice(0, want.length).toLowerCase() === want : (value) => value.startsWith(want);
    }
    case 'suffix': {
      const want = fold ? pattern.value.toLowerCase() : pattern.value;
      return fold ? (value) => value.toLowerCase().endsWith(want) : (value) => value.endsWith(want);
    }
    case 'contains': {
      const want = fold ? pattern.value.toLowerCase() : pattern.value;
      return fold ? (value) => value.toLowerCase().includes(want) : (value) => value.includes(want);
    }
    case 'safeRegex': {
      const regex = compileRegex(pattern.value.regex, `${field}.safe_regex`);
      return (value) => regex.matches(value);
    }
    case 'custom':
      throw new ConfigError('proxy.unsupported', `${field}.custom`, 'string matcher extensions are not part of it');
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.match_pattern`);
  }
}
