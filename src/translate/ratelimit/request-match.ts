// Which requests a RateLimit's rule counts, as header matchers that all must hold: the same on both data planes, patterns without backtracking.

import type { HeaderMatcherSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import type { RateLimitRule } from '#registry';
import type { Init } from '../encode.ts';
import { headerMatcher } from '../routes/match.ts';

type Header = Init<typeof HeaderMatcherSchema>;
type Match = NonNullable<RateLimitRule['match']>;

/** Empty: every request. */
export function requestMatch(match: Match | undefined): readonly Header[] {
  if (match === undefined) return [];
  const { paths = [], notPaths = [], methods = [], hosts = [], headers = {} } = match;
  return [
    ...(paths.length === 0 ? [] : [pathMatcher(paths)]),
    // None of them may fit: apart, each pattern is small, and Envoy bounds the size of one.
    ...notPaths.map((path) => ({ ...pathMatcher([path]), invertMatch: true })),
    ...(methods.length === 0 ? [] : [methodMatcher(methods)]),
    // A name may end with dots, and a port be empty (RFC 3986 §3.2).
    ...(hosts.length === 0 ? [] : [pattern(':authority', `(?i:${oneOf(hosts.map(hostPattern))})\\.*(?::[0-9]*)?`)]),
    ...Object.entries(headers).map(([name, value]) => headerMatcher(name, value)),
  ];
}

function pathMatcher(paths: readonly string[]): Header {
  const [only = '', ...others] = paths;
  const isPrefix = others.length === 0 && /^\/[^*{}]*\*$/.test(only);
  return isPrefix
    ? matcher(':path', { case: 'prefix', value: only.slice(0, -1) })
    : pattern(':path', pathPattern(paths));
}

function methodMatcher(methods: readonly string[]): Header {
  const [only = '', ...others] = methods;
  return others.length === 0
    ? matcher(':method', { case: 'exact', value: only })
    : pattern(':method', oneOf(methods.map(escaped)));
}

/** Of the whole `:path`: what is compared ends before the query. */
export function pathPattern(paths: readonly string[]): string {
  return `${oneOf(paths.map(onePath))}(?:[?#].*)?`;
}

function onePath(value: string): string {
  if (value.includes('{*}') || value.includes('{**}'))
    return value
      .split(/(\{\*{1,2}\})/)
      .map((part) => (part === '{**}' ? '[^?#]*' : part === '{*}' ? '[^/?#]+' : escaped(part)))
      .join('');
  if (value === '*') return '[^?#]*';
  if (value.startsWith('*')) return `[^?#]*${escaped(value.slice(1))}`;
  if (value.endsWith('*')) return `${escaped(value.slice(0, -1))}[^?#]*`;
  return escaped(value);
}

function hostPattern(value: string): string {
  const begins = value.startsWith('*');
  const ends = value.endsWith('*') && value.length > 1;
  return `${begins ? '.*' : ''}${escaped(value.slice(begins ? 1 : 0, ends ? -1 : undefined))}${ends ? '.*' : ''}`;
}

function oneOf(patterns: readonly string[]): string {
  return patterns.length === 1 ? (patterns[0] as string) : `(?:${patterns.join('|')})`;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function pattern(name: string, regex: string): Header {
  return matcher(name, { case: 'safeRegex', value: { regex } });
}

function matcher(name: string, matchPattern: NonNullable<Init<typeof StringMatcherSchema>['matchPattern']>): Header {
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern } } };
}
