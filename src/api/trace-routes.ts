// Traces for the dashboard, read from a collector that speaks Zipkin's API v2 (Zipkin itself; Jaeger has another).
// What comes from there is untrusted: only known fields of the right type are passed on, and only so many.
import { type HttpAsked, type HttpCaller, type HttpRoute, type HttpTarget, jsonAnswer } from '#base';
import type { SpanJson, TraceJson, TracesJson } from './trace-json.ts';

export interface TraceSource {
  readonly target: HttpTarget;
  /** Before `/api/v2`; '' where the collector stands at the root. */
  readonly base: string;
  /** As it was given, for links. */
  readonly url: string;
}

/** A collector that is busy, or holds much, takes its time. */
const TIMEOUT_MS = 15_000;
const MOST_TRACES = 200;
const MOST_SPANS = 5_000;
const LOOKBACK_MS = 3_600_000;
const TRACE_ID = /^[0-9a-f]{16,32}$/;

/** Undefined: the text is no http URL. */
export function readTraceSource(text: string): TraceSource | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'http:') return undefined;
  const target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 80 : Number(url.port) };
  return { target, base: url.pathname.replace(/\/$/, ''), url: text.replace(/\/$/, '') };
}

/** Paths and identities stand in spans: whoever reads them needs the token. */
export function traceRoutes(source: TraceSource | undefined, call: HttpCaller): readonly HttpRoute[] {
  const route = (path: string, read: (from: TraceSource, asked: HttpAsked) => Promise<unknown>): HttpRoute => ({
    method: 'GET',
    path,
    write: true,
    answer: async (asked) => {
      if (source === undefined) return jsonAnswer({ connected: false, url: '', traces: [] } satisfies TracesJson);
      const found = await read(source, asked);
      return found === undefined
        ? jsonAnswer({ error: `The collector at ${source.url} does not answer, or not in Zipkin's form.` }, 502)
        : jsonAnswer(found);
    },
  });
  const ask = async (from: TraceSource, path: string): Promise<unknown> => {
    const answer = await call({ target: from.target, method: 'GET', path: from.base + path, timeoutMs: TIMEOUT_MS });
    return answer?.status === 200 ? parse(answer.body) : undefined;
  };
  return [
    route('/api/v1/traces', async (from, { query }) => {
      const wanted = new URLSearchParams({ limit: String(limitOf(query)), lookback: String(LOOKBACK_MS) });
      const service = query.get('service') ?? '';
      if (service !== '') wanted.set('serviceName', service);
      const slower = Number(query.get('slowerMs') ?? '');
      if (slower > 0) wanted.set('minDuration', String(Math.round(slower * 1000)));
      const list = await ask(from, `/api/v2/traces?${wanted}`);
      if (!Array.isArray(list)) return undefined;
      const traces = list.map((one) => summaryOf(spansOf(one))).filter((one) => one !== undefined);
      return { connected: true, url: from.url, traces } satisfies TracesJson;
    }),
    route('/api/v1/traces/:id', async (from, { params }) => {
      const id = params['id'] ?? '';
      if (!TRACE_ID.test(id)) return [];
      const list = await ask(from, `/api/v2/trace/${id}`);
      return Array.isArray(list) ? spansOf(list) : [];
    }),
  ];
}

function limitOf(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? '100');
  return Number.isInteger(limit) && limit > 0 ? Math.min(limit, MOST_TRACES) : 100;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function spansOf(list: unknown): readonly SpanJson[] {
  if (!Array.isArray(list)) return [];
  return list
    .slice(0, MOST_SPANS)
    .map(spanOf)
    .filter((span) => span !== undefined)
    .sort((a, b) => a.startMs - b.startMs);
}

function spanOf(value: unknown): SpanJson | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const one = value as Readonly<Record<string, unknown>>;
  const text = (name: string): string => (typeof one[name] === 'string' ? one[name] : '');
  const number = (name: string): number => (typeof one[name] === 'number' ? one[name] : 0);
  const tags = Object.fromEntries(
    Object.entries(one['tags'] ?? {}).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
  const endpoint = (one['localEndpoint'] ?? {}) as { readonly serviceName?: unknown };
  if (text('traceId') === '' || text('id') === '') return undefined;
  return {
    traceId: text('traceId'),
    id: text('id'),
    parentId: text('parentId'),
    kind: text('kind'),
    name: text('name'),
    service: typeof endpoint.serviceName === 'string' ? endpoint.serviceName : '',
    startMs: number('timestamp') / 1000,
    durationMs: number('duration') / 1000,
    failed: tags['error'] !== undefined,
    tags,
  };
}

function summaryOf(spans: readonly SpanJson[]): TraceJson | undefined {
  const ids = new Set(spans.map(({ id }) => id));
  const root = spans.find(({ parentId }) => parentId === '' || !ids.has(parentId)) ?? spans[0];
  if (root === undefined) return undefined;
  const end = spans.reduce((latest, span) => Math.max(latest, span.startMs + span.durationMs), 0);
  return {
    traceId: root.traceId,
    name: root.name,
    service: root.service,
    requestId: root.tags['guid:x-request-id'] ?? '',
    path: pathOf(root.tags['http.url'] ?? ''),
    method: root.tags['http.method'] ?? '',
    status: Number(root.tags['http.status_code'] ?? 0),
    startMs: root.startMs,
    durationMs: Math.max(root.durationMs, end - root.startMs),
    spans: spans.length,
    services: [...new Set(spans.map(({ service }) => service))],
    failed: spans.some(({ failed }) => failed),
  };
}

function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : '';
}
