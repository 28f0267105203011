// Traffic of ranges beyond what the control plane keeps, read from a Prometheus that scrapes Istio's standard metrics.
// What comes from there is untrusted: only numbers and labels of known names are passed on, and only so many.
import type { HttpCaller, HttpTarget } from '#base';
import { nameDestination, wasSpokenTo } from '#telemetry';
import type { GoldenJson, SeriesJson, TrafficEdgeJson, TrafficJson } from './dashboard-json.ts';
import { readTraceSource } from './trace-routes.ts';

export interface TrafficAsk {
  readonly untilMs: number;
  readonly windowSeconds: number;
}

export interface SeriesAsk {
  /** NAMESPACE/NAME. */
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly untilMs: number;
  readonly spanSeconds: number;
}

export interface LongTraffic {
  readonly url: string;
  /** Undefined: it does not answer, or not as Prometheus does. */
  traffic(ask: TrafficAsk): Promise<TrafficJson | undefined>;
  series(ask: SeriesAsk): Promise<SeriesJson | undefined>;
}

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

const UNKNOWN = 'unknown';
const TIMEOUT_MS = 10_000;
/** Edges and their parts; a mesh of thousands folds them anyway. */
const SAMPLES_MAX = 50_000;
const POINTS = 240;
/** Rates need two scrapes at least. */
const SHORTEST_RATE_SECONDS = 60;
const QUANTILES = [0.5, 0.95, 0.99] as const;

const ENDS = [
  'source_workload',
  'source_workload_namespace',
  'source_canonical_service',
  'source_version',
  'source_principal',
  'destination_workload',
  'destination_workload_namespace',
  'destination_canonical_service',
  'destination_version',
  'destination_principal',
  'destination_service',
  'request_protocol',
] as const;
/** The callee tells; of what reached no workload only the caller can. */
const TELLS = ['reporter=~"destination|waypoint"', 'reporter="source",destination_workload="unknown"'] as const;

/** Undefined: the text is no http URL. */
export function prometheusTraffic(text: string, call: HttpCaller): LongTraffic | undefined {
  const source = readTraceSource(text);
  return source === undefined ? undefined : new PrometheusTraffic(source.target, source.base, source.url, call);
}

class PrometheusTraffic implements LongTraffic {
  readonly url: string;
  readonly #target: HttpTarget;
  readonly #base: string;
  readonly #call: HttpCaller;

  constructor(target: HttpTarget, base: string, url: string, call: HttpCaller) {
    this.#target = target;
    this.#base = base;
    this.url = url;
    this.#call = call;
  }

  async traffic({ untilMs, windowSeconds }: TrafficAsk): Promise<TrafficJson | undefined> {
    const over = (metric: string): string => either((tells) => `increase(${metric}{${tells}}[${windowSeconds}s])`);
    const by = ENDS.join(',');
    const quantile = (q: number, labels: string): string =>
      `histogram_quantile(${q},sum by(le,${labels})(${over('istio_request_duration_milliseconds_bucket')}))`;
    const workload = 'destination_workload,destination_workload_namespace';
    const ask = (query: string): Promise<readonly Sample[] | undefined> => this.#instant(query, untilMs / 1000);
    const [requests, opened, ...latencies] = await Promise.all([
      ask(`sum by(${by},response_code,response_flags,connection_security_policy)(${over('istio_requests_total')})`),
      ask(`sum by(${by},connection_security_policy)(${over('istio_tcp_connections_opened_total')})`),
      ...QUANTILES.map((q) => ask(quantile(q, by))),
      ...QUANTILES.map((q) => ask(quantile(q, workload))),
    ]);
    if (requests === undefined || opened === undefined) return undefined;
    const edges = edgesOf(requests, opened, latencies.slice(0, 3), windowSeconds);
    const workloads = goldenOf(edges, latencies.slice(3), windowSeconds);
    return { nowMs: untilMs, untilMs, windowSeconds, edges, workloads, dropped: 0 };
  }

