// What an HttpConnectionManager message becomes: frozen values with Envoy's defaults filled in.

import type { LiveTcp, StreamRecord } from '#telemetry';
import type { H1Limits } from '#wire/h1';
import type { RouteTable } from '../route/index.ts';
import type { HttpFilterFactory } from './filter.ts';
import type { H2Settings } from './h2-settings.ts';
import type { PathRules } from './normalize-path.ts';
import type { StreamTracer } from '../tracing/stream-tracer.ts';
import type { XfccMode, XfccParts } from './client-cert-header.ts';

/** Follows an inline or named RouteConfiguration; `current` is undefined until the first one arrived. */
export interface RouteSource {
  readonly name: string;
  current: RouteTable | undefined;
}

/** Reads a finished stream's record: access log, metrics, trace, tap. */
export interface StreamSink {
  onStreamEnd(record: StreamRecord): void;
  /** A TCP connection reached its endpoint. What is returned hears of it while it lives, and of its end instead of `onStreamEnd`. */
  onTcpConnected?(record: StreamRecord, nowMs: number): LiveTcp | undefined;
  dispose?(): void;
}

/** What local replies of a kind are, and carry besides (local_reply_config). */
export interface ReplyMapper {
  readonly applies: (record: StreamRecord) => boolean;
  /** In place of the reply's own. */
  readonly status?: number;
  readonly body?: string;
  readonly headers: readonly (readonly [name: string, value: (record: StreamRecord) => string])[];
}

/** The router filter's own settings. */
export interface RouterOptions {
  /** No x-envoy header is added. */
  readonly suppressHeaders: boolean;
  /** What the proxy before said of the time that is left counts. */
  readonly respectExpectedTimeout: boolean;
  /** x-envoy headers that have to be well formed, in lower case. */
  readonly strict: readonly string[];
}

export interface ManagerConfig {
  readonly statPrefix: string;
  readonly codec: 'auto' | 'h1' | 'h2';
  readonly routes: RouteSource;
  /** In order of configuration; the router is not among them. */
  readonly filters: readonly HttpFilterFactory[];
  /** Without filters there is no router: nobody answers, and requests end by their time-outs, as in Envoy. */
  readonly routed: boolean;
  readonly router: RouterOptions;
  readonly sinks: readonly StreamSink[];
  readonly tracer: StreamTracer | undefined;
  readonly replyMappers: readonly ReplyMapper[];

  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append-if-absent' | 'pass-through';
  readonly via: string;
  readonly limits: H1Limits;
  readonly h2: H2Settings;
  readonly h2ConnectProtocol: boolean;
  readonly acceptHttp10: boolean;
  readonly defaultHostForHttp10: string;
  readonly path: PathRules;
  readonly underscores: 'allow' | 'reject' | 'drop';
  readonly stripPort: 'none' | 'matching' | 'any';
  readonly stripTrailingDot: boolean;

  readonly useRemoteAddress: boolean;
  readonly trustedHops: number;
  readonly skipXffAppend: boolean;
  readonly internalAddress: (address: string) => boolean;
  readonly appendForwardedPort: boolean;
  readonly schemeOverwrite: '' | 'http' | 'https';
  readonly generateRequestId: boolean;
  readonly preserveExternalRequestId: boolean;
  readonly alwaysSetRequestIdInResponse: boolean;
  readonly xfccMode: XfccMode;
  readonly xfccParts: XfccParts;
  readonly proxy100Continue: boolean;
  /** Upgrade types in lower case that routes may use, unless they say otherwise. */
  readonly upgrades: ReadonlyMap<string, boolean>;

  /** All milliseconds; 0 = no limit. */
  readonly streamIdleMs: number;
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly idleMs: number;
  readonly maxConnectionMs: number;
  readonly maxStreamMs: number;
  readonly delayedCloseMs: number;
  readonly drainMs: number;
  readonly maxRequestsPerConnection: number;
  readonly bufferLimit: number;
  readonly addUserAgent: string;
}
