// An HTTP endpoint as data: areas say what is answered, `io` owns the socket.

export interface HttpAsked {
  readonly method: string;
  readonly path: string;
  /** Values of `:name` parts of the route's path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface HttpAnswer {
  /** Default 200. */
  readonly status?: number;
  /** Default application/json. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Server-sent events: `open` is called once the head is sent; the function that it returns once the client is gone. */
export interface HttpEvents {
  readonly open: (send: (data: string) => void) => () => void;
}

export interface HttpRoute {
  readonly method: 'GET' | 'POST';
  /** `/api/v1/proxies/:id`; a part that begins with ':' takes one path segment, decoded. */
  readonly path: string;
  /** Needs the token. */
  readonly write?: boolean;
  readonly answer: (asked: HttpAsked) => HttpAnswer | HttpEvents | Promise<HttpAnswer | HttpEvents>;
}

/** Where a small HTTP client calls: a loopback port, or a Unix socket by its path. */
export type HttpTarget = { readonly host: string; readonly port: number } | { readonly socket: string };

export interface HttpCall {
  readonly target: HttpTarget;
  readonly method: 'GET' | 'POST';
  /** With query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

/** Undefined when nobody answered. */
export type HttpCaller = (call: HttpCall) => Promise<{ readonly status: number; readonly body: string } | undefined>;

export function jsonAnswer(value: unknown, status = 200): HttpAnswer {
  return { status, body: `${JSON.stringify(value)}\n` };
}