  async series({ source, destination, untilMs, spanSeconds }: SeriesAsk): Promise<SeriesJson | undefined> {
    const stepSeconds = Math.max(15, Math.ceil(spanSeconds / POINTS));
    const rate = Math.max(SHORTEST_RATE_SECONDS, 2 * stepSeconds);
    const end = Math.floor(untilMs / 1000 / stepSeconds) * stepSeconds;
    const start = end - Math.floor(spanSeconds / stepSeconds) * stepSeconds;
    // Seen from the end that is asked about.
    const ends = [
      destination === undefined ? 'reporter="source"' : 'reporter=~"destination|waypoint"',
      ...side('source', source),
      ...side('destination', destination),
    ].join(',');
    const sum = (metric: string, more = ''): string => `sum(rate(${metric}{${ends}${more}}[${rate}s]))`;
    const bytes = (direction: string): string =>
      `sum(rate({__name__=~"istio_${direction}_bytes_sum|istio_tcp_${direction === 'response' ? 'sent' : 'received'}_bytes_total",${ends}}[${rate}s]))`;
    const queries = [
      sum('istio_requests_total'),
      sum('istio_requests_total', ',response_code=~"5..|0"'),
      ...QUANTILES.map(
        (q) =>
          `histogram_quantile(${q},sum by(le)(rate(istio_request_duration_milliseconds_bucket{${ends}}[${rate}s])))`,
      ),
      bytes('response'),
      bytes('request'),
    ];
    const answers = await Promise.all(queries.map((query) => this.#range(query, start, end, stepSeconds)));
    if (answers.some((one) => one === undefined)) return undefined;
    const times = Array.from(
      { length: Math.round((end - start) / stepSeconds) + 1 },
      (_, i) => start + i * stepSeconds,
    );
    const at = (i: number): readonly (number | null)[] => times.map((time) => answers[i]?.get(time) ?? null);
    const zero = (i: number): readonly number[] => at(i).map((value) => value ?? 0);
    return {
      stepSeconds,
      times,
      requests: zero(0),
      failures: zero(1),
      p50Ms: at(2),
      p95Ms: at(3),
      p99Ms: at(4),
      bytesSent: zero(5),
      bytesReceived: zero(6),
    };
  }

  async #instant(query: string, time: number): Promise<readonly Sample[] | undefined> {
    const result = await this.#ask(`query?${new URLSearchParams({ query, time: String(time) })}`);
    return result?.flatMap((one) => {
      const value = Number((one['value'] as readonly unknown[] | undefined)?.[1]);
      return Number.isFinite(value) ? [{ labels: labelsOf(one['metric']), value }] : [];
    });
  }

  /** By time; of one sum there is one series, or none. */
  async #range(
    query: string,
    start: number,
    end: number,
    step: number,
  ): Promise<ReadonlyMap<number, number> | undefined> {
    const range = new URLSearchParams({ query, start: String(start), end: String(end), step: String(step) });
    const result = await this.#ask(`query_range?${range}`);
    const values = result?.[0]?.['values'];
    if (result === undefined) return undefined;
    const pairs = (Array.isArray(values) ? values : [])
      .map((pair: unknown) => (Array.isArray(pair) ? ([Number(pair[0]), Number(pair[1])] as const) : undefined))
      .filter((pair) => pair !== undefined && pair.every(Number.isFinite));
    return new Map(pairs as readonly (readonly [number, number])[]);
  }

  async #ask(path: string): Promise<readonly Readonly<Record<string, unknown>>[] | undefined> {
    const answer = await this.#call({
      target: this.#target,
      method: 'GET',
      path: `${this.#base}/api/v1/${path}`,
      timeoutMs: TIMEOUT_MS,
    });
    if (answer?.status !== 200) return undefined;
    try {
      const { data } = JSON.parse(answer.body) as { readonly data?: { readonly result?: unknown } };
      const result = data?.result;
      return Array.isArray(result) ? result.slice(0, SAMPLES_MAX).filter(isObject) : undefined;
    } catch {
      return undefined;
    }
  }
}

function either(query: (tells: string) => string): string {
  return TELLS.map(query).join(' or ');
}

function side(which: 'source' | 'destination', id: string | undefined): readonly string[] {
  if (id === undefined) return [];
  const [namespace = '', name = ''] = id.split('/');
  return [`${which}_workload=${JSON.stringify(name)}`, `${which}_workload_namespace=${JSON.stringify(namespace)}`];
}

