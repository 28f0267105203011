// Compiles a list of header names (envoy.type.matcher.v3.ListStringMatcher over lower-case names).

import type { ListStringMatcher } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { compileStringMatcher } from '../../../matcher/string-matcher.ts';

export type NamePredicate = (name: string) => boolean;

/** Undefined when there is no list. */
export function compileNameList(list: ListStringMatcher | undefined, field: string): NamePredicate | undefined {
  if (list === undefined || list.patterns.length === 0) return undefined;
  const patterns = list.patterns.map((pattern, i) => compileStringMatcher(lowered(pattern), `${field}.patterns[${i}]`));
  return (name) => patterns.some((matches) => matches(name));
}

/** Header names have no case. */
function lowered(pattern: ListStringMatcher['patterns'][number]): ListStringMatcher['patterns'][number] {
  const { matchPattern } = pattern;
  if (matchPattern.case === 'safeRegex' || matchPattern.case === 'custom' || matchPattern.case === undefined)
    return pattern;
  return { ...pattern, matchPattern: { case: matchPattern.case, value: matchPattern.value.toLowerCase() } };
}
