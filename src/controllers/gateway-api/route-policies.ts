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

/** `https://*.example.com` stands for any name below, not for the name itself. */
function originOf(origin: string): HttpEntry {
  if (origin === '*') return { regex: '.*' };
  if (!origin.includes('*')) return { exact: origin };
  const parts = origin.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return { regex: parts.join('.+') };
}
