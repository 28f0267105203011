import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestBuffer } from './request-buffer.ts';

test('pieces are kept while another one may follow, and the last one up to the limit', () => {
  const body = new RequestBuffer();
  body.add(new Uint8Array(4));
  assert.equal(body.takes(new Uint8Array(5), false, 10), true);
  assert.equal(body.takes(new Uint8Array(6), false, 10), false);
  assert.equal(body.takes(new Uint8Array(6), true, 10), true);
  assert.equal(body.takes(new Uint8Array(7), true, 10), false);
});
