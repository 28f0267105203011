import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '#wire/http';
import { testHead } from '../match-input.testing.ts';
import { retriesOnResponse } from './retry.ts';
import { RETRY_POLICY } from './retry-policy.testing.ts';

test('who asked to be spared is asked again only where retry_on names envoy-ratelimited', () => {
  const headers = new HeaderBlock();
  headers.add('x-envoy-ratelimited', 'true');
  const again = (words: readonly string[], status: number) =>
    retriesOnResponse({ ...RETRY_POLICY, on: new Set(words) }, testHead({}), { status, headers });
  assert.equal(again(['5xx', 'gateway-error'], 503), false);
  assert.equal(again(['5xx', 'envoy-ratelimited'], 503), true);
  assert.equal(again(['envoy-ratelimited'], 429), true);
  assert.equal(
    retriesOnResponse(RETRY_POLICY, testHead({}), { status: 503, headers: new HeaderBlock() }),
    true,
    'without the header as ever',
  );
});
