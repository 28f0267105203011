// How bytes reach the API server, as the client sees it; `io` implements it over HTTPS, tests over a story.

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With query. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly timeoutMs: number;
}

export interface KubeAnswer {
  readonly status: number;
  readonly body: string;
  /** From `retry-after`; 0 when absent. */
  readonly retryAfterMs: number;
}

/** What happens on a stream, in this order; `onClose` exactly once, unless `close` was called before. */
export interface KubeStreamHandler {
  /** Any other status than 200 comes with the whole body in `onClose`. */
  onOpen(): void;
  onData(text: string): void;
  /** `answer` when the server refused the stream; `error` when the connection broke; neither at an orderly end. */
  onClose(reason: { readonly answer?: KubeAnswer; readonly error?: string }): void;
}

export interface KubeTransport {
  /** Undefined when nobody answered in time. */
  call(request: KubeRequest): Promise<KubeAnswer | undefined>;
  stream(request: KubeRequest, handler: KubeStreamHandler): { close(): void };
}
