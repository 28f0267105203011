import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { SummarySchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { StreamRecord } from '../stream-record.ts';
import { EdgeAggregator } from './edge-aggregator.ts';
import { faultObject, faultWords } from './fault-words.ts';
import { injectedFault } from './injected-fault.ts';
import { TrafficGraph } from './traffic-graph.ts';

const CAUSE = 'VirtualService/default/reviews spec.http[0]';
const told = (flags: readonly string[], more: { status?: number; grpcStatus?: number; cause?: string } = {}): string =>
  injectedFault({ flags, status: 503, grpcStatus: -1, cause: CAUSE, ...more });

describe('an injected fault', () => {
  it('is named with what was injected, and the object that asks for it', () => {
    assert.equal(told(['FI']), 'abort 503 VirtualService default/reviews');
    assert.equal(told(['FI'], { status: 200, grpcStatus: 14 }), 'abort grpc 14 VirtualService default/reviews');
    assert.equal(told(['DI', 'FI']), 'delay, abort 503 VirtualService default/reviews');
    assert.equal(told(['DI'], { cause: '' }), 'delay');
    assert.equal(told(['UF', 'URX']), '');
  });

  it('is told in words, and leads to the object', () => {
    const words = (...args: Parameters<typeof told>): string => faultWords(told(...args));
    assert.equal(words(['FI']), 'fault injected (abort 503) by VirtualService default/reviews');
    assert.equal(words(['DI', 'FI'], { cause: '' }), 'fault injected (delay, abort 503)');
    assert.deepEqual(faultObject(told(['DI'])), { kind: 'VirtualService', namespace: 'default', name: 'reviews' });
    assert.equal(faultObject(told(['DI'], { cause: '' })), undefined);
  });

  it('is counted at the edge by what it was, and stays a failure where it aborts', () => {
    const aggregator = new EdgeAggregator();
    const add = (flag: 'FI' | 'DI', responseCode: number): void => {
      const record = new StreamRecord();
      Object.assign(record, { responseCode, destinationService: 'reviews.default.svc.cluster.local' });
      record.routeMetadata = { topsail: { cause: CAUSE } };
      record.addFlag(flag);
      aggregator.add(record, 'source');
    };
    add('FI', 503);
    add('FI', 503);
    add('DI', 200);
    const health = { cpuSeconds: 0, rssBytes: 0, activeConnections: 0, activeRequests: 0 };
    const graph = new TrafficGraph();
    graph.merge(create(SummarySchema, aggregator.flush(1000, health)), 1000);
    const [edge] = graph.edges(1000);
    assert.equal(edge?.failures, 2);
    assert.deepEqual(edge?.faults, {
      'abort 503 VirtualService default/reviews': 2,
      'delay VirtualService default/reviews': 1,
    });
  });
});
