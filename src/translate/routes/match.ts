// Turns a VirtualService's conditions into Envoy's route match (pilot/pkg/networking/core/route).

import type {
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
  RouteMatchSchema,
} from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import type { HttpMatch } from '#registry';
import type { MetadataMatcherSchema } from '#proto/envoy/type/matcher/v3/metadata_pb.ts';
import { claimMatcher, claimPathOf, claimPresent } from '../authn/token-claims.ts';
import type { Init } from '../encode.ts';

type Text = Init<typeof StringMatcherSchema>;
type Header = Init<typeof HeaderMatcherSchema>;
type Claim = Init<typeof MetadataMatcherSchema>;
type Query = Init<typeof QueryParameterMatcherSchema>;
type StringMatch = NonNullable<HttpMatch['uri']>;

export function routeMatch(match: HttpMatch | undefined): Init<typeof RouteMatchSchema> {
  if (match === undefined) return { pathSpecifier: { case: 'prefix', value: '/' } };
  const headers: Header[] = [];
  const claims: Claim[] = [];
  for (const [name, value] of Object.entries(match.headers ?? {})) {
    const path = claimPathOf(name);
    if (path === undefined) headers.push(headerMatcher(name, value));
    else claims.push(claim(path, value));
  }
  for (const [name, value] of Object.entries(match.withoutHeaders ?? {})) {
    const path = claimPathOf(name);
    if (path === undefined) headers.push(withoutHeader(name, value));
    else claims.push({ ...claim(path, value), invert: true });
  }
  for (const [field, name] of [
    ['method', ':method'],
    ['authority', ':authority'],
    ['scheme', ':scheme'],
  ] as const) {
    const value = match[field];
    if (value !== undefined) headers.push(headerMatcher(name, value));
  }
  const query = Object.entries(match.queryParams ?? {}).map(([name, value]) => queryParameter(name, value));
  return {
    ...path(match.uri),
    ...(match.ignoreUriCase === true && match.uri?.regex === undefined ? { caseSensitive: false } : {}),
    ...(headers.length === 0 ? {} : { headers }),
    ...(claims.length === 0 ? {} : { dynamicMetadata: claims }),
    ...(query.length === 0 ? {} : { queryParameters: query }),
  };
}

function path(uri: StringMatch | undefined): Init<typeof RouteMatchSchema> {
  if (uri?.exact !== undefined) return { pathSpecifier: { case: 'path', value: uri.exact } };
  if (uri?.regex !== undefined) return { pathSpecifier: { case: 'safeRegex', value: { regex: uri.regex } } };
  return { pathSpecifier: { case: 'prefix', value: uri?.prefix ?? '/' } };
}

/** Undefined when only presence is asked for: `{}`, or the pattern `*`. */
export function textMatcher(match: StringMatch): Text | undefined {
  if (match.exact !== undefined) return { matchPattern: { case: 'exact', value: match.exact } };
  if (match.prefix !== undefined) return { matchPattern: { case: 'prefix', value: match.prefix } };
  if (match.regex !== undefined && match.regex !== '*')
    return { matchPattern: { case: 'safeRegex', value: { regex: match.regex } } };
  return undefined;
}

export function headerMatcher(name: string, match: StringMatch): Header {
  const text = textMatcher(match);
  return {
    name: name.toLowerCase(),
    headerMatchSpecifier:
      text === undefined ? { case: 'presentMatch', value: true } : { case: 'stringMatch', value: text },
  };
}

function withoutHeader(name: string, match: StringMatch): Header {
  const plain = headerMatcher(name, match);
  return {
    ...plain,
    invertMatch: true,
    ...(plain.headerMatchSpecifier?.case === 'presentMatch' ? {} : { treatMissingHeaderAsEmpty: true }),
  };
}

/** Routing by claims: gateways choose the route again once the token was verified. */
function claim(path: readonly string[], match: StringMatch): Claim {
  const text = textMatcher(match);
  return text === undefined ? claimPresent(path) : claimMatcher(path, text);
}

function queryParameter(name: string, match: StringMatch): Query {
  const text = textMatcher(match);
  return {
    name,
    queryParameterMatchSpecifier:
      text === undefined ? { case: 'presentMatch', value: true } : { case: 'stringMatch', value: text },
  };
}
