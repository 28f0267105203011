// Rules of HTTPRoute and GRPCRoute become entries of a VirtualService, in the Gateway API's order of precedence.
import {
  type BackendInput,
  type Backends,
  isRefused,
  resolveBackend,
  resolveBackends,
  type Unresolved,
} from './backends.ts';
import { corsOf, retriesOf, withPreflights } from './route-policies.ts';
import type { HeaderChange, HttpRouteFilter, Route, RouteMatch, RouteRule, ValueMatch } from './resources.ts';

export type HttpEntry = Readonly<Record<string, unknown>>;

/** One match of one rule, before entries of several routes are put in order. */
export interface RankedEntry {
  readonly entries: readonly HttpEntry[];
  readonly rank: readonly number[];
  readonly createdMs: number;
  readonly route: string;
}

const EXACT_RANK = 3;
const PREFIX_RANK = 2;
const REGEX_RANK = 1;
const KNOWN_FILTERS = new Set([
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestRedirect',
  'URLRewrite',
  'RequestMirror',
  'CORS',
]);

export function httpEntries(
  route: Route,
  input: BackendInput,
  complain: (problem: Unresolved) => void,
): readonly RankedEntry[] {
  const name = `${route.metadata.namespace}.${route.metadata.name}`;
  const createdMs = Date.parse(route.metadata.creationTimestamp ?? '') || 0;
  return (route.spec.rules ?? []).flatMap((rule, index) => {
    const action = actionOf(rule, route, input, complain);
    const matches = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches;
    return matches.map(
      (match, m): RankedEntry => ({
        entries: withPreflights(entriesOf(match, rule, route, { ...action, name: `${name}.${index}` }), rule),
        rank: [...rankOf(match, route), -index, -m],
        createdMs,
        route: name,
      }),
    );
  });
}

/** Exact before longer prefix before pattern; then method, headers, query; then the older route, its name, its rules in order. */
export function inOrder(entries: readonly RankedEntry[]): readonly HttpEntry[] {
  return [...entries]
    .sort((a, b) => {
      for (let i = 0; i < 5; i++) {
        const difference = (b.rank[i] ?? 0) - (a.rank[i] ?? 0);
        if (difference !== 0) return difference;
      }
      if (a.createdMs !== b.createdMs) return a.createdMs - b.createdMs;
      if (a.route !== b.route) return a.route < b.route ? -1 : 1;
      return (b.rank[5] ?? 0) - (a.rank[5] ?? 0) || (b.rank[6] ?? 0) - (a.rank[6] ?? 0);
    })
    .flatMap(({ entries: list }) => list);
}

function rankOf(match: RouteMatch, route: Route): readonly number[] {
  const path = pathOf(match, route);
  const kind =
    path === undefined
      ? PREFIX_RANK
      : path.type === 'Exact'
        ? EXACT_RANK
        : path.type === 'PathPrefix'
          ? PREFIX_RANK
          : REGEX_RANK;
  return [
    kind,
    path?.value.length ?? 1,
    typeof match.method === 'string' ? 1 : 0,
    match.headers?.length ?? 0,
    match.queryParams?.length ?? 0,
  ];
}

interface Path {
  readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  readonly value: string;
}

