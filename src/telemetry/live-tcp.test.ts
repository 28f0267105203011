// A connection that is reported while it lives adds up to what one report at its end would say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdgeAggregator } from './graph/index.ts';
import { compileMetricRules, IstioMetrics, type MetricRules } from './istio/index.ts';
import { StreamRecord, UNKNOWN_PEER } from './stream-record.ts';
import { StreamReporter } from './stream-reporter.ts';

function tailored(): MetricRules {
  const rules = compileMetricRules(
    [{ name: '', drop: false, dimensions: { place: "'here'" }, tagsToRemove: ['source_app'] }],
    { pattern: () => () => true },
  );
  assert.ok(rules.ok && rules.value !== undefined);
  return rules.value;
}

function connection(): StreamRecord {
  const record = new StreamRecord();
  record.protocol = 'TCP';
  record.upstreamCluster = 'outbound|5432||db.default.svc.cluster.local';
  return record;
}

for (const [what, rules] of [
  ['standard', undefined],
  ['tailored', tailored()],
] as const) {
  test(`opened, bytes, closed: ${what} series`, () => {
    const metrics = new IstioMetrics({ istioVersion: '1' });
    const aggregator = new EdgeAggregator();
    const taps: StreamRecord[] = [];
    const reporter = new StreamReporter({
      local: { ...UNKNOWN_PEER, workload: 'web' },
      metrics,
      aggregator,
      taps: { add: (record) => void taps.push(record) },
    });
    const count = (family: string): number =>
      Number(
        new RegExp(`istio_tcp_${family}_total\\{.*\\} (\\d+)`).exec([...metrics.renderPrometheus()].join(''))?.[1],
      );
    const record = connection();
    const live = reporter.sink('source', rules, 100).onTcpConnected(record, 1);
    assert.equal(live?.everyMs, 100);
    assert.deepEqual([count('connections_opened'), taps.length], [1, 0]);
    record.bytesSent = 10;
    record.bytesReceived = 20;
    live.report(100);
    live.report(200);
    record.bytesSent = 15;
    assert.deepEqual([count('sent_bytes'), count('received_bytes')], [10, 20]);
    record.endMs = 250;
    live.end(250);
    assert.deepEqual(
      ['connections_opened', 'connections_closed', 'sent_bytes', 'received_bytes'].map(count),
      [1, 1, 15, 20],
    );
    const [edge] =
      aggregator.flush(0, { cpuSeconds: 0, rssBytes: 0, activeConnections: 0, activeRequests: 0 }).edges ?? [];
    assert.deepEqual(
      [edge?.connectionsOpened, edge?.connectionsClosed, edge?.bytesSent, edge?.bytesReceived],
      [1n, 1n, 15n, 20n],
    );
    assert.deepEqual(taps, [record]);
  });
}

test('bytes that another listener counts are not counted twice', () => {
  const record = connection();
  record.upstreamCluster = 'connect|x:80';
  assert.equal(new StreamReporter({ local: UNKNOWN_PEER }).sink('source').onTcpConnected(record, 0), undefined);
});
