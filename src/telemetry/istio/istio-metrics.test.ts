import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PeerInfo, StreamRecord, UNKNOWN_PEER } from '../stream-record.ts';
import { IstioMetrics } from './istio-metrics.ts';

const productpage: PeerInfo = {
  workload: 'productpage-v1',
  namespace: 'default',
  canonicalService: 'productpage',
  canonicalRevision: 'v1',
  app: 'productpage',
  version: 'v1',
  cluster: 'client-cluster',
};
const ratings: PeerInfo = {
  workload: 'ratings-v1',
  namespace: 'default',
  canonicalService: 'ratings',
  canonicalRevision: 'v1',
  app: 'ratings',
  version: 'v1',
  cluster: 'server-cluster',
};

function inbound(change: Partial<StreamRecord> = {}): StreamRecord {
  return Object.assign(new StreamRecord(), {
    source: productpage,
    destination: ratings,
    responseCode: 200,
    endMs: 7,
    bytesReceived: 0,
    bytesSent: 78,
    requestHeaderBytes: 100,
    responseHeaderBytes: 60,
    destinationService: 'ratings.default.svc.cluster.local',
    destinationServiceName: 'ratings',
    destinationServiceNamespace: 'default',
    downstreamMtls: true,
    downstreamPrincipal: 'spiffe://cluster.local/ns/default/sa/productpage',
    downstreamLocalPrincipal: 'spiffe://cluster.local/ns/default/sa/ratings',
    ...change,
  });
}

const metrics = (options: Partial<ConstructorParameters<typeof IstioMetrics>[0]> = {}): IstioMetrics =>
  new IstioMetrics({ istioVersion: '1.31.0', ...options });
const page = (m: IstioMetrics): string => [...m.renderPrometheus()].join('');
const lines = (m: IstioMetrics, family: string): string[] =>
  page(m)
    .split('\n')
    .filter((l) => l.startsWith(`${family}{`));

test("a request at its destination has every label in Istio's order", () => {
  const m = metrics();
  m.recordIstio(inbound(), 'destination');
  m.recordIstio(inbound(), 'destination');
  assert.deepEqual(lines(m, 'istio_requests_total'), [
    'istio_requests_total{reporter="destination",source_workload="productpage-v1",source_canonical_service="productpage",' +
      'source_canonical_revision="v1",source_workload_namespace="default",source_principal="spiffe://cluster.local/ns/default/sa/productpage",' +
      'source_app="productpage",source_version="v1",source_cluster="client-cluster",destination_workload="ratings-v1",' +
      'destination_workload_namespace="default",destination_principal="spiffe://cluster.local/ns/default/sa/ratings",' +
      'destination_app="ratings",destination_version="v1",destination_service="ratings.default.svc.cluster.local",' +
      'destination_canonical_service="ratings",destination_canonical_revision="v1",destination_service_name="ratings",' +
      'destination_service_namespace="default",destination_cluster="server-cluster",request_protocol="http",response_code="200",' +
      'grpc_response_status="",response_flags="-",connection_security_policy="mutual_tls"} 2',
  ]);
});

test('a source cannot tell the security policy; an unknown peer is "unknown" with revision "latest"', () => {
  const m = metrics();
  m.recordIstio(inbound({ destination: UNKNOWN_PEER, destinationServiceNamespace: '' }), 'source');
  const [line = ''] = lines(m, 'istio_requests_total');
  assert.match(line, /connection_security_policy="unknown"/);
  assert.match(line, /destination_workload="unknown".*destination_canonical_revision="latest"/);
});

test('the namespace of a verified identity counts more than metadata', () => {
  const m = metrics();
  m.recordIstio(inbound({ downstreamPrincipal: 'spiffe://cluster.local/ns/real/sa/x' }), 'destination');
  assert.match(page(m), /source_workload_namespace="real"/);
});

test('histograms count duration and sizes of heads and bodies together', () => {
  const m = metrics();
  m.recordIstio(inbound(), 'destination');
  const text = page(m);
  assert.match(text, /istio_request_duration_milliseconds_bucket\{.*le="5"\} 0/);
  assert.match(text, /istio_request_duration_milliseconds_bucket\{.*le="10"\} 1/);
  assert.match(text, /istio_request_bytes_sum\{.*\} 100/);
  assert.match(text, /istio_response_bytes_sum\{.*\} 138/);
});