function pathOf(match: RouteMatch, route: Route): Path | undefined {
  if (route.kind === 'HTTPRoute')
    return match.path === undefined
      ? undefined
      : { type: match.path.type ?? 'PathPrefix', value: match.path.value ?? '/' };
  const { method } = match;
  if (method === undefined || typeof method === 'string') return undefined;
  if (method.type === 'RegularExpression')
    return { type: 'RegularExpression', value: `/${method.service ?? '[^/]+'}/${method.method ?? '[^/]+'}` };
  if (method.service !== undefined && method.method !== undefined)
    return { type: 'Exact', value: `/${method.service}/${method.method}` };
  if (method.service !== undefined) return { type: 'PathPrefix', value: `/${method.service}` };
  return method.method === undefined
    ? undefined
    : { type: 'RegularExpression', value: `/[^/]+/${escaped(method.method)}` };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A prefix of the Gateway API ends at a segment: `/get` means `/get` and `/get/…`, not `/getx`. */
function entriesOf(match: RouteMatch, rule: RouteRule, route: Route, action: HttpEntry): readonly HttpEntry[] {
  const path = pathOf(match, route);
  const rest = {
    ...(typeof match.method === 'string' ? { method: { exact: match.method } } : {}),
    ...values('headers', match.headers, (name) => name.toLowerCase()),
    ...values('queryParams', match.queryParams, (name) => name),
  };
  const one = (uri: HttpEntry | undefined): HttpEntry => ({ ...(uri === undefined ? {} : { uri }), ...rest });
  const withMatch = (matches: readonly HttpEntry[], more: HttpEntry = {}): HttpEntry => ({
    ...action,
    ...more,
    ...(matches.every((each) => Object.keys(each).length === 0) ? {} : { match: matches }),
  });
  if (path === undefined || (path.type === 'PathPrefix' && path.value === '/')) {
    const root = redirectedPrefix(rule);
    return root === undefined
      ? [withMatch([one(undefined)], replacePrefix(rule, '/'))]
      : [withMatch([one({ prefix: '/' })], redirectTo(action, { prefixRewrite: `${root}/` }))];
  }
  if (path.type === 'Exact') return [withMatch([one({ exact: path.value })])];
  if (path.type === 'RegularExpression') return [withMatch([one({ regex: path.value })])];
  const prefix = path.value.replace(/\/+$/, '');
  const target = redirectedPrefix(rule);
  if (target !== undefined)
    return [
      withMatch([one({ exact: prefix })], redirectTo(action, { uri: target === '' ? '/' : target })),
      withMatch([one({ prefix: `${prefix}/` })], redirectTo(action, { prefixRewrite: `${target}/` })),
    ];
  const rewritten = replacePrefix(rule, prefix);
  if (rewritten === undefined) return [withMatch([one({ exact: prefix }), one({ prefix: `${prefix}/` })])];
  return [withMatch([one({ exact: prefix }), one({ prefix: `${prefix}/` })], rewritten)];
}

/** As a pattern, so that `/a` replaced by `/` turns `/a/b` into `/b`, not `//b`. */
function replacePrefix(rule: RouteRule, prefix: string): HttpEntry | undefined {
  const rewrite = rule.filters?.find((filter) => filter.type === 'URLRewrite')?.urlRewrite;
  if (rewrite?.path?.type !== 'ReplacePrefixMatch') return undefined;
  const to = (rewrite.path.replacePrefixMatch ?? '/').replace(/\/+$/, '');
  const from = prefix === '/' ? '' : escaped(prefix);
  const authority = rewrite.hostname === undefined ? {} : { authority: rewrite.hostname };
  return { rewrite: { ...authority, uriRegexRewrite: { match: `^${from}/?(.*)`, rewrite: `${to}/\\1` } } };
}

/** Without the slash at its end; a redirect's own, since a prefix that was matched ends before or after one. */
function redirectedPrefix(rule: RouteRule): string | undefined {
  const path = rule.filters?.find((filter) => filter.type === 'RequestRedirect')?.requestRedirect?.path;
  return path?.type === 'ReplacePrefixMatch' ? (path.replacePrefixMatch ?? '/').replace(/\/+$/, '') : undefined;
}

function redirectTo(action: HttpEntry, path: HttpEntry): HttpEntry {
  return { redirect: { ...(action['redirect'] as object), ...path } };
}

function values(field: string, list: readonly ValueMatch[] | undefined, nameOf: (name: string) => string): HttpEntry {
  if (list === undefined || list.length === 0) return {};
  return {
    [field]: Object.fromEntries(
      list.map((one) => [
        nameOf(one.name),
        one.type === 'RegularExpression' ? { regex: one.value } : { exact: one.value },
      ]),
    ),
  };
}

function actionOf(
  rule: RouteRule,
  route: Route,
  input: BackendInput,
  complain: (problem: Unresolved) => void,
): HttpEntry {
  const filters = rule.filters ?? [];
  const unknown = filters.find((filter) => !KNOWN_FILTERS.has(filter.type));
  if (unknown !== undefined) {
    // A filter that is left out could open what it was to close.
    complain({ reason: 'UnsupportedValue', message: `the filter ${unknown.type} is not supported` });
    return FAILED;
  }
  const redirect = filters.find((filter) => filter.type === 'RequestRedirect')?.requestRedirect;
  const headers = headersOf(filters);
  if (redirect !== undefined) return { ...redirectOf(redirect), ...headers, ...corsOf(filters) };
  const refs = rule.backendRefs ?? [];
  const backends = resolveBackends(refs, route, input, complain);
  if (backends.destinations.length === 0) return FAILED;
  return {
    ...headers,
    ...rewriteOf(filters),
    ...mirrorsOf(filters, route, input, complain),
    ...corsOf(filters),
    ...timeoutOf(rule),
    ...retriesOf(rule),
    ...lost(backends),
    route: destinationsOf(backends),
  };
}

const FAILED: HttpEntry = Object.freeze({ directResponse: { status: 500 } });

function lost({ lostPercent }: Backends): HttpEntry {
  return lostPercent === 0 ? {} : { fault: { abort: { httpStatus: 500, percentage: { value: lostPercent } } } };
}

function destinationsOf({ destinations }: Backends): readonly HttpEntry[] {
  const alone = destinations.length === 1;
  return destinations.map(({ destination, weight, ref }) => ({
    destination,
    ...(alone ? {} : { weight }),
    ...headersOf(ref.filters ?? []),
  }));
}

function headersOf(filters: readonly HttpRouteFilter[]): HttpEntry {
  const request = changeOf(filters.find((filter) => filter.type === 'RequestHeaderModifier')?.requestHeaderModifier);
  const response = changeOf(filters.find((filter) => filter.type === 'ResponseHeaderModifier')?.responseHeaderModifier);
  if (request === undefined && response === undefined) return {};
  return {
    headers: { ...(request === undefined ? {} : { request }), ...(response === undefined ? {} : { response }) },
  };
}

function changeOf(change: HeaderChange | undefined): HttpEntry | undefined {
  if (change === undefined) return undefined;
  const pairs = (list: HeaderChange['set']): Record<string, string> =>
    Object.fromEntries((list ?? []).map(({ name, value }) => [name, value]));
  return {
    ...(change.set === undefined ? {} : { set: pairs(change.set) }),
    ...(change.add === undefined ? {} : { add: pairs(change.add) }),
    ...(change.remove === undefined ? {} : { remove: change.remove }),
  };
}

function redirectOf(redirect: NonNullable<HttpRouteFilter['requestRedirect']>): HttpEntry {
  const { scheme, hostname, port, statusCode = 302, path } = redirect;
  const implied = scheme === 'https' ? 443 : scheme === 'http' ? 80 : undefined;
  const chosen = port ?? implied;
  return {
    redirect: {
      redirectCode: statusCode,
      ...(scheme === undefined ? {} : { scheme }),
      ...(hostname === undefined ? {} : { authority: hostname }),
      ...(path?.replaceFullPath === undefined ? {} : { uri: path.replaceFullPath }),
      ...(chosen === undefined ? { derivePort: 'FROM_REQUEST_PORT' } : chosen === implied ? {} : { port: chosen }),
    },
  };
}

function rewriteOf(filters: readonly HttpRouteFilter[]): HttpEntry {
  const rewrite = filters.find((filter) => filter.type === 'URLRewrite')?.urlRewrite;
  if (rewrite === undefined) return {};
  return {
    rewrite: {
      ...(rewrite.hostname === undefined ? {} : { authority: rewrite.hostname }),
      ...(rewrite.path?.replaceFullPath === undefined
        ? {}
        : { uriRegexRewrite: { match: '^/.*$', rewrite: rewrite.path.replaceFullPath } }),
    },
  };
}

function mirrorsOf(
  filters: readonly HttpRouteFilter[],
  route: Route,
  input: BackendInput,
  complain: (problem: Unresolved) => void,
): HttpEntry {
  const mirrors = filters.flatMap(({ requestMirror }) => {
    if (requestMirror === undefined || isRefused(requestMirror.backendRef, route, input)) return [];
    const found = resolveBackend(requestMirror.backendRef, route, input);
    if ('reason' in found) {
      complain(found);
      return [];
    }
    return [{ destination: found.destination, percentage: { value: mirroredPercent(requestMirror) } }];
  });
  return mirrors.length === 0 ? {} : { mirrors };
}

function mirroredPercent({ percent, fraction }: NonNullable<HttpRouteFilter['requestMirror']>): number {
  if (fraction !== undefined) return (fraction.numerator * 100) / (fraction.denominator ?? 100);
  return percent ?? 100;
}

function timeoutOf({ timeouts, retry }: RouteRule): HttpEntry {
  // Of a request that has several tries, each has its own.
  const request = timeouts?.request ?? (retry === undefined ? timeouts?.backendRequest : undefined);
  // Zero means none, which is what leaving it out means here.
  return request === undefined || /^0+(\.0+)?(ms|s|m|h)?$/.test(request) ? {} : { timeout: request };
}
