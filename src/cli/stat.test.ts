import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrafficEdgeJson } from '#api';
import { byService, windowSeconds } from './stat.ts';

const edge = (fields: Partial<TrafficEdgeJson>): TrafficEdgeJson => ({
  source: 'a',
  sourceNamespace: 'shop',
  sourceService: 'a',
  sourceVersion: '',
  sourcePrincipal: '',
  destination: 'b-v1',
  destinationNamespace: 'shop',
  destinationCanonical: 'b',
  destinationVersion: 'v1',
  destinationPrincipal: '',
  service: 'b.shop.svc.cluster.local',
  protocol: 'http',
  requestsPerSecond: 1,
  errorsPerSecond: 0,
  p50Ms: 1,
  p95Ms: 2,
  p99Ms: 3,
  mtls: 1,
  requests: 60,
  failures: 0,
  bytesSentPerSecond: 0,
  bytesReceivedPerSecond: 0,
  connectionsOpened: 0,
  openConnections: 0,
  codes: {},
  flags: {},
  reporters: ['source'],
  ...fields,
});

test('a service sums the edges of its versions, and the one that fails most comes first', () => {
  const rows = byService([
    edge({ service: 'c.shop.svc.cluster.local', requestsPerSecond: 2 }),
    edge({ requestsPerSecond: 3, p50Ms: 10 }),
    edge({ destination: 'b-v2', requestsPerSecond: 1, errorsPerSecond: 1, p50Ms: 50, p99Ms: 80, mtls: 0 }),
  ]);
  assert.deepEqual(
    rows.map((row) => row.name),
    ['b', 'c'],
  );
  assert.deepEqual(
    { ...rows[0] },
    {
      name: 'b',
      namespace: 'shop',
      successRate: 0.75,
      requestsPerSecond: 4,
      p50Ms: 20,
      p95Ms: 2,
      p99Ms: 80,
      mtls: '75%',
    },
  );
});

test('a window is a number with its unit', () => {
  assert.deepEqual(['10s', '5m', '1h'].map(windowSeconds), [10, 300, 3600]);
  assert.throws(() => windowSeconds('soon'), /--window soon is no duration/);
});
