// HTTP filter envoy.filters.http.cors: answers preflights and marks responses by the route's CorsPolicy (Fetch standard, CORS protocol).

import type { CorsPolicy } from '#proto/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import type { RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import type {
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../http/filter.ts';
import { runtimeFractionOf } from '../../matcher/fraction.ts';
import type { StringPredicate } from '../../matcher/match-input.ts';
import { compileStringMatcher } from '../../matcher/string-matcher.ts';

const POLICY_TYPE = 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy';

interface Policy {
  readonly origins: readonly StringPredicate[];
  /** A matcher that takes `*` for a match takes every origin (Envoy). */
  readonly anyOrigin: boolean;
  readonly methods: string;
  readonly headers: string;
  readonly expose: string;
  readonly maxAge: string;
  readonly credentials: boolean;
  readonly privateNetwork: boolean;
  readonly forwardUnmatched: boolean;
  readonly enabled: number;
}

function compilePolicy(config: CorsPolicy, field: string): Policy {
  const origins = config.allowOriginStringMatch.map((matcher, i) =>
    compileStringMatcher(matcher, `${field}.allow_origin_string_match[${i}]`),
  );
  return {
    origins,
    anyOrigin: origins.some((matches) => matches('*')),
    methods: config.allowMethods,
    headers: config.allowHeaders,
    expose: config.exposeHeaders,
    maxAge: config.maxAge,
    credentials: config.allowCredentials ?? false,
    privateNetwork: config.allowPrivateNetworkAccess ?? false,
    forwardUnmatched: config.forwardNotMatchingPreflights ?? true,
    enabled: runtimeFractionOf(config.filterEnabled, 1),
  };
}

class CorsFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #context: FilterContext;
  readonly #name: string;
  #policy: Policy | undefined;
  #origin = '';

  constructor(callbacks: FilterCallbacks, context: FilterContext, name: string) {
    this.#callbacks = callbacks;
    this.#context = context;
    this.#name = name;
  }

  requestHead(head: RequestHead): FilterStatus {
    const origin = head.headers.get('origin');
    if (origin === undefined || origin === '') return 'continue';
    const policy = this.#callbacks.route?.perFilterConfig(this.#name) as Policy | undefined;
    if (policy === undefined || (policy.enabled < 1 && this.#context.random.float() >= policy.enabled))
      return 'continue';
    const allowed = policy.anyOrigin || policy.origins.some((matches) => matches(origin));
    if (allowed) {
      this.#policy = policy;
      this.#origin = origin;
    }
    const preflight = head.method === 'OPTIONS' && (head.headers.get('access-control-request-method') ?? '') !== '';
    if (!preflight || (!allowed && policy.forwardUnmatched)) return 'continue';
    // The answer passes the filters' response side, where this one must not mark it again.
    this.#policy = undefined;
    this.#callbacks.reply({
      status: 200,
      body: '',
      details: 'cors_response',
      headers: allowed ? preflightHeaders(policy, origin, head) : [],
    });
    return 'stop';
  }

  responseHead(head: ResponseHead): FilterStatus {
    const policy = this.#policy;
    if (policy === undefined) return 'continue';
    head.headers.set('access-control-allow-origin', this.#origin);
    if (policy.credentials) head.headers.set('access-control-allow-credentials', 'true');
    if (policy.expose !== '') head.headers.set('access-control-expose-headers', policy.expose);
    return 'continue';
  }
}

function preflightHeaders(policy: Policy, origin: string, head: RequestHead): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [['access-control-allow-origin', origin]];
  if (policy.credentials) headers.push(['access-control-allow-credentials', 'true']);
  const methods = allowedWords(policy, policy.methods, head.headers.get('access-control-request-method'));
  if (methods !== '') headers.push(['access-control-allow-methods', methods]);
  const names = allowedWords(policy, policy.headers, head.headers.get('access-control-request-headers'));
  if (names !== '') headers.push(['access-control-allow-headers', names]);
  if (policy.maxAge !== '') headers.push(['access-control-max-age', policy.maxAge]);
  if (policy.privateNetwork && head.headers.get('access-control-request-private-network') === 'true')
    headers.push(['access-control-allow-private-network', 'true']);
  return headers;
}

/** With credentials browsers take `*` for a name (Fetch standard §3.3.4): what was asked for is named instead. */
function allowedWords({ credentials }: Policy, words: string, asked: string | undefined): string {
  return words === '*' && credentials ? (asked ?? '') : words;
}

export const corsExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.cors',
  typeUrl: 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors',
  build: (_, context, filterName) => ({
    name: filterName,
    create: (callbacks) => new CorsFilter(callbacks, context, filterName),
  }),
  routeConfig: (config) =>
    compilePolicy(decodeMessage<CorsPolicy>(POLICY_TYPE, config, 'typed_per_filter_config'), 'typed_per_filter_config'),
};
