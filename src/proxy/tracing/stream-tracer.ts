// Traces the requests of one connection manager as Envoy does: decides by the request id, passes the context on as a
// child, and makes one span of each request: a server span inbound, a client span outbound.

import type { Random } from '#base';
import {
  childContext,
  decideSampling,
  isUuid,
  readSampledOnly,
  readTraceContext,
  type SamplingRates,
  spanOf,
  type StreamRecord,
  type TraceContext,
  type TraceFormat,
  withTraceReason,
  writeTraceContext,
} from '#telemetry';
import type { HeaderBlock, RequestHead } from '#wire/http';
import type { ProxySelf } from '../services.ts';
import type { SpanExporter } from './span-exporter.ts';

export type TagReader = (record: StreamRecord) => readonly [name: string, value: string] | undefined;

export interface TracerOptions {
  readonly kind: 'server' | 'client';
  readonly rates: SamplingRates;
  readonly useRequestId: boolean;
  readonly tags: readonly TagReader[];
  readonly maxPathLength: number;
  /** In the order in which headers are believed; the first is always written. */
  readonly formats: readonly TraceFormat[];
  /** W3C's is written too, whatever came. */
  readonly alsoW3c: boolean;
  /** No context goes onward. */
  readonly keepsContext: boolean;
  /** 16 digits are written where 64-bit ids are asked for. */
  readonly shortIds: boolean;
  /** Undefined: decisions are made and passed on by the request id alone, nothing is reported. */
  readonly exporter: SpanExporter | undefined;
  readonly self: ProxySelf;
  readonly random: Random;
  readonly dispose: () => void;
}

export interface Decorator {
  readonly operation: string;
  readonly propagate: boolean;
}

const OPERATION = 'x-envoy-decorator-operation';

export class StreamTracer {
  readonly #options: TracerOptions;

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /** Before filters see the request. Headers change: request id, trace context, operation. */
  begin(head: RequestHead, record: StreamRecord, decorator: Decorator | undefined): void {
    const options = this.#options;
    const { headers } = head;
    const parent = readTraceContext(headers, options.formats);
    const said = parent?.sampled ?? readSampledOnly(headers);
    const forced = headers.has('x-envoy-force-trace');
    const clientForced = headers.has('x-client-trace-id');
    const sampled =
      (forced && said !== false) ||
      decideSampling(
        {
          requestId: record.requestId,
          context: said === undefined ? parent : { ...(parent ?? NO_CONTEXT), sampled: said },
          clientForced,
          useRequestId: options.useRequestId,
          rates: options.rates,
        },
        options.random,
      );
    if (options.useRequestId && isUuid(record.requestId)) {
      const reason = !sampled ? 'not-sampled' : forced ? 'service-forced' : clientForced ? 'client-forced' : 'sampled';
      const id = withTraceReason(record.requestId, reason);
      if (id !== record.requestId) {
        record.requestId = id;
        headers.set('x-request-id', id);
      }
    }
    this.#name(headers, record, decorator);
    if (options.exporter === undefined) return;
    const context = this.#shorten(childContext(parent, sampled, options.random), parent);
    record.trace = context;
    if (!options.keepsContext) writeTraceContext(headers, context, formatsFor(headers, options));
  }

  /** Once the record is complete. */
  end(record: StreamRecord): void {
    const { exporter, kind, self, tags, maxPathLength } = this.#options;
    const context = record.trace;
    if (exporter === undefined || context?.sampled !== true) return;
    const extra: (readonly [string, string])[] = [];
    for (const read of tags) {
      const tag = read(record);
      if (tag !== undefined) extra.push(tag);
    }
    exporter.add(
      spanOf(record, context, {
        kind,
        name: record.spanName || (kind === 'server' ? 'ingress' : `egress ${record.authority}`),
        nodeId: self.nodeId,
        maxPathLength,
        extra,
      }),
    );
  }

  dispose(): void {
    this.#options.dispose();
  }

  /** A caller's proxy tells the callee's what the operation is called; the application is not told. */
  #name(headers: HeaderBlock, record: StreamRecord, decorator: Decorator | undefined): void {
    record.spanName = decorator?.operation ?? '';
    if (this.#options.kind === 'client') {
      if (decorator?.propagate === true && decorator.operation !== '') headers.set(OPERATION, decorator.operation);
      return;
    }
    const told = headers.get(OPERATION);
    if (told === undefined) return;
    if (told !== '') record.spanName = told;
    headers.remove(OPERATION);
  }

  #shorten(context: TraceContext, parent: TraceContext | undefined): TraceContext {
    if (!this.#options.shortIds || parent !== undefined) return context;
    return { ...context, traceId: context.traceId.slice(16).padStart(32, '0') };
  }
}

const NO_CONTEXT: TraceContext = {
  traceId: '',
  spanId: '',
  parentSpanId: '',
  sampled: undefined,
  debug: false,
  traceState: '',
};

/** Our own, and whatever else came: a header of another form would name the wrong parent. */
function formatsFor(
  headers: HeaderBlock,
  { formats, alsoW3c }: Pick<TracerOptions, 'formats' | 'alsoW3c'>,
): readonly TraceFormat[] {
  return formats.filter(
    (format, i) =>
      i === 0 ||
      (format === 'w3c' && (alsoW3c || headers.has('traceparent'))) ||
      (format === 'b3-single' && headers.has('b3')) ||
      (format === 'b3-multi' && headers.has('x-b3-traceid')),
  );
}
