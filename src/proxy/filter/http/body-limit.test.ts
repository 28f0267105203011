// Bodies at their limit and one byte beyond, announced and counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { BodyLimitSchema } from '#proto/topsail/filters/v1/body_limit_pb.ts';
import { ConfigError } from '../../errors.ts';
import type { FilterCallbacks, FilterContext, HttpFilter, LocalReply } from '../../http/filter.ts';
import { testHead } from '../../match-input.testing.ts';
import { bodyLimitExtension } from './body-limit.ts';

function filterOf(maxRequestBytes: number): { readonly filter: HttpFilter; readonly replies: LocalReply[] } {
  const config = toBinary(BodyLimitSchema, create(BodyLimitSchema, { maxRequestBytes }));
  const replies: LocalReply[] = [];
  const callbacks = { reply: (reply: LocalReply) => void replies.push(reply) } as unknown as FilterCallbacks;
  const factory = bodyLimitExtension.build(config, undefined as unknown as FilterContext, 'limit');
  return { filter: factory.create(callbacks), replies };
}

test('what announces more than the limit is refused before any of it comes', () => {
  for (const [length, replied] of [
    ['10', 0],
    ['11', 1],
  ] as const) {
    const { filter, replies } = filterOf(10);
    filter.requestHead?.(testHead({ method: 'POST', headers: [['content-length', length]] }), false);
    assert.equal(replies.length, replied, length);
  }
});

test('what comes in pieces is refused with its first byte beyond the limit, and once', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 10 }), fc.nat({ max: 60 }), (pieces, more) => {
      const limit = 1 + more;
      const { filter, replies } = filterOf(limit);
      filter.requestHead?.(testHead({ method: 'POST' }), false);
      let sum = 0;
      for (const bytes of pieces) {
        sum += bytes;
        const status = filter.requestData?.(Buffer.alloc(bytes), false);
        assert.equal(replies.length, sum > limit ? 1 : 0);
        if (replies.length > 0) {
          assert.deepEqual(
            [status, replies[0]?.status, replies[0]?.details],
            ['stop', 413, 'request_payload_too_large'],
          );
          break;
        }
      }
    }),
  );
});

test('what follows an upgrade is no body', () => {
  const { filter, replies } = filterOf(1);
  filter.requestHead?.({ ...testHead({}), protocol: 'websocket' }, false);
  filter.requestData?.(Buffer.alloc(100), false);
  assert.deepEqual(replies, []);
});

test('a limit of nothing is no configuration', () => {
  assert.throws(() => filterOf(0), ConfigError);
});
