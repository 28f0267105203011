// Conditions on the claims of a verified token, as the jwt_authn filter notes them (for policies and for routes).

import type { MetadataMatcherSchema } from '#proto/envoy/type/matcher/v3/metadata_pb.ts';
import type { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import type { Init } from '../encode.ts';

type Matcher = Init<typeof MetadataMatcherSchema>;

/** The filter that notes them. */
export const TOKENS = 'envoy.filters.http.jwt_authn';
/** Where the filter is told to put a token's payload. */
export const PAYLOAD = 'payload';

export function metadataMatcher(
  filter: string,
  path: readonly string[],
  value: NonNullable<Matcher['value']>,
): Matcher {
  return { filter, path: path.map((key) => ({ segment: { case: 'key' as const, value: key } })), value };
}

/** A claim is text, or a list that holds the text. */
export function claimMatcher(path: readonly string[], text: Init<typeof StringMatcherSchema>): Matcher {
  const one = { matchPattern: { case: 'stringMatch' as const, value: text } };
  const listed = {
    matchPattern: { case: 'listMatch' as const, value: { matchPattern: { case: 'oneOf' as const, value: one } } },
  };
  return metadataMatcher(TOKENS, [PAYLOAD, ...path], {
    matchPattern: { case: 'orMatch', value: { valueMatchers: [one, listed] } },
  });
}

/** The claim itself, not a list. */
export function plainClaimMatcher(name: string, text: Init<typeof StringMatcherSchema>): Matcher {
  return metadataMatcher(TOKENS, [PAYLOAD, name], { matchPattern: { case: 'stringMatch', value: text } });
}

export function claimPresent(path: readonly string[]): Matcher {
  return metadataMatcher(TOKENS, [PAYLOAD, ...path], { matchPattern: { case: 'presentMatch', value: true } });
}

const PREFIX = '@request.auth.claims';

/** `@request.auth.claims.a.b` and `@request.auth.claims[a][b]` stand for claims where a route names a header. */
export function claimPathOf(header: string): readonly string[] | undefined {
  if (!header.toLowerCase().startsWith(PREFIX)) return undefined;
  const rest = header.slice(PREFIX.length);
  if (rest.startsWith('.') && rest.length > 1) return rest.slice(1).split('.');
  return inBrackets(rest);
}

function inBrackets(text: string): readonly string[] | undefined {
  return /^(\[[^\]]+\])+$/.test(text) ? text.slice(1, -1).split('][') : undefined;
}

/** `a.b` or `[a][b]`, as a RateLimit names a claim. */
export function claimPath(text: string): readonly string[] {
  return inBrackets(text) ?? text.split('.');
}
