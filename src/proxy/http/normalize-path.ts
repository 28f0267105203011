// One canonical path: what policies match is what the upstream gets (Envoy: normalize_path, merge_slashes, escaped slashes).

import { canonicalEscapes } from '../matcher/path-escapes.ts';

export type EscapedSlashes = 'keep' | 'reject' | 'redirect' | 'forward';

export interface PathRules {
  readonly normalize: boolean;
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: EscapedSlashes;
}

export type NormalizedPath =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'redirect'; readonly path: string }
  | { readonly kind: 'reject' };

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const PERCENT = 0x25;

export function normalizePath(target: string, rules: PathRules): NormalizedPath {
  if (target.charCodeAt(0) !== SLASH || !isSuspect(target)) return { kind: 'path', path: target };
  const query = target.indexOf('?');
  let path = query < 0 ? target : target.slice(0, query);
  const rest = query < 0 ? '' : target.slice(query);
  let redirect = false;
  if (rules.escapedSlashes !== 'keep' && /%2f|%5c/i.test(path)) {
    if (rules.escapedSlashes === 'reject') return { kind: 'reject' };
    path = path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
    redirect = rules.escapedSlashes === 'redirect';
  }
  if (rules.normalize) {
    const clean = canonical(path);
    if (clean === undefined) return { kind: 'reject' };
    path = clean;
  }
  if (rules.mergeSlashes) path = path.replace(/\/{2,}/g, '/');
  return { kind: redirect ? 'redirect' : 'path', path: path + rest };
}

/** Needs work only when one of these occurs: "//", "/.", "\", "%". A loop, since every request passes here: a regular expression is code of its own. */
function isSuspect(target: string): boolean {
  let before = 0;
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (c === PERCENT || c === BACKSLASH || (before === SLASH && (c === SLASH || c === DOT))) return true;
    before = c;
  }
  return false;
}

/** Decodes unreserved characters, '\' to '/', and removes dot segments (RFC 3986 §5.2.4, §6.2.2). Undefined = malformed. */
function canonical(path: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(path) || /%00/.test(path)) return undefined;
  const decoded = canonicalEscapes(path.replace(/\\/g, '/'));
  const out: string[] = [];
  const segments = decoded.split('/');
  for (let i = 1; i < segments.length; i++) {
    const segment = withoutParameters(segments[i] as string);
    const last = i === segments.length - 1;
    if (segment === '..') {
      // Above the root there is nothing to name.
      if (out.length === 0) return undefined;
      out.pop();
      if (last) out.push('');
    } else if (segment === '.') {
      if (last) out.push('');
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}

/** "..;a=b" is ".." to servers that take parameters away before they look (Tomcat, Jetty): so it is here, as in Envoy. */
function withoutParameters(segment: string): string {
  const semicolon = segment.charCodeAt(0) === DOT ? segment.indexOf(';') : -1;
  const bare = semicolon < 0 ? segment : segment.slice(0, semicolon);
  return bare === '.' || bare === '..' ? bare : segment;
}
