// What a read's buffer may be used for again, by what was done with its bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginRead, consumeBytes, endRead, keptBytes, offerHeader, takeHeader } from './present-read.ts';

test('a short piece that is kept is a copy, and the buffer can be read into again', () => {
  const buffer = Buffer.alloc(64 * 1024, 1);
  beginRead(buffer);
  const piece = buffer.subarray(0, 100);
  const kept = keptBytes(piece);
  consumeBytes(piece);
  assert.equal(endRead(100), true);
  buffer.fill(2);
  assert.deepEqual([...kept], new Array<number>(100).fill(1));
});

test('a long piece that is kept is left where it is, and so is its buffer', () => {
  const buffer = Buffer.alloc(64 * 1024, 1);
  beginRead(buffer);
  const piece = buffer.subarray(0, 20_000);
  assert.equal(keptBytes(piece), piece);
  consumeBytes(piece);
  assert.equal(endRead(20_000), false);
});

test('bytes of anything but the present read are kept as they are', () => {
  beginRead(Buffer.alloc(64 * 1024));
  const other = new Uint8Array(100);
  assert.equal(keptBytes(other), other);
  assert.equal(endRead(0), true);
});

test('a header may be written before bytes of the present read only where it was offered, and once', () => {
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  beginRead(buffer);
  const body = buffer.subarray(9, 100);
  assert.equal(takeHeader(body), undefined);
  offerHeader(buffer, 9);
  assert.equal(takeHeader(buffer.subarray(10, 100)), undefined);
  assert.equal(takeHeader(Buffer.allocUnsafeSlow(100).subarray(9)), undefined);
  assert.equal(takeHeader(body), buffer);
  assert.equal(takeHeader(body), undefined);
  offerHeader(buffer, 9);
  endRead(0);
  assert.equal(takeHeader(body), undefined);
  offerHeader(buffer, 9);
  assert.equal(takeHeader(body), undefined);
});
