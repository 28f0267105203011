// Escapes of a path in one form (RFC 3986 §6.2.2): requests are brought into it, so a pattern that is written otherwise holds for it as well. Not instead: a listener may leave paths as they come.

import type { StringMatcher } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import type { StringPredicate } from './match-input.ts';
import { compileStringMatcher } from './string-matcher.ts';

/** As it is written; canonical, when that is another text. */
export type Spellings = readonly [written: string, ...canonical: string[]];

/** Upper-case digits; what needs no escape (RFC 3986 §2.3) has none. */
export function canonicalEscapes(path: string): string {
  return path.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape.toUpperCase();
  });
}

/** Of a literal path or part of one; a query stays as it is, since a request's does. */
export function spellingsOf(pattern: string): Spellings {
  if (!pattern.includes('%')) return [pattern];
  const query = pattern.indexOf('?');
  const canonical =
    query < 0 ? canonicalEscapes(pattern) : canonicalEscapes(pattern.slice(0, query)) + pattern.slice(query);
  return canonical === pattern ? [pattern] : [pattern, canonical];
}

/** Of a regular expression: escapes that it names outright get upper-case digits; sets of characters stay, they name single ones. */
export function regexSpellingsOf(regex: string): Spellings {
  if (!/%(?=[0-9A-Fa-f]{2})[0-9A-F]?[a-f]/.test(regex)) return [regex];
  const canonical = regex.replace(/\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|%[0-9A-Fa-f]{2}|\\[^%]/g, (part) =>
    part.startsWith('%') ? part.toUpperCase() : part,
  );
  return canonical === regex ? [regex] : [regex, canonical];
}

/** For the text of a path, with its query or without. */
export function compilePathMatcher(matcher: StringMatcher, field: string): StringPredicate {
  const { matchPattern: pattern } = matcher;
  const written = compileStringMatcher(matcher, field);
  let other: StringMatcher['matchPattern'] | undefined;
  switch (pattern.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains': {
      const [, canonical] = spellingsOf(pattern.value);
      if (canonical !== undefined) other = { case: pattern.case, value: canonical };
      break;
    }
    case 'safeRegex': {
      const [, canonical] = regexSpellingsOf(pattern.value.regex);
      if (canonical !== undefined) other = { case: 'safeRegex', value: { ...pattern.value, regex: canonical } };
      break;
    }
  }
  return other === undefined
    ? written
    : eitherOf(written, compileStringMatcher({ ...matcher, matchPattern: other }, field));
}

export function eitherOf(written: StringPredicate, canonical: StringPredicate | undefined): StringPredicate {
  return canonical === undefined ? written : (value) => written(value) || canonical(value);
}
