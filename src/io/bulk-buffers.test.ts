import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaveBulkBuffer, nextBulkBuffer, READ_BYTES, returnBulkBuffer, takeBulkBuffer } from './bulk-buffers.ts';

/** The buffer after reads of so many bytes, each of which was used up at once. */
function after(...reads: readonly number[]): Buffer {
  return reads.reduce((buffer, length) => nextBulkBuffer(buffer, length, true), takeBulkBuffer());
}

test('a full read makes room for more, and the short end of a message leaves it', () => {
  const full = after(READ_BYTES);
  assert.ok(full.length > READ_BYTES);
  const ended = nextBulkBuffer(full, 31_000, true);
  assert.ok(ended === full);
  returnBulkBuffer(ended);
});

test('who reads little gets the usual buffer again, and so does who keeps what was read', () => {
  for (const [length, reusable] of [
    [5000, true],
    [READ_BYTES, false],
  ] as const) {
    const next = nextBulkBuffer(after(READ_BYTES), length, reusable);
    assert.equal(next.length, READ_BYTES);
    returnBulkBuffer(next);
  }
});

test('a few connections at once have large buffers', () => {
  const large = Array.from({ length: 20 }, () => after(READ_BYTES)).filter((buffer) => buffer.length > READ_BYTES);
  assert.equal(large.length, 8);
  for (const buffer of large) returnBulkBuffer(buffer);
  assert.ok(after(READ_BYTES).length > READ_BYTES);
});

test('a connection that rests holds no buffer, but a large one', () => {
  const usual = takeBulkBuffer();
  assert.equal(leaveBulkBuffer(usual, true), undefined);
  assert.ok(takeBulkBuffer() === usual);
  // What it brought waits in it.
  assert.equal(leaveBulkBuffer(usual, false), undefined);
  assert.ok(takeBulkBuffer() !== usual);
  const large = Array.from({ length: 8 }, () => after(READ_BYTES)).filter((buffer) => buffer.length > READ_BYTES);
  assert.ok(large.length > 0);
  for (const buffer of large) {
    assert.ok(leaveBulkBuffer(buffer, true) === buffer);
    assert.equal(leaveBulkBuffer(buffer, false), undefined);
  }
  // As many are to be had as before.
  const others = large.map(() => after(READ_BYTES));
  assert.ok(others.every((buffer) => buffer.length > READ_BYTES));
  for (const buffer of others) returnBulkBuffer(buffer);
});
