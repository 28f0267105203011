import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { AgentReportSchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { EdgeAggregator, StreamRecord, UNKNOWN_PEER } from '#telemetry';
import { encodeHello, encodeSummary } from './encode-report.ts';

test('what is written by hand is what the schema reads', () => {
  const aggregator = new EdgeAggregator();
  const record = Object.assign(new StreamRecord(), {
    source: { ...UNKNOWN_PEER, workload: 'a-v1', namespace: 'default' },
    destination: { ...UNKNOWN_PEER, workload: 'b-v1', version: 'v1' },
    responseCode: 503,
    flags: ['UO'],
    endMs: 7,
    bytesSent: 300,
    upstreamMtls: true,
    destinationService: 'b.default.svc.cluster.local',
    virtualHost: 'b.default.svc.cluster.local:80',
    routeName: 'first',
  });
  aggregator.add(record, 'source');
  const summary = aggregator.flush(1_750_000_000_123, {
    cpuSeconds: 1.5,
    rssBytes: 5e7,
    activeConnections: 3,
    activeRequests: 1,
  });
  const { report } = fromBinary(AgentReportSchema, encodeSummary(summary));
  assert.equal(report.case, 'summary');
  const [edge] = report.value.edges;
  assert.equal(edge?.source?.workload, 'a-v1');
  assert.equal(edge?.requests, 1n);
  assert.equal(edge?.mtls, true);
  assert.deepEqual({ ...edge?.codes }, { '503': 1n });
  assert.deepEqual({ ...edge?.flags }, { UO: 1n });
  assert.equal(edge?.latencyCounts.length, 14);
  assert.equal(edge?.latencySumMs, 7);
  assert.equal(edge?.latencyMaxMs, 7);
  assert.equal(report.value.routes[0]?.latencyMaxMs, 7);
  assert.equal(report.value.health?.cpuSeconds, 1.5);
  assert.equal(report.value.at?.nanos, 123_000_000);
});

test('hello names the workload', () => {
  const hello = {
    nodeId: 'n',
    workload: 'a',
    namespace: 'default',
    canonicalService: 'a',
    version: 'v1',
    proxyVersion: '1',
    capture: 'none',
  };
  const { report } = fromBinary(AgentReportSchema, encodeHello(hello));
  assert.equal(report.case, 'hello');
  assert.equal(report.value.capture, 'none');
  assert.equal(report.value.version, 'v1');
});
