// What an HTTP filter is (design §3a). A filter is made once per stream by a factory that was built
// once from configuration; methods that a filter does not need are left out and cost nothing.

import type { Clock, Logger, Random } from '#base';
import type { Drawer } from '#leases';
import type { StatStore, StreamRecord } from '#telemetry';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import type { ResponseFlag } from '#telemetry';
import type { ModuleSource, ProxySelf } from '../services.ts';
import type { Sharing } from '../shared/index.ts';
import type { ClusterManager } from '../upstream/cluster-manager.ts';

/**
 * `continue`: the next filter sees it.
 * `stop`: nothing goes further in this direction until `continueRequest`/`continueResponse` or a
 * reply; body that arrives meanwhile is held back by back-pressure.
 * `buffer`: as `stop`, and the body is collected (up to the filter's `bufferLimit`, else 413 or
 * 500) and given whole to `requestData`/`responseData` with `end`.
 */
export type FilterStatus = 'continue' | 'stop' | 'buffer';

export interface HttpFilter {
  requestHead?(head: RequestHead, end: boolean): FilterStatus;
  /** May return other bytes in place of `data` through `callbacks.replaceData`. */
  requestData?(data: Buffer, end: boolean): FilterStatus;
  requestTrailers?(trailers: HeaderBlock): FilterStatus;
  responseHead?(head: ResponseHead, end: boolean): FilterStatus;
  responseData?(data: Buffer, end: boolean): FilterStatus;
  responseTrailers?(trailers: HeaderBlock): FilterStatus;
  /** Exactly once, when the stream is over for whatever reason. No callback may be used afterwards. */
  destroy?(): void;
}

export interface LocalReply {
  readonly status: number;
  readonly body: string;
  /** Access log `%RESPONSE_CODE_DETAILS%`. */
  readonly details: string;
  readonly flag?: ResponseFlag;
  readonly headers?: readonly (readonly [string, string])[];
  readonly grpcStatus?: number;
}

export interface FilterCallbacks {
  readonly record: StreamRecord;
  readonly connection: DownstreamFacts;
  /** The chosen route; undefined when none matched. Choosing happens before the first filter; `clearRoute` repeats it. */
  readonly route: RouteView | undefined;
  clearRoute(): void;
  continueRequest(): void;
  continueResponse(): void;
  reply(reply: LocalReply): void;
  /** Called in `responseTrailers` it puts these bytes, as the body's last, in place of the trailers. */
  replaceData(data: Uint8Array): void;
  /** Only in `responseTrailers`: the body's last bytes, ahead of the trailers. */
  addResponseData(data: Uint8Array): void;
  resetStream(detail: string): void;
  /** Most bytes that `buffer` may collect for this stream. */
  bufferLimit: number;
}

/** Facts of the downstream connection that policies may use; addresses as numbers-and-dots text. */
export interface DownstreamFacts {
  /** Of the socket, whatever a PROXY header or x-forwarded-for said. */
  readonly directRemoteAddress: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** After use_remote_address and x-forwarded-for were weighed. */
  readonly trustedRemoteAddress: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly sni: string;
  readonly tls: boolean;
  readonly mtls: boolean;
  /** URI SANs of the verified peer certificate. */
  readonly peerUriSans: readonly string[];
  readonly peerPrincipal: string;
}

/** What filters may read of the route that was chosen. */
export interface RouteView {
  readonly name: string;
  readonly virtualHost: string;
  readonly cluster: string;
  /** typed_per_filter_config of weighted cluster, route, virtual host, most specific first; already decoded by the filter's `routeConfig`. */
  perFilterConfig(filterName: string): unknown;
  readonly metadata: unknown;
}

/** A request that was let in, as it was when it was judged. */
export interface JudgedRequest {
  readonly head: RequestHead;
  readonly connection: DownstreamFacts;
  readonly record: StreamRecord;
  /** Of the route that was chosen, for this filter. */
  readonly routeConfig: unknown;
}

/** Built once per filter in a filter chain; `create` is called per stream and must be cheap. */
export interface HttpFilterFactory {
  readonly name: string;
  create(callbacks: FilterCallbacks): HttpFilter;
  /** Whether a stream that an earlier configuration let in may go on under this one; left out by filters that judge nobody. */
  stillAllows?(asked: JudgedRequest): boolean;
  /** Called when the chain is thrown away. */
  dispose?(): void;
}

export interface FilterContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly stats: StatStore;
  /** For filters that ask a service. */
  readonly clusters: ClusterManager;
  readonly statPrefix: string;
  /** Where in the configuration the filter stands: the same in every thread. */
  readonly place: string;
  /** What threads of this proxy have in common; undefined where one serves. */
  readonly sharing: Sharing | undefined;
  /** Limits that all proxies share; undefined where nobody counts them. */
  readonly leases: Drawer | undefined;
  readonly self: ProxySelf;
  readonly modules: ModuleSource | undefined;
}

/** One per extension type URL. `build` throws a ConfigError for configuration that Envoy would refuse too. */
export interface HttpFilterExtension {
  readonly typeUrl: string;
  readonly name: string;
  build(config: Uint8Array, context: FilterContext, filterName: string): HttpFilterFactory;
  /** Decodes typed_per_filter_config. */
  routeConfig?(config: Uint8Array, typeUrl: string, place: string): unknown;
}
