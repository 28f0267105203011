// Cost of the telemetry that every request pays: a counter, a histogram, Istio's standard metrics.

import { CLUSTER, IstioMetrics, StatStore, StreamRecord } from '#telemetry';

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
    workload: `${role}-${peer}-v1`, namespace: 'default', canonicalService: role, canonicalRevision: 'v1', app: role, version: 'v1', cluster: 'Kubernetes',
  });
  return Object.assign(new StreamRecord(), {
    source: name('productpage'), destination: name('reviews'), responseCode: code, endMs: 3.2, bytesSent: 78, requestHeaderBytes: 180,
    responseHeaderBytes: 120, destinationService: `reviews-${peer}.default.svc.cluster.local`, destinationServiceName: 'reviews',
    destinationServiceNamespace: 'default', downstreamMtls: true, downstreamPrincipal: `spiffe://cluster.local/ns/default/sa/productpage-${peer}`,
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
