// One HTTP rule of a VirtualService as Envoy routes, and the default route of a service without one (inventory §1.1, §3.6).

import { causeText, ENVOY_ROUTE_CLUSTER, ROUTE_CAUSE } from '#base';
import { durationMs } from '#config';
import type {
  RouteSchema,
  RouteActionSchema,
  RedirectActionSchema,
  RouteMatchSchema,
  WeightedCluster_ClusterWeightSchema,
} from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { RedirectAction_RedirectResponseCode } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import {
  gatewayName,
  type HttpMatch,
  type HttpRoute,
  type ResolvedHttpRoute,
  type ResolvedVirtualService,
} from '#registry';
import { duration, type Init } from '../encode.ts';
import { configPath } from '../names.ts';
import type { EffectivePolicy, LoadBalancer, Tunnel } from '../clusters/traffic-policy.ts';
import { hashPolicies } from './hash-policy.ts';
import { authorityOf, headerChanges } from './headers.ts';
import { routeMatch } from './match.ts';
import {
  explicitRetry,
  IDEMPOTENT,
  IDEMPOTENT_METHODS,
  IDEMPOTENT_WORD,
  type RetrySpec,
  retriableHeaders,
  safeRetry,
  UNPROCESSED,
} from './retry.ts';
import { fraction, routeFilters } from './route-filters.ts';

type Route = Init<typeof RouteSchema>;
type Action = Init<typeof RouteActionSchema>;
type Destination = {
  readonly host: string;
  readonly subset?: string | undefined;
  readonly port?: { readonly number?: number | undefined } | undefined;
};

/** What a destination in a rule's text means for the clients of one scope. */
export interface Target {
  readonly cluster: string;
  readonly balancer: LoadBalancer | undefined;
  readonly policy?: EffectivePolicy;
  /** Of connections that are no HTTP. */
  readonly tunnel?: Tunnel;
}

export interface RouteContext {
  /** Port of the listener, for `match.port` and for destinations without a port. */
  readonly port: number;
  /** `mesh`, or the gateway's `namespace/name`: rules for others are left out. */
  readonly gateway: string;
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly sourceNamespace: string;
  readonly meshRetry: RetrySpec | undefined;
  /** Stock Envoy needs the idempotent methods as a route of their own; ours knows the word. */
  readonly envoy: boolean;
  readonly tls: boolean;
  target(destination: Destination, namespace: string): Target;
}

export function virtualServiceRoutes(vs: ResolvedVirtualService, context: RouteContext): readonly Route[] {
  const routes: Route[] = [];
  for (const rule of vs.http) {
    const matches = rule.route.match ?? [];
    if (matches.length === 0) {
      routes.push(...httpRoutes(rule, undefined, vs, context));
      break;
    }
    let all = false;
    for (const match of matches) {
      if (!applies(match, vs, context)) continue;
      routes.push(...httpRoutes(rule, match, vs, context));
      if (catchesAll(match)) {
        all = true;
        break;
      }
    }
    if (all) break;
  }
  return routes;
}

/** Conditions that are about the client or the listener are decided here, not per request. */
function applies(match: HttpMatch, vs: ResolvedVirtualService, context: RouteContext): boolean {
  if (match.port !== undefined && match.port !== 0 && match.port !== context.port) return false;
  if (
    match.sourceNamespace !== undefined &&
    match.sourceNamespace !== '' &&
    match.sourceNamespace !== context.sourceNamespace
  )
    return false;
  const gateways = match.gateways ?? [];
  if (gateways.length > 0 && !gateways.some((name) => gatewayName(name, vs.namespace) === context.gateway))
    return false;
  return Object.entries(match.sourceLabels ?? {}).every(([key, value]) => context.sourceLabels[key] === value);
}

function catchesAll(match: HttpMatch): boolean {
  const uri = match.uri;
  const path = uri === undefined || uri.prefix === '/' || uri.regex === '.*' || uri.regex === '*';
  const conditions = [match.headers, match.withoutHeaders, match.queryParams].some(
    (set) => set !== undefined && Object.keys(set).length > 0,
  );
  return (
    path && !conditions && match.method === undefined && match.authority === undefined && match.scheme === undefined
  );
}

function httpRoutes(
  rule: ResolvedHttpRoute,
  match: HttpMatch | undefined,
  vs: ResolvedVirtualService,
  context: RouteContext,
): readonly Route[] {
  const { route } = rule;
  const filters = routeFilters(route);
  const name = [route.name, match?.name].filter((part) => part !== undefined && part !== '').join('.');
  const base: Route = {
    ...(name === '' ? {} : { name }),
    match: routeMatch(match),
    metadata: {
      filterMetadata: {
        istio: { config: configPath('virtual-service', vs.namespace, vs.name) },
        [ROUTE_CAUSE.namespace]: { [ROUTE_CAUSE.key]: causeText(rule.origin, rule.path) },
      },
    },
    ...(match?.statPrefix === undefined || match.statPrefix === '' ? {} : { statPrefix: match.statPrefix }),
    ...(filters === undefined ? {} : { typedPerFilterConfig: filters }),
    ...headerChanges(route.headers),
  };
  if (route.redirect !== undefined)
    return [{ ...base, action: { case: 'redirect', value: redirect(route.redirect, context) } }];
  if (route.directResponse !== undefined) {
    const { status, body } = route.directResponse;
    const bytes = body?.bytes === undefined ? undefined : Buffer.from(body.bytes, 'base64');
    const text = body?.string;
    return [
      {
        ...base,
        action: {
          case: 'directResponse',
          value: {
            status,
            ...(text !== undefined ? { body: { specifier: { case: 'inlineString' as const, value: text } } } : {}),
            ...(bytes !== undefined
              ? { body: { specifier: { case: 'inlineBytes' as const, value: new Uint8Array(bytes) } } }
              : {}),
          },
        },
      },
    ];
  }
  return forward(base, rule, match, context);
}

