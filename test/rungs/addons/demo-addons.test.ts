// The demo with real parts beside it: what Prometheus counts, what Zipkin and an OTLP receiver are sent, and that
// spans, tap and access logs tell of the same requests.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningDemo, startDemo } from '../../mesh/demo.ts';
import { cleanEnv } from '../../mesh/mesh-process.ts';
import { prometheusTraffic } from '#api';
import { callHttp } from '#io';
import { meshEntry } from '../../mesh/mesh.ts';
import {
  type Addon,
  otlpMissing,
  prometheusMissing,
  startOtlpReceiver,
  startPrometheus,
  startZipkin,
  zipkinMissing,
} from './addon-processes.ts';
import { dashboardQueries, KIALI } from './dashboard-queries.ts';

const PAGES = 100;
/** What tells them from the pages before. */
const COUNTED = '/productpage?counted';
/** Spans, scrapes and records are on their way for a second or two; a busy machine takes longer. */
const ARRIVES_WITHIN_MS = 120_000;
const SIX = ['productpage v1', 'details v1', 'reviews v1', 'reviews v2', 'reviews v3', 'ratings v1'];

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: 'CLIENT' | 'SERVER';
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly localEndpoint: { readonly serviceName: string };
}

const required = process.env['CI'] !== undefined;
const missing = [prometheusMissing, zipkinMissing, otlpMissing].filter((one) => one !== undefined).join('; ');

