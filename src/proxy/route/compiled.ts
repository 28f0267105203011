// What a RouteConfiguration becomes: frozen values with every default filled in, so that a request
// only looks things up (semantics: Envoy's route v3, route_components.proto).

import type { JsonObject } from '@bufbuild/protobuf';
import type { RateLimit } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import type { RouteView } from '../http/filter.ts';
import type { MatchInput } from '../matcher/match-input.ts';

export type FilterMetadata = Readonly<Record<string, JsonObject>>;

/** A route that was chosen for one request, with its cluster. Shared between requests unless the cluster came from a header. */
export interface RouteChoice extends RouteView {
  readonly route: CompiledRoute;
  /** Empty unless `route.action.kind` is 'forward'. May name a cluster that does not exist. */
  readonly cluster: string;
  /** Metadata that hosts must carry (route's and weighted cluster's, merged); undefined = any host. */
  readonly metadataMatch: FilterMetadata | undefined;
  /** Weighted cluster's own rewrite; goes before the route's. */
  readonly hostRewriteLiteral: string;
  /** Weighted cluster, route, virtual host and table, in Envoy's order. */
  mutateRequestHeaders(head: RequestHead, input: MatchInput): void;
  mutateResponseHeaders(head: ResponseHead, input: MatchInput): void;
}

export interface CompiledRoute {
  readonly name: string;
  readonly virtualHost: string;
  readonly path: PathRule;
  readonly action: RouteTarget;
  readonly decorator: { readonly operation: string; readonly propagate: boolean } | undefined;
  readonly metadata: FilterMetadata | undefined;
  readonly statPrefix: string;
  /** Undefined = the connection manager's. */
  readonly bufferLimit: number | undefined;
  readonly tracing: TracingOverride | undefined;
  readonly rateLimits: readonly RateLimit[];
  /** Empty when the route's own replace its virtual host's. */
  readonly virtualHostRateLimits: readonly RateLimit[];
  /** x-envoy-attempt-count to the upstream, to the client. */
  readonly attemptCountInRequest: boolean;
  readonly attemptCountInResponse: boolean;
  /** x-envoy-is-timeout-retry to the upstream. */
  readonly timeoutRetryInRequest: boolean;
}

export interface PathRule {
  readonly kind: 'prefix' | 'exact' | 'regex' | 'separated-prefix' | 'connect' | 'template';
  readonly value: string;
}

export interface TracingOverride {
  /** Fractions in [0, 1]. */
  readonly client: number;
  readonly random: number;
  readonly overall: number;
}

export type RouteTarget = ForwardTarget | RedirectTarget | DirectResponseTarget | { readonly kind: 'none' };

export interface ForwardTarget {
  readonly kind: 'forward';
  readonly clusterNotFoundCode: number;
  /** Whole response; 0 = no limit. */
  readonly timeoutMs: number;
  /** Undefined = the connection manager's stream idle timeout. */
  readonly idleTimeoutMs: number | undefined;
  readonly maxStreamDurationMs: number | undefined;
  /** Undefined = grpc-timeout is not looked at; 0 = taken without a limit. */
  readonly grpcTimeoutMaxMs: number | undefined;
  readonly grpcTimeoutOffsetMs: number;
  /** It counts from the stream's beginning (max_stream_duration), not from the request's end. */
  readonly grpcLimitsLife: boolean;
  /** The route's, or its virtual host's. */
  readonly retry: CompiledRetryPolicy | undefined;
  /** hedge_on_per_try_timeout: the route's, or its virtual host's. */
  readonly hedge: boolean;
  /** Query included in and out; undefined = path stays. */
  readonly rewritePath: ((path: string) => string) | undefined;
  readonly hostRewrite: HostRewrite | undefined;
  readonly appendXForwardedHost: boolean;
  readonly hashPolicies: readonly HashPolicy[];
  readonly mirrors: readonly MirrorPolicy[];
  /** Upgrade type in lower case ('websocket', 'connect') -> what the route says of it. */
  readonly upgrades: ReadonlyMap<string, UpgradeRule>;
  readonly priority: 'default' | 'high';
}

export interface UpgradeRule {
  readonly enabled: boolean;
  /** CONNECT is ended here and its bytes go upstream raw. */
  readonly terminateConnect: boolean;
  readonly allowPost: boolean;
}

export type HostRewrite =
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'auto' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'path'; readonly rewrite: (path: string) => string };

export interface MirrorPolicy {
  readonly cluster: string;
  /** Lower case; '' = `cluster` says it. */
  readonly clusterHeader: string;
  readonly fraction: number;
  readonly traceSampled: boolean | undefined;
  /** "-shadow" goes behind the host. */
  readonly appendShadowSuffix: boolean;
}

export interface HashPolicy {
  readonly terminal: boolean;
  readonly kind: 'header' | 'cookie' | 'source-ip' | 'query' | 'filter-state';
  /** Header, cookie, parameter or filter state key. */
  readonly name: string;
  /** Cookies only: make one when the request has none; undefined = never. 0 = session cookie. */
  readonly cookieTtlMs: number | undefined;
  readonly cookiePath: string;
  readonly cookieAttributes: readonly (readonly [string, string])[];
  /** Rewrites the header's value before it is hashed. */
  readonly rewrite: ((value: string) => string) | undefined;
}

export interface CompiledRetryPolicy {
  /** Words of retry_on, both HTTP and gRPC. */
  readonly on: ReadonlySet<string>;
  readonly retries: number;
  /** 0 = the route's timeout only. */
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  readonly statusCodes: ReadonlySet<number>;
  /** Any of these on the response asks for a retry ('retriable-headers'). */
  readonly retriableHeaders: readonly HeaderCondition[];
  /** Retries only when one of these is on the request; empty = always. */
  readonly requestHeaders: readonly HeaderCondition[];
  readonly avoidPreviousHosts: boolean;
  /** Hosts that no retry goes to, by what their assignment says of them (omit_host_metadata, omit_canary_hosts). */
  readonly omitsHost: ((metadata: FilterMetadata) => boolean) | undefined;
  readonly hostSelectionAttempts: number;
  /** Change the priority after this many attempts; 0 = never. */
  readonly previousPrioritiesFrequency: number;
  readonly baseIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly rateLimitedReset:
    | {
        readonly headers: readonly { readonly name: string; readonly format: 'seconds' | 'unix' }[];
        readonly maxIntervalMs: number;
      }
    | undefined;
}

export type HeaderCondition = (headers: HeaderBlock) => boolean;

export interface RedirectTarget {
  readonly kind: 'redirect';
  readonly status: number;
  /** The whole Location, made before any rewrite of the head. */
  location(head: RequestHead): string;
}

export interface DirectResponseTarget {
  readonly kind: 'direct';
  readonly status: number;
  readonly body: string;
}