function edgesOf(
  requests: readonly Sample[],
  opened: readonly Sample[],
  latencies: readonly (readonly Sample[] | undefined)[],
  windowSeconds: number,
): readonly TrafficEdgeJson[] {
  const found = Map.groupBy(requests, ({ labels }) => keyOf(labels));
  const connections = Map.groupBy(opened, ({ labels }) => keyOf(labels));
  const quantiles = latencies.map((all) => new Map((all ?? []).map((one) => [keyOf(one.labels), one.value])));
  return [...new Set([...found.keys(), ...connections.keys()])].map((key) => {
    const own = found.get(key) ?? [];
    const tcp = connections.get(key) ?? [];
    const all = own.length > 0 ? own : tcp;
    const label = (name: string): string => all[0]?.labels[name] ?? '';
    const count = sumOf(own);
    const failures = sumOf(own.filter(({ labels }) => /^(5..|0)$/.test(labels['response_code'] ?? '')));
    const mutual = sumOf(all.filter(({ labels }) => labels['connection_security_policy'] === 'mutual_tls'));
    return {
      source: label('source_workload'),
      sourceNamespace: label('source_workload_namespace'),
      sourceService: label('source_canonical_service'),
      sourceVersion: label('source_version'),
      sourcePrincipal: known(label('source_principal')),
      sourcePrincipals: [...new Set(all.map(({ labels }) => known(labels['source_principal'] ?? '')))].filter(
        (principal) => principal !== '',
      ),
      destination: label('destination_workload'),
      destinationNamespace: label('destination_workload_namespace'),
      destinationCanonical: known(label('destination_canonical_service')),
      destinationVersion: label('destination_version'),
      destinationPrincipal: known(label('destination_principal')),
      service: known(label('destination_service')),
      protocol: own.length > 0 ? label('request_protocol') : 'tcp',
      requestsPerSecond: count / windowSeconds,
      errorsPerSecond: failures / windowSeconds,
      // Istio's metrics do not part a policy's 403 from an application's.
      deniedPerSecond: 0,
      limitedPerSecond: 0,
      denied: 0,
      limited: 0,
      denials: {},
      faults: {},
      p50Ms: quantiles[0]?.get(key) ?? 0,
      p95Ms: quantiles[1]?.get(key) ?? 0,
      p99Ms: quantiles[2]?.get(key) ?? 0,
      mtls: sumOf(all) === 0 ? 0 : mutual / sumOf(all),
      requests: Math.round(count),
      failures: Math.round(failures),
      bytesSentPerSecond: 0,
      bytesReceivedPerSecond: 0,
      connectionsOpened: Math.round(sumOf(tcp)),
      openConnections: 0,
      codes: counts(own, 'response_code'),
      flags: counts(own, 'response_flags'),
      reporters: ['prometheus'],
    };
  });
}

function goldenOf(
  edges: readonly TrafficEdgeJson[],
  latencies: readonly (readonly Sample[] | undefined)[],
  windowSeconds: number,
): readonly GoldenJson[] {
  const key = (labels: Labels): string =>
    `${labels['destination_workload_namespace']}/${labels['destination_workload']}`;
  const quantiles = latencies.map((all) => new Map((all ?? []).map((one) => [key(one.labels), one.value])));
  const byWorkload = Map.groupBy(edges, (one) =>
    one.destination === UNKNOWN && one.service !== '' ? one.service : `${one.destinationNamespace}/${one.destination}`,
  );
  return [...byWorkload].map(([id, own]) => {
    const first = own[0] as TrafficEdgeJson;
    const sum = (of: (edge: TrafficEdgeJson) => number): number => own.reduce((total, edge) => total + of(edge), 0);
    const requests = sum((edge) => edge.requestsPerSecond) * windowSeconds;
    const share = sum((edge) => edge.mtls * edge.requestsPerSecond) * windowSeconds;
    const named = nameDestination(
      {
        workload: first.destination,
        namespace: first.destinationNamespace,
        service: first.destinationCanonical,
        version: first.destinationVersion,
      },
      first.service,
    );
    return {
      ...named,
      successRate: requests === 0 ? 1 : 1 - (sum((edge) => edge.errorsPerSecond) * windowSeconds) / requests,
      requestsPerSecond: requests / windowSeconds,
      deniedPerSecond: 0,
      limitedPerSecond: 0,
      denials: {},
      p50Ms: quantiles[0]?.get(id) ?? 0,
      p95Ms: quantiles[1]?.get(id) ?? 0,
      p99Ms: quantiles[2]?.get(id) ?? 0,
      mtlsShare: requests === 0 || !wasSpokenTo(named) ? null : share / requests,
    };
  });
}

function keyOf(labels: Labels): string {
  return ENDS.map((name) => labels[name] ?? '').join('|');
}

function sumOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, one) => sum + one.value, 0);
}

function counts(samples: readonly Sample[], label: string): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const { labels, value } of samples) {
    const name = labels[label] ?? '';
    if (name !== '' && name !== '-' && value >= 0.5) sums.set(name, (sums.get(name) ?? 0) + Math.round(value));
  }
  return Object.fromEntries(sums);
}

function known(text: string): string {
  return text === UNKNOWN ? '' : text;
}

function labelsOf(value: unknown): Labels {
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
    : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
