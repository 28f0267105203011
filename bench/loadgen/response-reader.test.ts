import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ResponseReader } from './response-reader.ts';

const PAGES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-trailer: 1\r\n\r\n',
];

test('responses are counted however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...PAGES), { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(200), { maxLength: 20 }),
      (pages, cuts) => {
        const bytes = Buffer.from(pages.join(''));
        const reader = new ResponseReader();
        const edges = [...new Set([0, ...cuts.map((c) => c % bytes.length), bytes.length])].sort((a, b) => a - b);
        let ended = 0;
        for (let i = 1; i < edges.length; i++) ended += reader.read(bytes.subarray(edges[i - 1], edges[i]));
        assert.equal(ended, pages.length);
      },
    ),
    { numRuns: 500 },
  );
});

test('the status and the wish to close are kept', () => {
  const reader = new ResponseReader();
  assert.equal(reader.read(Buffer.from('HTTP/1.1 429 Slow\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')), 1);
  assert.equal(reader.status, 429);
  assert.equal(reader.close, true);
});

test('what is no HTTP is said', () => {
  assert.equal(new ResponseReader().read(Buffer.from('SSH-2.0-x\r\n')), -1);
});
