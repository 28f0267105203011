// What Envoy tells of a request that a RateLimit refused names the rule, as our own proxy does.
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