describe('with real parts beside it the demo', { skip: missing !== '' && !required ? missing : false }, () => {
  let home = '';
  let demo: RunningDemo;
  let zipkin: Addon;
  let prometheus: Addon;
  let otlp: Awaited<ReturnType<typeof startOtlpReceiver>>;
  let tap: ChildProcess;
  let tapped = '';
  const statuses: number[] = [];
  let traces: ZipkinSpan[][] = [];

  before(async () => {
    assert.equal(missing, '');
    home = mkdtempSync(join(tmpdir(), 'topsail-addons-'));
    // Its ports lie in a row: it chooses before the others do. Each is known at once, so that it is ended whatever comes.
    demo = await startDemo(home, ['--no-load']);
    await Promise.all([
      startZipkin().then((started) => (zipkin = started)),
      startOtlpReceiver().then((started) => (otlp = started)),
    ]);
    const { monitoringPort } = JSON.parse(readFileSync(join(home, 'run.json'), 'utf8')) as { monitoringPort: number };
    prometheus = await startPrometheus(monitoringPort);
    appendFileSync(join(home, 'config/istio-system/ConfigMap.istio.yaml'), providers());
    apply('addons', `${services()}---\n${tracing('zipkin')}`);
    tap = spawn(process.execPath, [meshEntry(), 'tap', '-o', 'json', '--per-second', '10000', '--home', home], {
      env: cleanEnv(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    tap.stdout?.on('data', (chunk: Buffer) => {
      tapped += chunk.toString();
    });
    // The first scrape of all targets, and the tap's subscription.
    await until('targets', async () => (await query('count(up == 1)')) === 8);
    await until('the tap', async () => {
      await page();
      await sleep(200);
      return tapped !== '';
    });
    // The providers are written into a file, and Zipkin's first spans take it long: from here on every page has its trace.
    await until('the first trace', async () => {
      await page();
      await sleep(500);
      return (await zipkinTraces()).some(complete);
    });
    // Nothing of the pages until here may be counted later.
    await until('the last scrape', settled);
  });

  after(async () => {
    tap?.kill('SIGKILL');
    await demo?.stop();
    await Promise.all([zipkin?.stop(), prometheus?.stop(), otlp?.stop()]);
    rmSync(home, { recursive: true, force: true });
  });

  test('counts in Prometheus what the load generator did, within 2 %', async () => {
    const before = await counts();
    for (let i = 0; i < PAGES; i++) {
      statuses.push(await page(COUNTED));
      await sleep(20);
    }
    assert.deepEqual(
      statuses.filter((status) => status !== 200),
      [],
    );
    let after = before;
    await until('all scrapes', async () => {
      after = await counts();
      return (Object.keys(after) as (keyof typeof after)[]).every((what) => after[what] - before[what] >= PAGES);
    });
    await until('the last scrape', settled);
    after = await counts();
    for (const [what, count] of Object.entries(after) as [keyof typeof after, number][])
      within(count - before[what], PAGES, `${what} of Istio’s standard queries`);
    // What lies between the first and the last scrape of the window, and what Prometheus thinks came before and behind.
    const increase = await query(
      `sum(increase(istio_requests_total{reporter="destination",destination_service=~"productpage.*",response_code="200"}[1h]))`,
    );
    assert.ok(increase >= PAGES * 0.9 && increase <= after.productpage * 2.5, `increase in an hour: ${increase}`);
    const latency = await query(
      `histogram_quantile(0.5, sum(rate(istio_request_duration_milliseconds_bucket{reporter="source",destination_service=~"reviews.*"}[1h])) by (le))`,
    );
    assert.ok(latency > 0 && Number.isFinite(latency), `p50 ${latency}`);
    assert.equal(
      await query(
        'count(istio_requests_total{reporter="destination",connection_security_policy!="mutual_tls",destination_workload=~"reviews.*"}) or vector(0)',
      ),
      0,
    );
  });

  test('sends Zipkin one connected trace of each page', async () => {
    await until('all log lines', () => Promise.resolve(gatewayIds().length >= PAGES));
    const wanted = new Set(gatewayIds());
    await until('all traces', async () => {
      traces = (await zipkinTraces()).filter((spans) => wanted.has(spans[0]?.tags['guid:x-request-id'] ?? ''));
      return traces.length >= PAGES && traces.every(complete);
    });
    assert.equal(traces.length, PAGES);
    const seen = new Set<string>();
    for (const spans of traces) {
      const ids = new Set(spans.map(({ id }) => id));
      assert.deepEqual(
        spans
          .filter(({ parentId }) => parentId === undefined || !ids.has(parentId))
          .map(({ localEndpoint }) => localEndpoint.serviceName),
        ['istio-ingressgateway.istio-system'],
        'one root: the gateway',
      );
      for (const span of spans) {
        if (span.kind === 'SERVER') seen.add(workloadOf(span));
        const parent = spans.find(({ id }) => id === span.parentId);
        // A server span is the child of its caller's client span, a client span of the server span of the same workload.
        if (parent !== undefined) assert.equal(parent.kind, span.kind === 'SERVER' ? 'CLIENT' : 'SERVER');
        if (parent !== undefined && span.kind === 'CLIENT') assert.equal(workloadOf(parent), workloadOf(span));
      }
    }
    assert.deepEqual([...seen].sort(), [...SIX].sort());
  });

  test('tells of the same requests in spans, tap and access logs', async () => {
    const ids = traces.map((spans) => spans[0]?.tags['guid:x-request-id'] ?? '');
    for (const [i, spans] of traces.entries())
      assert.ok(spans.every(({ tags }) => tags['guid:x-request-id'] === ids[i]));
    const wanted = traces.map((spans) => spans.length);
    const counted = (all: readonly string[]): number[] => ids.map((id) => all.filter((one) => one === id).length);
    const inLogs = (): number[] => counted(accessLogs().map((entry) => entry.request_id));
    const byTap = (): number[] => counted(tappedIds());
    const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
    await until('all log lines', () => Promise.resolve(sum(inLogs()) >= sum(wanted)));
    await until('all tapped records', () => Promise.resolve(sum(byTap()) >= sum(wanted)));
    assert.deepEqual(inLogs(), wanted, 'log lines of each');
    assert.deepEqual(byTap(), wanted, 'tapped records of each');
    const codes = new Set(traces.flat().map(({ tags }) => tags['http.status_code']));
    assert.deepEqual([...codes], ['200']);
  });

  test('leads from a bucket of Prometheus to a trace of Zipkin', async () => {
    const known = new Set((await zipkinTraces()).map((spans) => spans[0]?.traceId ?? ''));
    const now = Math.ceil(Date.now() / 1000);
    const url = `http://127.0.0.1:${prometheus.port}/api/v1/query_exemplars?start=${now - 300}&end=${now}&query=${encodeURIComponent('istio_request_duration_milliseconds_bucket{reporter="destination"}')}`;
    const { data } = (await (await fetch(url)).json()) as {
      readonly data: readonly { readonly exemplars: readonly { readonly labels: { readonly trace_id: string } }[] }[];
    };
    const ids = data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
    assert.ok(ids.length > 0, 'no exemplars');
    assert.ok(
      ids.some((id) => known.has(id)),
      `none of ${ids.length} is a trace`,
    );
  });

  test('answers every query of the dashboards, and Kiali’s', async (t) => {
    // Rates need two scrapes under load.
    const load = setInterval(() => void page(), 100);
    t.after(() => clearInterval(load));
    const asked = [...KIALI.map((expr) => ['Kiali', expr] as const), ...dashboardQueries()];
    for (const [what, expr] of asked) await until(`${what}: ${expr}`, async () => (await series(expr)) > 0);
  });

  test('gives the dashboard ranges beyond the last hour', async () => {
    const long = prometheusTraffic(`http://127.0.0.1:${prometheus.port}`, callHttp);
    const traffic = await long?.traffic({ untilMs: Date.now(), windowSeconds: 7_200 });
    const pairs = (traffic?.edges ?? [])
      .filter((edge) => edge.requests > 0 && edge.mtls === 1)
      .map((edge) => `${edge.source} ${edge.destination}`);
    for (const wanted of ['istio-ingressgateway productpage-v1', 'productpage-v1 details-v1', 'reviews-v3 ratings-v1'])
      assert.ok(pairs.includes(wanted), `${wanted} is among ${pairs.join(', ')}`);
    const golden = traffic?.workloads.find((one) => one.workload === 'productpage-v1');
    assert.ok((golden?.requestsPerSecond ?? 0) * 7_200 >= PAGES * 0.9, JSON.stringify(golden));
    assert.ok((golden?.p50Ms ?? 0) > 0);
    const asked = { source: undefined, destination: 'default/productpage-v1' };
    // Its steps are half a minute: the one that is to come holds what was just done.
    const series = await long?.series({ ...asked, untilMs: Date.now() + 30_000, spanSeconds: 7_200 });
    assert.ok(Math.max(...(series?.requests ?? [])) > 0);
  });

  for (const over of ['grpc', 'http'] as const) {
    test(`sends OpenTelemetry’s own receiver connected traces over ${over}`, async () => {
      apply('tracing', tracing(`otlp-${over}`));
      await until('spans', async () => {
        await page();
        await sleep(500);
        return wholeTrace(over) !== undefined;
      });
      const spans = wholeTrace(over) ?? [];
      assert.ok(spans.every(({ attributes }) => attributes['istio.canonical_service'] !== undefined));
      assert.ok(spans.every(({ kind }) => kind === 2 || kind === 3));
    });
  }

  function wholeTrace(over: 'grpc' | 'http') {
    const byTrace = Map.groupBy(
      otlp.spans().filter((span) => span.over === over),
      ({ traceId }) => traceId,
    );
    return [...byTrace.values()].find((spans) => {
      const ids = new Set(spans.map(({ spanId }) => spanId));
      const roots = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
      const services = new Set(spans.map(({ service }) => service.split('.')[0]));
      return (
        roots.length === 1 &&
        ['istio-ingressgateway', 'productpage', 'details', 'reviews'].every((one) => services.has(one))
      );
    });
  }

  function page(path = '/productpage'): Promise<number> {
    return new Promise((resolve) => {
      const req = request(
        { host: '127.0.0.1', port: demo.portBase, path, agent: keptAlive, timeout: 60_000 },
        (res) => {
          res.resume();
          res.on('end', () => resolve(res.statusCode ?? 0));
        },
      );
      req.on('timeout', () => req.destroy());
      req.on('error', () => resolve(0));
      req.end();
    });
  }

  async function query(expr: string): Promise<number> {
    const answer = await ask(expr);
    return Number(answer[0]?.value[1] ?? Number.NaN);
  }

  async function series(expr: string): Promise<number> {
    return (await ask(expr)).filter(({ value }) => !Number.isNaN(Number(value[1]))).length;
  }

  async function ask(expr: string): Promise<readonly { readonly value: readonly [number, string] }[]> {
    const url = `http://127.0.0.1:${prometheus.port}/api/v1/query?query=${encodeURIComponent(expr)}`;
    const { status, data, error } = (await (await fetch(url)).json()) as {
      status: string;
      data?: { result: { value: [number, string] }[] };
      error?: string;
    };
    assert.equal(status, 'success', `${expr}: ${error}`);
    return data?.result ?? [];
  }

  /** Requests by the queries of Istio's documents: each page is one of each. */
  async function counts() {
    const total = async (labels: string): Promise<number> => (await query(`sum(istio_requests_total{${labels}})`)) || 0;
    return {
      gateway: await total('reporter="source",source_workload="istio-ingressgateway"'),
      productpage: await total('reporter="destination",destination_service="productpage.default.svc.cluster.local"'),
      details: await total('reporter="destination",destination_service="details.default.svc.cluster.local"'),
      reviews: await total('reporter="destination",destination_service=~"reviews.*",response_code="200"'),
    };
  }

  async function zipkinTraces(): Promise<ZipkinSpan[][]> {
    const url = `http://127.0.0.1:${zipkin.port}/api/v2/traces?limit=1000&lookback=3600000`;
    return (await (await fetch(url)).json()) as ZipkinSpan[][];
  }

  function accessLogs(): readonly { readonly request_id: string; readonly path: string }[] {
    return readdirSync(join(home, 'logs'))
      .flatMap((file) => readFileSync(join(home, 'logs', file), 'utf8').split('\n'))
      .map((line) => line.slice(line.indexOf('{')))
      .filter((line) => line.startsWith('{') && line.includes('"request_id"') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as { request_id: string; path: string });
  }

  /** A scrape of every target that began after this was asked saw nothing new. */
  async function settled(): Promise<boolean> {
    const scraped = (): Promise<number> => query('min(timestamp(up))');
    const [before, began] = [JSON.stringify(await counts()), Date.now() / 1000];
    await until('another scrape', async () => (await scraped()) > began);
    return JSON.stringify(await counts()) === before;
  }

  function tappedIds(): string[] {
    // The last line may not be whole yet.
    return tapped
      .slice(0, tapped.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => (JSON.parse(line) as { readonly id: string }).id);
  }

  /** Ids of the pages that count, as the gateway logged them. */
  function gatewayIds(): readonly string[] {
    return readFileSync(join(home, 'logs/istio-ingressgateway.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"request_id"') && line.includes(COUNTED) && line.endsWith('}'))
      .map((line) => (JSON.parse(line.slice(line.indexOf('{'))) as { request_id: string }).request_id);
  }

  function apply(name: string, text: string): void {
    const file = join(home, `${name}.yaml`);
    writeFileSync(file, text);
    const done = spawnSync(
      process.execPath,
      [meshEntry(), 'apply', '--wait', '--timeout', '120s', '-f', file, '--home', home],
      {
        encoding: 'utf8',
        env: cleanEnv(),
      },
    );
    assert.equal(done.status, 0, done.stdout + done.stderr);
  }

  function services(): string {
    const entry = (name: string, ports: readonly string[]): string =>
      `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name}, namespace: istio-system }\nspec:\n  hosts: [${name}.istio-system.svc.cluster.local]\n  location: MESH_EXTERNAL\n  resolution: STATIC\n  endpoints: [{ address: 127.0.0.1 }]\n  ports: [${ports.join(', ')}]\n`;
    return [
      entry('zipkin', [`{ number: 9411, name: http, protocol: HTTP, targetPort: ${zipkin.port} }`]),
      entry('collector', [
        `{ number: 4317, name: grpc, protocol: GRPC, targetPort: ${otlp.port} }`,
        `{ number: 4318, name: http, protocol: HTTP, targetPort: ${otlp.httpPort} }`,
      ]),
    ].join('---\n');
  }
});

const keptAlive = new Agent({ keepAlive: true, maxSockets: 4 });

/** More lines of the mesh's settings. */
function providers(): string {
  return [
    'extensionProviders:',
    '- { name: zipkin, zipkin: { service: zipkin.istio-system.svc.cluster.local, port: 9411 } }',
    '- { name: otlp-grpc, opentelemetry: { service: collector.istio-system.svc.cluster.local, port: 4317 } }',
    '- { name: otlp-http, opentelemetry: { service: collector.istio-system.svc.cluster.local, port: 4318, http: { path: /v1/traces } } }',
  ]
    .map((line) => `    ${line}\n`)
    .join('');
}

function tracing(provider: string): string {
  return `apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: mesh, namespace: istio-system }\nspec:\n  tracing: [{ providers: [{ name: ${provider} }], randomSamplingPercentage: 100 }]\n`;
}

function workloadOf({ tags }: ZipkinSpan): string {
  return `${tags['istio.canonical_service']} ${tags['istio.canonical_revision']}`;
}

/** Gateway, productpage, details, reviews; with reviews v2 and v3, ratings too. */
function complete(spans: readonly ZipkinSpan[]): boolean {
  const servers = spans.filter(({ kind }) => kind === 'SERVER').map(workloadOf);
  const stars = servers.includes('reviews v2') || servers.includes('reviews v3');
  const wanted = stars ? 8 : 6;
  return spans.length === wanted && servers.includes('productpage v1') && servers.includes('details v1');
}

function within(count: number, wanted: number, what: string): void {
  assert.ok(Math.abs(count - wanted) <= wanted * 0.02, `${what}: ${count}, the load generator did ${wanted}`);
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + ARRIVES_WITHIN_MS; ; await sleep(250)) {
    if (await done()) return;
    if (Date.now() > end) throw new Error(`${what} did not arrive within ${ARRIVES_WITHIN_MS} ms`);
  }
}
