// Cost of the telemetry that every request pays: a counter, a histogram, Istio's standard metrics.

import { create, toBinary } from '@bufbuild/protobuf';
import { TapStation } from '#agent';
import { FakeClock } from '#base';
import { SystemClock } from '#io';
import { AgentCommandSchema, TapStartSchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import {
  CLUSTER,
  EdgeAggregator,
  encodePeerMetadata,
  IstioMetrics,
  type LogSink,
  LogWriter,
  PeerCache,
  readTraceContext,
  renderPrometheus,
  StatStore,
  StreamRecord,
  StreamReporter,
} from '#telemetry';
import { HeaderBlock } from '#wire/http';

const ROUNDS = 5;
const CALLS = 2_000_000;

function measure(name: string, body: (i: number) => void): void {
  for (let i = 0; i < CALLS / 10; i++) body(i);
  const times: number[] = [];
  for (let r = 0; r < ROUNDS; r++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) body(i);
    times.push(Number(process.hrtime.bigint() - start) / 1000 / CALLS);
  }
  times.sort((a, b) => a - b);
  console.log(`${name.padEnd(56)} ${(times[ROUNDS >> 1] as number).toFixed(4)} µs`);
}

function record(peer: number, code = 200): StreamRecord {
  const name = (role: string): StreamRecord['source'] => ({
    workload: `${role}-${peer}-v1`,
    namespace: 'default',
    canonicalService: role,
    canonicalRevision: 'v1',
    app: role,
    version: 'v1',
    cluster: 'Kubernetes',
  });
  return Object.assign(new StreamRecord(), {
    source: name('productpage'),
    destination: name('reviews'),
    responseCode: code,
    endMs: 3.2,
    bytesSent: 78,
    requestHeaderBytes: 180,
    responseHeaderBytes: 120,
    destinationService: `reviews-${peer}.default.svc.cluster.local`,
    destinationServiceName: 'reviews',
    destinationServiceNamespace: 'default',
    downstreamMtls: true,
    downstreamPrincipal: `spiffe://cluster.local/ns/default/sa/productpage-${peer}`,
    downstreamLocalPrincipal: 'spiffe://cluster.local/ns/default/sa/reviews',
  });
}

const store = new StatStore();
const cluster = store.cluster('outbound|9080||reviews.default.svc.cluster.local');
measure('counter: block.inc(slot)', () => cluster.inc(CLUSTER.upstream_rq_total));
measure('histogram: block.observe(slot, ms)', (i) => cluster.observe(CLUSTER.upstream_rq_time, i & 255));
measure('status code: block.countCode(200)', () => cluster.countCode(200));
const single = store.counter('http.ingress.ext_authz.ok');
measure('single counter: counter.inc()', () => single.inc());

const istio = new IstioMetrics({ istioVersion: '1.31.0' });
const one = record(0);
measure('istio: one edge, one code', () => istio.recordIstio(one, 'destination'));
const many = Array.from({ length: 64 }, (_, i) => record(i, i % 3 === 0 ? 404 : 200));
measure('istio: 64 edges in turn', (i) => istio.recordIstio(many[i & 63] as StreamRecord, 'destination'));
const flagged = record(1, 503);
flagged.flags = ['UO'];
measure('istio: with a response flag', () => istio.recordIstio(flagged, 'destination'));

const aggregator = new EdgeAggregator();
measure('summary: one edge', () => aggregator.add(one, 'destination'));
measure('summary: 64 edges in turn', (i) => aggregator.add(many[i & 63] as StreamRecord, 'destination'));

const station = new TapStation({ clock: new SystemClock(), local: one.destination });
measure('tap: nobody listens', () => station.add(one, true));
for (const [i, status] of ['', '401', '403', '5xx'].entries()) {
  const value = create(TapStartSchema, { subscription: BigInt(i), status, perSecondMax: 2 });
  station.onCommand(toBinary(AgentCommandSchema, create(AgentCommandSchema, { command: { case: 'tapStart', value } })));
}
measure('tap: recent requests are remembered, 2 a second', () => station.add(one, true));

const reporter = new StreamReporter({ local: one.destination, metrics: istio, aggregator, taps: station });
const sink = reporter.sink('destination');
measure('together: a cluster’s stats, metrics, summary, recent requests', () => {
  cluster.inc(CLUSTER.upstream_rq_total);
  cluster.countCode(200);
  cluster.observe(CLUSTER.upstream_rq_time, 3);
  sink.onStreamEnd(one);
});

const discard: LogSink = { write: (_, done) => done(undefined), reopen: (done) => done(undefined), close: () => {} };
const log = new LogWriter(discard, new FakeClock());
const line = `[2026-01-01T00:00:00.000Z] "GET /productpage HTTP/1.1" 200 - via_upstream - "-" 0 78 3 2 "-" "agent" "${'0'.repeat(36)}" "productpage:9080" "10.0.0.1:9080" outbound|9080||x\n`;
measure('access log: a line into its block', () => log.write(line));

const cache = new PeerCache();
const metadata = encodePeerMetadata(one.source);
measure('peer metadata: known text', () => cache.decode(metadata));
const headers = new HeaderBlock();
headers.add('traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
measure('trace context: read traceparent', () => readTraceContext(headers));

const wide = new StatStore();
for (let i = 0; i < 1_000; i++) {
  const block = wide.cluster(`outbound|80||service-${i}.default.svc.cluster.local`);
  block.inc(CLUSTER.upstream_rq_total);
  block.observe(CLUSTER.upstream_rq_time, 3);
}
const scrape = { pieces: 0, characters: 0, longestMs: 0, totalMs: 0 };
let before = performance.now();
for (const piece of renderPrometheus(wide)) {
  const now = performance.now();
  scrape.longestMs = Math.max(scrape.longestMs, now - before);
  scrape.totalMs += now - before;
  scrape.pieces++;
  scrape.characters += piece.length;
  before = performance.now();
}
console.log(
  `scrape of 1,000 clusters: ${(scrape.characters / 1e6).toFixed(1)} MB in ${scrape.pieces} pieces, ${scrape.totalMs.toFixed(0)} ms in all, longest turn ${scrape.longestMs.toFixed(2)} ms`,
);