function forward(
  base: Route,
  rule: ResolvedHttpRoute,
  match: HttpMatch | undefined,
  context: RouteContext,
): readonly Route[] {
  const { route, namespace } = rule;
  const destinations = (route.route ?? []).filter((target, _, all) => all.length === 1 || (target.weight ?? 0) > 0);
  const targets = destinations.map((target) => ({ target, ...context.target(target.destination, namespace) }));
  const first = targets[0];
  if (first === undefined) return [{ ...base, action: { case: 'directResponse', value: { status: 503 } } }];
  const hashes =
    targets.length === 1
      ? hashPolicies(first.balancer)
      : targets.flatMap(({ balancer }) => hashPolicies(balancer)).slice(0, 1);
  const timeout = durationMs(route.timeout, 0);
  const rewritten =
    route.rewrite?.authority ??
    authorityOf(route.headers) ??
    (targets.length === 1 ? authorityOf(first.target.headers) : undefined);
  const action: Action = {
    ...(targets.length === 1
      ? { clusterSpecifier: { case: 'cluster' as const, value: first.cluster } }
      : {
          clusterSpecifier: {
            case: 'weightedClusters' as const,
            value: { clusters: targets.map(({ target, cluster }) => weighted(cluster, target)) },
          },
        }),
    timeout: duration(timeout),
    maxGrpcTimeout: duration(timeout),
    ...rewriteOf(route, match),
    ...(rewritten === undefined
      ? {}
      : { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: rewritten } }),
    ...(hashes.length === 0 ? {} : { hashPolicy: [...hashes] }),
    ...mirrors(route, namespace, context),
  };
  const decorated: Route = {
    ...base,
    ...(targets.length === 1 ? combine(base, headerChanges(first.target.headers)) : {}),
    ...(context.envoy && route.fault?.abort !== undefined ? namingCluster(base, targets) : {}),
    decorator: { operation: operation(first.cluster, match) },
  };
  return withRetries(decorated, action, { own: route.retries, hashed: hashes.length > 0 }, context);
}

/** For what Envoy aborts before it chooses a cluster; several of one service are told without their subsets. */
function namingCluster(base: Route, targets: readonly { readonly cluster: string }[]): Route {
  const subset = /^(outbound\|\d+\|)[^|]*/;
  const names = new Set(targets.map(({ cluster }) => (targets.length === 1 ? cluster : cluster.replace(subset, '$1'))));
  const [name, ...others] = names;
  if (name === undefined || others.length > 0) return {};
  const { namespace, key } = ENVOY_ROUTE_CLUSTER;
  const told = base.metadata?.filterMetadata ?? {};
  return { metadata: { filterMetadata: { ...told, [namespace]: { ...told[namespace], [key]: name } } } };
}

/** Target's changes after the route's. */
function combine(base: Route, own: ReturnType<typeof headerChanges>): Route {
  const joined: Route = {};
  for (const field of [
    'requestHeadersToAdd',
    'requestHeadersToRemove',
    'responseHeadersToAdd',
    'responseHeadersToRemove',
  ] as const) {
    const list = [...(base[field] ?? []), ...(own[field] ?? [])];
    if (list.length > 0) Object.assign(joined, { [field]: list });
  }
  return joined;
}

/** An explicit policy (the rule's or the mesh's) stands as written; else the safe default, for Envoy in two routes. */
export function withRetries(
  route: Route,
  action: Action,
  retry: { readonly own: RetrySpec | undefined; readonly hashed: boolean },
  context: Pick<RouteContext, 'meshRetry' | 'envoy'>,
): readonly Route[] {
  const spec = retry.own ?? context.meshRetry;
  const written = spec?.retryOn !== undefined && spec.retryOn !== '';
  if (spec !== undefined && (written || spec.attempts === 0)) {
    const policy = explicitRetry(spec, retry.hashed);
    return [
      {
        ...route,
        action: { case: 'route', value: policy === undefined ? action : { ...action, retryPolicy: policy } },
      },
    ];
  }
  const limits = spec === undefined ? undefined : explicitRetry(spec, retry.hashed);
  const policy = (retryOn: string): Action => ({
    ...action,
    retryPolicy: { ...(limits ?? safeRetry(retry.hashed)), retryOn, retriableHeaders: retriableHeaders() },
  });
  if (!context.envoy)
    return [{ ...route, action: { case: 'route', value: policy(`${UNPROCESSED},${IDEMPOTENT_WORD}`) } }];
  const method = {
    name: ':method',
    headerMatchSpecifier: {
      case: 'stringMatch' as const,
      value: { matchPattern: { case: 'safeRegex' as const, value: { regex: IDEMPOTENT_METHODS } } },
    },
  };
  const narrowed: Route['match'] = {
    ...(route.match as Init<typeof RouteMatchSchema>),
    headers: [...((route.match as Init<typeof RouteMatchSchema>).headers ?? []), method],
  };
  return [
    { ...route, match: narrowed, action: { case: 'route', value: policy(IDEMPOTENT) } },
    { ...route, action: { case: 'route', value: policy(UNPROCESSED) } },
  ];
}

