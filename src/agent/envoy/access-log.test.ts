// What Envoy tells of a request that a RateLimit refused names the rule, as our own proxy does; of one that a fault aborted, the cluster.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { HTTPAccessLogEntrySchema } from '#proto/envoy/data/accesslog/v3/accesslog_pb.ts';
import { denialOf, PeerCache } from '#telemetry';
import { httpRecord } from './access-log.ts';

const refusal = (limited: boolean, header: string) =>
  denialOf(
    httpRecord(
      create(HTTPAccessLogEntrySchema, {
        commonProperties: limited ? { responseFlags: { rateLimited: true } } : {},
        response: {
          responseCode: 429,
          responseCodeDetails: limited ? 'local_rate_limited' : 'via_upstream',
          responseHeaders: header === '' ? {} : { 'x-topsail-rate-limit': header },
        },
      }),
      new PeerCache(),
    ),
  );

test('a RateLimit that refused at an Envoy is named by the header of its answer', () => {
  assert.equal(refusal(true, 'shop/web/orders'), 'ratelimit[shop/web/orders]');
  assert.equal(refusal(true, ''), '');
});

test('the header of an answer that came from behind is nobody’s refusal here', () => {
  assert.equal(refusal(false, 'shop/web/orders'), '');
});

test('a request that was aborted before a cluster was chosen belongs to the one that its route leads to', () => {
  const cluster = (upstreamCluster: string): string =>
    httpRecord(
      create(HTTPAccessLogEntrySchema, {
        commonProperties: { upstreamCluster, customTags: { topsail_cluster: 'outbound|80||a.shop.svc.cluster.local' } },
      }),
      new PeerCache(),
    ).upstreamCluster;
  assert.equal(cluster(''), 'outbound|80||a.shop.svc.cluster.local');
  assert.equal(cluster('outbound|80|v1|a.shop.svc.cluster.local'), 'outbound|80|v1|a.shop.svc.cluster.local');
});
