// Traces as the dashboard reads them.

export interface SpanJson {
  readonly traceId: string;
  readonly id: string;
  /** '' at the root. */
  readonly parentId: string;
  /** SERVER, CLIENT, or what else the collector says. */
  readonly kind: string;
  readonly name: string;
  readonly service: string;
  /** Wall milliseconds, with a fraction. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

export interface TraceJson {
  readonly traceId: string;
  /** Of the root span. */
  readonly name: string;
  readonly service: string;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly spans: number;
  readonly services: readonly string[];
  readonly failed: boolean;
}

export interface TracesJson {
  /** False: the control plane was started without --tracing. */
  readonly connected: boolean;
  readonly url: string;
  readonly traces: readonly TraceJson[];
}