test('codes, gRPC statuses and flags make series of their own', () => {
  const m = metrics();
  m.recordIstio(inbound({ responseCode: 503, flags: ['UO'] }), 'destination');
  m.recordIstio(inbound({ responseCode: 503, flags: ['URX', 'UF'] }), 'destination');
  m.recordIstio(inbound({ grpc: true, grpcStatus: 14, requestMessages: 1, responseMessages: 3 }), 'destination');
  m.recordIstio(inbound({ grpc: true, grpcStatus: 4_000 }), 'destination');
  assert.match(page(m), /response_code="503",grpc_response_status="",response_flags="UO"/);
  assert.match(page(m), /response_flags="URX,UF"/);
  assert.match(page(m), /request_protocol="grpc",response_code="200",grpc_response_status="14"/);
  assert.match(page(m), /grpc_response_status="other"/);
  assert.match(page(m), /istio_response_messages_total\{[^}]*destination_cluster="server-cluster"\} 3/);
});

test('equal peers in different objects are one series', () => {
  const m = metrics();
  for (let i = 0; i < 5; i++) m.recordIstio(inbound({ source: { ...productpage } }), 'destination');
  assert.equal(lines(m, 'istio_requests_total').length, 1);
  assert.match(page(m), /istio_requests_total\{.*\} 5\n/);
});

test('a TCP connection that is reported while it lives is pinned, opened once and closed once', () => {
  const m = metrics({ idleExpiryMs: 1_000 });
  const report = m.openTcp(inbound({ protocol: 'TCP' }), 'destination', 0);
  report.bytes(10, 20, 5);
  m.expire(1_000_000);
  report.bytes(1, 2, 1_000_000);
  report.closed(1_000_000);
  report.closed(1_000_000);
  const text = page(m);
  assert.match(
    text,
    /istio_tcp_sent_bytes_total\{.*request_protocol="tcp",response_flags="-",connection_security_policy="mutual_tls"\} 11\n/,
  );
  assert.match(text, /istio_tcp_received_bytes_total\{.*\} 22\n/);
  assert.match(text, /istio_tcp_connections_closed_total\{.*\} 1\n/);
  m.expire(1_002_000);
  assert.equal(m.size.edges, 0);
});

test('10,000 random hosts end in bounded series, and nothing is lost from the total', () => {
  const m = metrics({ maxEdges: 100 });
  for (let i = 0; i < 10_000; i++) m.recordIstio(inbound({ destinationService: `h${i}.evil` }), 'destination');
  const found = lines(m, 'istio_requests_total');
  assert.ok(found.length <= 101);
  assert.equal(
    found.reduce((n, l) => n + Number(l.split(' ').at(-1)), 0),
    10_000,
  );
  assert.match(page(m), /destination_service="other"/);
  assert.equal(m.overflowedEdges, 9_900);
});

test('response codes chosen by a peer are bounded too', () => {
  const m = metrics({ maxResponseSeries: 10 });
  for (let code = 100; code < 600; code++) m.recordIstio(inbound({ responseCode: code }), 'destination');
  assert.equal(lines(m, 'istio_requests_total').length, 11);
  assert.equal(m.overflowedResponses, 490);
});

test('an idle series goes and comes back from zero', () => {
  const m = metrics({ idleExpiryMs: 60_000 });
  m.recordIstio(inbound({ endMs: 5 }), 'destination');
  m.expire(60_004);
  assert.equal(lines(m, 'istio_requests_total').length, 1);
  m.expire(60_006);
  assert.equal(lines(m, 'istio_requests_total').length, 0);
  assert.deepEqual(m.size, { edges: 0, responses: 0, tailored: 0 });
  m.recordIstio(inbound({ endMs: 60_010 }), 'destination');
  assert.match(lines(m, 'istio_requests_total')[0] ?? '', / 1$/);
});

test('a traced request stands beside the bucket that it fell into, for who can read it', () => {
  const m = metrics();
  const trace = {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    parentSpanId: '',
    sampled: true,
    debug: false,
    traceState: '',
  };
  m.recordIstio(inbound({ trace, startWallMs: 1_700_000_000_500 }), 'destination');
  assert.doesNotMatch(page(m), /trace_id/);
  assert.match(
    [...m.renderPrometheus(false, true)].join(''),
    /istio_request_duration_milliseconds_bucket\{.*le="10"\} 1 # \{trace_id="a{32}"\} [\d.]+ 1700000000\.500\n/,
  );
});

test('the build is a series of its own', () => {
  assert.match(page(metrics()), /istio_build\{component="proxy",tag="1.31.0"\} 1/);
});
