// What a policy cannot do without: texts of the request one of which has to look so. Indexes are built over it, so that a policy whose demand is not met is never looked at.

import type { HeaderMatcher } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { StringMatcher } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { spellingsOf } from '../../matcher/path-escapes.ts';

/** `namespace`: an identity has it between `/ns/` and `/sa/`. */
export interface Pattern {
  readonly how: 'exact' | 'prefix' | 'suffix' | 'namespace';
  /** Folded to lower case when `ignoreCase`. */
  readonly text: string;
  readonly ignoreCase: boolean;
}

/** The policy matches only a request where a text of `source` looks like one of the patterns. */
export interface Demand {
  /** `identity`, `path`, or the name of a header in lower case after `header `. */
  readonly source: string;
  readonly patterns: readonly Pattern[];
}

const NAMESPACE = /^\/ns\/([^/]+)\/sa\/$/;

/** Nothing when the matcher cannot be looked up: it is then no demand at all. */
export function textDemand(source: string, matcher: StringMatcher | undefined): readonly Demand[] {
  if (matcher === undefined) return [];
  const { matchPattern: pattern, ignoreCase } = matcher;
  if (pattern.case === 'contains') {
    const namespace = ignoreCase || source !== 'identity' ? undefined : NAMESPACE.exec(pattern.value)?.[1];
    return namespace === undefined ? [] : one(source, 'namespace', namespace, false);
  }
  if (pattern.case !== 'exact' && pattern.case !== 'prefix' && pattern.case !== 'suffix') return [];
  return one(source, pattern.case, pattern.value, ignoreCase);
}

export function headerDemand(matcher: HeaderMatcher): readonly Demand[] {
  const { headerMatchSpecifier: specifier, invertMatch, treatMissingHeaderAsEmpty } = matcher;
  if (invertMatch || treatMissingHeaderAsEmpty) return [];
  const source = `header ${matcher.name.toLowerCase()}`;
  switch (specifier.case) {
    case 'exactMatch':
      return one(source, 'exact', specifier.value, false);
    case 'prefixMatch':
      return one(source, 'prefix', specifier.value, false);
    case 'suffixMatch':
      return one(source, 'suffix', specifier.value, false);
    case 'stringMatch':
      return textDemand(source, specifier.value);
    default:
      return [];
  }
}

/** Of conditions that all hold: whatever any of them demands. */
export function demandsOfAll(parts: readonly (readonly Demand[])[]): readonly Demand[] {
  return parts.flat();
}

/** Of conditions one of which holds: what each of them demands of the same source. */
export function demandsOfAny(parts: readonly (readonly Demand[])[]): readonly Demand[] {
  const [first, ...others] = parts;
  return (first ?? []).flatMap(({ source, patterns }, i, all) => {
    // One of each source is enough: more would multiply from level to level.
    if (all.findIndex((demand) => demand.source === source) !== i) return [];
    const found = others.map((part) => part.find((demand) => demand.source === source));
    if (found.includes(undefined)) return [];
    return [{ source, patterns: [...patterns, ...found.flatMap((demand) => demand?.patterns ?? [])] }];
  });
}

function one(source: string, how: Pattern['how'], value: string, ignoreCase: boolean): readonly Demand[] {
  if (value === '' && how !== 'exact') return [];
  // Of a path every spelling finds the policy that holds for it.
  const texts = source === 'path' || source === 'header :path' ? spellingsOf(value) : [value];
  return [
    {
      source,
      patterns: texts.map((text) => ({ how, text: ignoreCase ? text.toLowerCase() : text, ignoreCase })),
    },
  ];
}
