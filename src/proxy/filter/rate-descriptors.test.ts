// Keys of rate limits out of formats and of what filters noted: what is missing leaves the descriptor out, or stands for itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { RateLimitSchema, type RateLimit_ActionSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { testHead, testInput } from '../match-input.testing.ts';
import { compileRateLimits, describe } from './rate-descriptors.ts';

type Action = MessageInitShape<typeof RateLimit_ActionSchema>;

function described(action: Action, headers: [string, string][] = [], claims?: Record<string, unknown>) {
  const [limit] = compileRateLimits([create(RateLimitSchema, { actions: [action] })], 'limits');
  const input = testInput(testHead({ path: '/a?b=c', headers }));
  if (claims !== undefined) input.record.metadata = new Map([['tokens', claims]]) as never;
  assert.ok(limit !== undefined);
  return describe(limit, input, '');
}
const format = (descriptorValue: string): Action => ({
  actionSpecifier: { case: 'genericKey', value: { descriptorKey: 'k', descriptorValue } },
});
const noted = (defaultValue: string): Action => ({
  actionSpecifier: {
    case: 'metadata',
    value: {
      descriptorKey: 'k',
      defaultValue,
      metadataKey: { key: 'tokens', path: [{ segment: { case: 'key', value: 'a:b' } }] },
    },
  },
});

test('a format is filled in for each request, and nothing is no value', () => {
  assert.deepEqual(described(format('plain')), [['k', 'plain']]);
  assert.deepEqual(described(format('%REQ(x-key)%'), [['x-key', 'one']]), [['k', 'one']]);
  assert.equal(described(format('%REQ(x-key)%')), undefined);
  assert.deepEqual(described(format('=%REQ(x-key)%')), [['k', '=']]);
});

test('of what filters noted only text counts', () => {
  assert.deepEqual(described(noted(''), [], { 'a:b': 'x' }), [['k', 'x']]);
  assert.deepEqual(described(noted('='), [], { 'a:b': 5 }), [['k', '=']]);
  assert.deepEqual(described(noted('='), [], {}), [['k', '=']]);
  assert.equal(described(noted('')), undefined);
});
