// Envoy's words of living TCP connections, put together by the connection's id; an Envoy that vanishes leaves nothing open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#base';
import { IstioMetrics, StreamRecord, StreamReporter, type StreamReporterSink, UNKNOWN_PEER } from '#telemetry';
import { LiveConnections } from './live-connections.ts';

const clock = new FakeClock();

function bed(maximum?: number): {
  readonly live: LiveConnections;
  readonly sink: StreamReporterSink;
  readonly counts: () => readonly number[];
} {
  const metrics = new IstioMetrics({ istioVersion: '1' });
  const page = (): string => [...metrics.renderPrometheus()].join('');
  return {
    live: new LiveConnections(clock, maximum),
    sink: new StreamReporter({ local: UNKNOWN_PEER, metrics }).sink('source', undefined, 1_000),
    counts: () =>
      ['connections_opened', 'connections_closed', 'sent_bytes'].map((name) =>
        Number(new RegExp(`istio_tcp_${name}_total\\{.*\\} (\\d+)`).exec(page())?.[1] ?? 0),
      ),
  };
}

function word(bytesSent: number): StreamRecord {
  return Object.assign(new StreamRecord(), { protocol: 'TCP', upstreamCluster: 'outbound|1||a', bytesSent });
}

test('each word carries all bytes so far', () => {
  const { live, sink, counts } = bed();
  live.lives('a', word(0), sink);
  live.lives('b', word(1), sink);
  live.lives('a', word(10), sink);
  live.lives('a', word(12), sink);
  assert.deepEqual(counts(), [2, 0, 13]);
  assert.equal(live.ends('a', word(15)), true);
  assert.equal(live.ends('a', word(15)), false);
  assert.deepEqual(counts(), [2, 1, 16]);
});

test('what nobody speaks of any more counts as closed', () => {
  const { live, sink, counts } = bed();
  live.lives('a', word(5), sink);
  clock.advance(70_000);
  live.lives('b', word(0), sink);
  assert.deepEqual(counts(), [2, 1, 5]);
});

test('what finds no room is left for its end', () => {
  const { live, sink, counts } = bed(1);
  live.lives('a', word(5), sink);
  live.lives('b', word(7), sink);
  assert.equal(live.ends('b', word(7)), false);
  assert.deepEqual(counts(), [1, 0, 5]);
});