function weighted(
  cluster: string,
  target: NonNullable<HttpRoute['route']>[number],
): Init<typeof WeightedCluster_ClusterWeightSchema> {
  const host = authorityOf(target.headers);
  return {
    name: cluster,
    weight: target.weight ?? 0,
    ...headerChanges(target.headers),
    ...(host === undefined ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: host } }),
  };
}

function rewriteOf(route: HttpRoute, match: HttpMatch | undefined): Action {
  const rewrite = route.rewrite;
  if (rewrite === undefined) return {};
  if (rewrite.uriRegexRewrite !== undefined) {
    return {
      regexRewrite: {
        pattern: { regex: rewrite.uriRegexRewrite.match ?? '' },
        substitution: rewrite.uriRegexRewrite.rewrite ?? '',
      },
    };
  }
  if (rewrite.uri === undefined || rewrite.uri === '') return {};
  // A rule without a prefix matches every path: its rewrite replaces the leading slash, as in Istio.
  return match?.uri?.regex === undefined
    ? { prefixRewrite: rewrite.uri }
    : { regexRewrite: { pattern: { regex: match.uri.regex }, substitution: rewrite.uri } };
}

function mirrors(route: HttpRoute, namespace: string, context: RouteContext): Action {
  const single =
    route.mirror === undefined
      ? []
      : [{ destination: route.mirror, percent: route.mirrorPercentage?.value ?? route.mirrorPercent ?? 100 }];
  const list = (route.mirrors ?? []).map((mirror) => ({
    destination: mirror.destination,
    percent: mirror.percentage?.value ?? 100,
  }));
  const all = [...single, ...list].filter(({ percent }) => percent > 0);
  if (all.length === 0) return {};
  return {
    requestMirrorPolicies: all.map(({ destination, percent }) => ({
      cluster: context.target(destination, namespace).cluster,
      runtimeFraction: { defaultValue: fraction(percent) },
      traceSampled: false,
      disableShadowHostSuffixAppend: true,
    })),
  };
}

const REDIRECT_CODES: Readonly<Record<number, RedirectAction_RedirectResponseCode>> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};

function redirect(spec: NonNullable<HttpRoute['redirect']>, context: RouteContext): Init<typeof RedirectActionSchema> {
  // The port that a request came to is the listener's; the protocol's own is what proxies leave out by themselves.
  const derived = spec.derivePort === 'FROM_REQUEST_PORT' ? context.port : undefined;
  const port = spec.port !== undefined && spec.port !== 0 ? spec.port : derived;
  return {
    ...(spec.authority === undefined ? {} : { hostRedirect: spec.authority }),
    ...(spec.scheme === undefined
      ? {}
      : { schemeRewriteSpecifier: { case: 'schemeRedirect' as const, value: spec.scheme } }),
    ...(port === undefined ? {} : { portRedirect: port }),
    ...(spec.prefixRewrite !== undefined
      ? { pathRewriteSpecifier: { case: 'prefixRewrite' as const, value: spec.prefixRewrite } }
      : spec.uri !== undefined
        ? { pathRewriteSpecifier: { case: 'pathRedirect' as const, value: spec.uri } }
        : {}),
    responseCode: REDIRECT_CODES[spec.redirectCode ?? 301] ?? RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  };
}

/** `host:port/path*`, the span's name. */
function operation(cluster: string, match: HttpMatch | undefined): string {
  const [, port = '', , host = ''] = cluster.split('|');
  const uri = match?.uri;
  if (uri?.exact !== undefined) return `${host}:${port}${uri.exact}`;
  return `${host}:${port}${uri?.prefix ?? uri?.regex ?? '/'}*`;
}

export function defaultRoutes(
  cluster: string,
  host: string,
  port: number,
  balancer: LoadBalancer | undefined,
  context: Pick<RouteContext, 'meshRetry' | 'envoy'>,
): readonly Route[] {
  const hashes = hashPolicies(balancer);
  const action: Action = {
    clusterSpecifier: { case: 'cluster', value: cluster },
    timeout: duration(0),
    maxGrpcTimeout: duration(0),
    ...(hashes.length === 0 ? {} : { hashPolicy: [...hashes] }),
  };
  const route: Route = {
    name: 'default',
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    decorator: { operation: `${host}:${port}/*` },
  };
  return withRetries(route, action, { own: undefined, hashed: hashes.length > 0 }, context);
}
