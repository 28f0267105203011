// Says whether a certificate carries one of the expected names (Envoy's SubjectAltNameMatcher).

import type { SubjectAltNames } from '#wire/tls';

export interface SanMatcher {
  readonly san: 'uri' | 'dns' | 'email' | 'ip' | 'any';
  readonly how:
    | {
        readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains';
        readonly value: string;
        readonly ignoreCase?: boolean;
      }
    /** A pattern that was already found to run in linear time; `text` names it in logs and session cache keys. */
    | { readonly kind: 'pattern'; readonly text: string; readonly test: (name: string) => boolean };
}

/** Names in the certificate that the matcher looks at. */
function candidates(names: SubjectAltNames, san: SanMatcher['san']): readonly string[] {
  switch (san) {
    case 'uri':
      return names.uris;
    case 'dns':
      return names.dns;
    case 'email':
      return names.emails;
    case 'ip':
      return names.ips;
    case 'any':
      return [...names.uris, ...names.dns, ...names.emails, ...names.ips];
  }
}

export function matchesSan(matcher: SanMatcher, names: SubjectAltNames): boolean {
  if (candidates(names, matcher.san).some((name) => matches(matcher, name))) return true;
  // A DNS name in the certificate may have a wildcard; the expected name may not.
  const { how } = matcher;
  if (matcher.san !== 'dns' && matcher.san !== 'any') return false;
  return how.kind === 'exact' && names.dns.some((name) => matchesDnsName(name, how.value));
}

function matches(matcher: SanMatcher, name: string): boolean {
  const { how } = matcher;
  if (how.kind === 'pattern') return how.test(name);
  const fold = how.ignoreCase === true;
  const actual = fold ? name.toLowerCase() : name;
  const expected = fold ? how.value.toLowerCase() : how.value;
  switch (how.kind) {
    case 'exact':
      return actual === expected;
    case 'prefix':
      return actual.startsWith(expected);
    case 'suffix':
      return actual.endsWith(expected);
    case 'contains':
      return actual.includes(expected);
  }
}

/** RFC 9525 §6.3: `*` stands for exactly one whole left-most label, with two labels or more after it. */
export function matchesDnsName(pattern: string, host: string): boolean {
  const wanted = host.toLowerCase().replace(/\.$/, '');
  const given = pattern.toLowerCase().replace(/\.$/, '');
  if (wanted === '') return false;
  if (!given.includes('*')) return given === wanted;
  const rest = given.slice(1);
  if (!given.startsWith('*.') || rest.includes('*') || rest.indexOf('.', 1) < 0) return false;
  // An address has no labels, though it has dots.
  if (/^[\d.]+$/.test(wanted)) return false;
  const dot = wanted.indexOf('.');
  return dot > 0 && wanted.slice(dot) === rest;
}

/** A text that differs whenever the matchers differ: part of the client session cache's key (design 12). */
export function sanMatchersKey(matchers: readonly SanMatcher[]): string {
  return JSON.stringify(
    matchers.map(({ san, how }) =>
      how.kind === 'pattern' ? [san, how.kind, how.text] : [san, how.kind, how.value, how.ignoreCase === true],
    ),
  );
}
