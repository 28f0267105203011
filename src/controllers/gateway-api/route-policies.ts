// What a rule says beside where requests go: retries (GEP-1731) and cross-origin requests (GEP-1767), as a VirtualService has them.
import type { HttpEntry } from './http-rules.ts';
import type { HttpRouteFilter, RouteRule } from './resources.ts';

/** A rule with retries means every failure of a connection, too; whoever writes it says that its requests may run twice. */
const CONNECTION_FAILURES = ['connect-failure', 'refused-stream', 'reset'];

export function retriesOf({ retry, timeouts }: RouteRule): HttpEntry {
  if (retry === undefined) return {};
  const { codes = [], attempts, backoff } = retry;
  const one = timeouts?.backendRequest;
  return {
    retries: {
      ...(attempts === undefined ? {} : { attempts }),
      retryOn: [...CONNECTION_FAILURES, ...codes].join(','),
      ...(backoff === undefined ? {} : { backoff }),
      ...(one === undefined || Number.parseFloat(one) === 0 ? {} : { perTryTimeout: one }),
    },
  };
}

export function corsOf(filters: readonly HttpRouteFilter[]): HttpEntry {
  const cors = filters.find((filter) => filter.type === 'CORS')?.cors;
  if (cors === undefined) return {};
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAge } = cors;
  return {
    corsPolicy: {
      allowOrigins: (allowOrigins ?? []).map(originOf),
      ...(allowMethods === undefined ? {} : { allowMethods }),
      ...(allowHeaders === undefined ? {} : { allowHeaders }),
      ...(exposeHeaders === undefined ? {} : { exposeHeaders }),
      ...(allowCredentials === undefined ? {} : { allowCredentials }),
      // Without one a browser asks again after 5 s, by the API's default.
      maxAge: `${maxAge ?? 5}s`,
      // An origin that is not allowed is answered here, without these headers: its browser keeps the request back.
      unmatchedPreflights: 'IGNORE',
    },
  };
}

/**
 * A preflight that is allowed is answered by an entry of its own: the API wants the exposed headers in it, and where all
 * methods or headers are allowed, those that are asked for, since browsers take no `*` beside credentials.
 */
export function withPreflights(entries: readonly HttpEntry[], { filters }: RouteRule): readonly HttpEntry[] {
  const cors = filters?.find((filter) => filter.type === 'CORS')?.cors;
  if (cors === undefined) return entries;
  return entries.flatMap((entry) => {
    const matches = ((entry['match'] as readonly Match[] | undefined) ?? [{}])
      .filter(({ method }) => method === undefined || method.exact === 'OPTIONS')
      .map((match) => ({ ...match, method: { exact: 'OPTIONS' }, headers: { ...match.headers, ...preflight(cors) } }));
    if (matches.length === 0) return [entry];
    const answer = { directResponse: { status: 200 }, headers: { response: { set: answersOf(cors) } } };
    return [{ name: entry['name'], match: matches, ...answer }, entry];
  });
}

type Cors = NonNullable<HttpRouteFilter['cors']>;
interface Match {
  readonly method?: { readonly exact?: string };
  readonly headers?: object;
}

function preflight({ allowOrigins = [] }: Cors): object {
  return {
    origin: { regex: allowOrigins.map((origin) => `(?:${patternOf(origin)})`).join('|') || '[^\\s\\S]' },
    'access-control-request-method': { regex: '.+' },
  };
}

function answersOf(cors: Cors): Readonly<Record<string, string>> {
  const { allowMethods = [], allowHeaders = [], exposeHeaders = [], allowCredentials = false, maxAge = 5 } = cors;
  const listed = (list: readonly string[], asked: string): string =>
    list.includes('*') ? `%REQ(${asked})%` : list.join(',').replaceAll('%', '%%');
  const methods = listed(allowMethods, 'access-control-request-method');
  const headers = listed(allowHeaders, 'access-control-request-headers');
  // Nothing that would be for whom: without credentials `*` is a value of its own.
  const exposed = (allowCredentials ? exposeHeaders.filter((name) => name !== '*') : exposeHeaders).join(',');
  return {
    'access-control-allow-origin': '%REQ(origin)%',
    ...(methods === '' ? {} : { 'access-control-allow-methods': methods }),
    ...(headers === '' ? {} : { 'access-control-allow-headers': headers }),
    ...(exposed === '' ? {} : { 'access-control-expose-headers': exposed }),
    ...(allowCredentials ? { 'access-control-allow-credentials': 'true' } : {}),
    'access-control-max-age': String(maxAge),
    vary: 'Origin',
  };
}

/** `https://*.example.com` stands for any name below, not for the name itself. */
function originOf(origin: string): HttpEntry {
  return origin.includes('*') ? { regex: patternOf(origin) } : { exact: origin };
}

function patternOf(origin: string): string {
  if (origin === '*') return '.*';
  const parts = origin.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return parts.join('.+');
}
