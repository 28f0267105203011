// What a scenario is: configuration beside the fixture, calls, and what must be observed at every place that can be looked at.

/** Backends of the fixture (fixture.ts). */
export type Backend =
  | 'web-v1'
  | 'web-v2'
  | 'web-v3'
  | 'api-v1'
  | 'api-v2'
  | 'server'
  | 'db-v1'
  | 'db-v2'
  | 'secure'
  | 'vault'
  | 'mutual'
  | 'ext';

export type HeaderCheck = Readonly<Record<string, string | RegExp | null>>;

export interface Call {
  /** Which proxy takes the call; default: the client's sidecar. */
  readonly via?: 'client' | 'forward' | 'gateway' | 'server';
  /** client: a service of the mesh, `web:8000`. */
  readonly to?: string;
  /** Another address than the usual one. */
  readonly at?: string;
  /** gateway and server: the declared port. */
  readonly port?: number;
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly h2?: boolean;
  /** A PROXY header first, of this version, that names this client. */
  readonly proxied?: { readonly version: 1 | 2; readonly address: string };
  /** No HTTP: these bytes, and what comes back until the other side falls silent. */
  readonly tcp?: string;
  /** The bytes' answer ends with the connection, which somebody else closes. */
  readonly untilClosed?: boolean;
  readonly tls?: {
    readonly sni?: string;
    /** A SPIFFE id, or a DNS name, that the caller's certificate carries. */
    readonly identity?: string;
    readonly alpn?: readonly string[];
    /** Signed by nobody that is trusted. */
    readonly stranger?: boolean;
    readonly minVersion?: 'TLSv1.3';
    readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
    /** OpenSSL's names, for TLS 1.2. */
    readonly ciphers?: string;
    /** The only one that is offered. */
    readonly curve?: string;
  };
  /** Of the whole answer; default 5 s. */
  readonly timeoutMs?: number;
}

export interface Expectation {
  readonly status?: number;
  readonly backend?: Backend | readonly Backend[];
  /** As the backend saw them. */
  readonly path?: string | RegExp;
  readonly method?: string;
  readonly authority?: string;
  readonly upstream?: HeaderCheck;
  readonly protocol?: '1.1' | '2.0';
  /** As the caller saw them; null = must be absent. */
  readonly downstream?: HeaderCheck;
  readonly body?: string | RegExp;
  /** The access log's words; null: it has no line. */
  readonly flag?: string;
  readonly log?: Readonly<Record<string, string | number | RegExp | null>> | null;
  /** Fields of the line that AUDIT left; null: it left none. */
  readonly audit?: Readonly<Record<string, string | number>> | null;
  /** Timing class. */
  readonly atLeastMs?: number;
  readonly lessThanMs?: number;
  /** The connection was refused, reset or failed its handshake: no answer. */
  readonly refused?: boolean;
  /** Requests that backends saw because of one call. */
  readonly arrivals?: number;
  readonly alsoAt?: Backend;
  readonly neverAt?: Backend;
  /** Certificate that was shown. */
  readonly certificate?: string;
}

/** One of Istio's metrics, summed over all series with these labels; null: the series has no such label. */
export interface Growth {
  readonly metric: string;
  readonly labels?: Readonly<Record<string, string | null>>;
  /** Exactly; 'some' is any number but none. */
  readonly by: number | 'some';
}

/** ms: an Envoy ejects on its main thread, and its workers hear of it later. Where nobody must be ejected; else `soon`. */
export const EJECTED_MS = 300;

export interface Step {
  readonly call: Call;
  readonly times?: number;
  /** Calls under way at once; default 1. */
  readonly together?: number;
  readonly expect?: Expectation;
  /** Over all `times`: how often each backend, or status, was seen: [least, most]. */
  readonly spread?: Readonly<Record<string, readonly [number, number]>>;
  /** Over all `times`: number of different backends. */
  readonly different?: number;
  /** How much a counter of the called proxy grew at least. */
  readonly counters?: Readonly<Record<string, number>>;
  /** How much metrics of the called proxy grew. */
  readonly metrics?: readonly Growth[];
  /** Tags of the span that a collector got of each call, its name and kind among them; null: no such tag. */
  readonly span?: Readonly<Record<string, string | RegExp | null>>;
  /** Made again until it holds: threads of the proxy must hear of what the step before has done. It must change nothing. */
  readonly soon?: true;
  /** Afterwards. */
  readonly pauseMs?: number;
  /** Remembers `set-cookie` of the answer, or sends what was remembered. */
  readonly cookies?: 'keep' | 'send';
}

export interface Scenario {
  readonly name: string;
  /** Fields that it proves, as `Kind.path`. */
  readonly proves: readonly string[];
  readonly config: string;
  readonly steps: readonly Step[];
  /** MeshConfig fields over the fixture's, as YAML. */
  readonly mesh?: string;
  /** The data planes may differ here, for this reason (the list only shrinks). */
  readonly differs?: { readonly plane: 'topsail' | 'envoy'; readonly reason: string };
  /** The configuration is made to be rejected by Envoy: words of the complaint. */
  readonly rejected?: { readonly object: string; readonly words: RegExp };
}

export type Feature = readonly Scenario[];
