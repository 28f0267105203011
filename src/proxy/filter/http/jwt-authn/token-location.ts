// Where tokens stand in a request: headers, query parameters, cookies. All of them are found, since the application may read any one.

import type { RequestHead } from '#wire/http';

export interface TokenLocation {
  readonly kind: 'header' | 'query' | 'cookie';
  /** Headers: lower case. */
  readonly name: string;
  /** Headers: what stands before the token, lower case. */
  readonly prefix: string;
}

/** Where RFC 6750 puts them. */
export const DEFAULT_LOCATIONS: readonly TokenLocation[] = [
  { kind: 'header', name: 'authorization', prefix: 'bearer ' },
  { kind: 'query', name: 'access_token', prefix: '' },
];

export function tokensAt(head: RequestHead, location: TokenLocation): readonly string[] {
  switch (location.kind) {
    case 'header':
      return head.headers.getAll(location.name).flatMap((value) => afterPrefix(value, location.prefix) ?? []);
    case 'query':
      return queryPairs(head.path)
        .flatMap((pair) => (nameOf(pair) === location.name ? [pair.slice(pair.indexOf('=') + 1)] : []))
        .filter((token) => token !== '');
    case 'cookie':
      return head.headers
        .getAll('cookie')
        .flatMap((header) => header.split(';').flatMap((pair) => cookieValue(pair, location.name) ?? []));
  }
}

/** The token is not passed on. */
export function removeTokens(head: RequestHead, location: TokenLocation): void {
  switch (location.kind) {
    case 'header':
      head.headers.remove(location.name);
      return;
    case 'query': {
      const start = head.path.indexOf('?');
      const kept = queryPairs(head.path).filter((pair) => nameOf(pair) !== location.name);
      if (start >= 0)
        head.path = kept.length === 0 ? head.path.slice(0, start) : `${head.path.slice(0, start)}?${kept.join('&')}`;
      return;
    }
    case 'cookie': {
      const kept = head.headers.getAll('cookie').flatMap((header) =>
        header
          .split(';')
          .filter((pair) => cookieValue(pair, location.name) === undefined)
          .map((pair) => pair.trim()),
      );
      if (kept.length === 0) head.headers.remove('cookie');
      else head.headers.set('cookie', kept.join('; '));
    }
  }
}

/** As Envoy: the prefix may stand anywhere in the value; the scheme's case does not matter (RFC 9110 §11.1). */
function afterPrefix(value: string, prefix: string): string | undefined {
  if (prefix === '') return value === '' ? undefined : value.trim();
  const at = value.toLowerCase().indexOf(prefix);
  if (at < 0) return undefined;
  const rest = value.slice(at + prefix.length);
  return /[A-Za-z0-9_.+/=-]+/.exec(rest)?.[0] ?? '';
}

function queryPairs(path: string): readonly string[] {
  const start = path.indexOf('?');
  if (start < 0) return [];
  const fragment = path.indexOf('#', start);
  return path.slice(start + 1, fragment < 0 ? path.length : fragment).split('&');
}

/** An application decodes names before it reads them. */
function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  const name = equals < 0 ? pair : pair.slice(0, equals);
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function cookieValue(pair: string, name: string): string | undefined {
  const equals = pair.indexOf('=');
  if (equals < 0 || pair.slice(0, equals).trim() !== name) return undefined;
  const value = pair.slice(equals + 1).trim();
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
