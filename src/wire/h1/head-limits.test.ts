// Heads at their limit, one byte and one field beyond, and limits that change while a connection lives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginRead, endRead } from '#base';
import type { RequestAcceptor, ServerStreamHandler } from '../http/stream.ts';
import { FakeConn } from './fake-conn.testing.ts';
import { DEFAULT_H1_LIMITS } from './limits.ts';
import { H1ServerConnection } from './server-connection.ts';
import { HeaderBlock } from '../http/headers.ts';

const silent: ServerStreamHandler = { onData: () => {}, onTrailers: () => {}, onDrain: () => {}, onReset: () => {} };

function serve(headBytesMax: number, fieldsMax: number) {
  const conn = new FakeConn();
  const told: string[] = [];
  const acceptor: RequestAcceptor = {
    onRequest: (stream) => {
      told.push('request');
      stream.sendHead({ status: 204, headers: new HeaderBlock() }, true);
      return silent;
    },
    onProtocolError: (status, detail) => void told.push(`${status} ${detail.split(':')[0]}`),
    refusalBody: (status) => (status === 431 ? 'more than 60 bytes' : undefined),
  };
  const options = { limits: { ...DEFAULT_H1_LIMITS, headBytesMax, fieldsMax }, secure: false, acceptHttp10: false };
  const server = new H1ServerConnection(conn, acceptor, options);
  conn.handler = server;
  return { conn, told, server };
}

/** A head of exactly so many bytes up to the empty line. */
function head(bytes: number): string {
  const start = 'GET / HTTP/1.1\r\nhost: a\r\nx: ';
  return `${start}${'y'.repeat(bytes - start.length)}\r\n\r\n`;
}

test('a head as large as its limit passes, one byte more is answered with 431 and the words of whoever set the limit', () => {
  const { conn, told } = serve(60, 10);
  conn.receive(head(60));
  conn.receive(head(61));
  assert.deepEqual(told, ['request', '431 http1.headers_too_large']);
  assert.match(conn.written, /HTTP\/1\.1 431 .*\r\ncontent-length: 18\r\n[^]*\r\n\r\nmore than 60 bytes$/);
});

test('as many fields as are allowed pass, one more is answered with 431', () => {
  const { conn, told } = serve(1000, 3);
  conn.receive('GET / HTTP/1.1\r\nhost: a\r\nb: 1\r\nc: 1\r\n\r\n');
  conn.receive('GET / HTTP/1.1\r\nhost: a\r\nb: 1\r\nc: 1\r\nd: 1\r\n\r\n');
  assert.deepEqual(told, ['request', '431 http1.too_many_headers']);
});

test('a head of too many fields is refused before its end has come, and one of as many as may be is not, however it is cut', () => {
  const fields = (count: number): string => 'b: 1\r\n'.repeat(count);
  for (const piece of [1, 2, 3, 7, 1000]) {
    const { conn, told } = serve(1000, 20);
    const good = `GET / HTTP/1.1\r\nhost: a\r\n${fields(19)}\r\n`;
    for (let at = 0; at < good.length; at += piece) conn.receive(good.slice(at, at + piece));
    assert.deepEqual(told, ['request']);
    const bad = `GET / HTTP/1.1\r\nhost: a\r\n${fields(21)}`;
    for (let at = 0; at < bad.length; at += piece) conn.receive(bad.slice(at, at + piece));
    assert.deepEqual(told, ['request', '431 http1.too_many_headers']);
  }
});

test('a head above its limit is refused wherever it is cut, and one at its limit passes', () => {
  for (let at = 1; at < 70; at++) {
    for (const [bytes, want] of [
      [60, 'request'],
      [61, '431 http1.headers_too_large'],
      [90, '431 http1.headers_too_large'],
    ] as const) {
      const { conn, told } = serve(60, 10);
      const text = `${head(bytes)}POST / HTTP/1.1\r\n`.padEnd(200, 'x');
      conn.receive(text.slice(0, at));
      conn.receive(text.slice(at));
      assert.equal(told[0], want, `${bytes} cut at ${at}`);
    }
  }
});

test('of a head that is refused nothing is kept: its buffer can be read into again', () => {
  for (const refused of [`GET / HTTP/1.1\r\nx: ${'y'.repeat(100)}`, `GET / HTTP/1.1\r\n${'b: 1\r\n'.repeat(12)}`]) {
    const { conn, told } = serve(80, 10);
    for (const text of [refused, 'what follows']) {
      const read = Buffer.alloc(1000, text, 'latin1');
      beginRead(read);
      conn.handler.onData(read.subarray(0, text.length));
      assert.equal(endRead(text.length), true);
    }
    assert.equal(told.length, 1);
  }
});

test('another limit holds from the next head on, also for one that repeats the former', () => {
  const { conn, told, server } = serve(60, 10);
  conn.receive(head(60));
  server.limitHeads({ headBytesMax: 59, fieldsMax: 10 });
  conn.receive(head(60));
  assert.deepEqual(told, ['request', '431 http1.headers_too_large']);
});

/** Trailers of exactly so many bytes up to the empty line. */
function withTrailers(bytes: number): string {
  return `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ${'y'.repeat(bytes - 3)}\r\n\r\n`;
}

/** What became of a request's trailers: they came, or the connection was cut. */
function receiveTrailers(limits: { headBytesMax: number; fieldsMax: number }, request: string, piece = 1e6): string {
  const conn = new FakeConn();
  let fate = 'nothing';
  const acceptor: RequestAcceptor = {
    onRequest: () => ({
      ...silent,
      onTrailers: () => void (fate = 'trailers'),
      onReset: (reason, detail) => void (fate = `${reason} ${detail.split(':')[0]}`),
    }),
    onProtocolError: () => {},
  };
  const server = new H1ServerConnection(conn, acceptor, { secure: false, acceptHttp10: false });
  server.limitHeads(limits);
  conn.handler = server;
  for (let at = 0; at < request.length; at += piece) conn.receive(request.slice(at, at + piece));
  return fate;
}

test('trailers of a request have the bounds of its head, also those set while the connection lives', () => {
  const bounds = { headBytesMax: 80, fieldsMax: 3 };
  for (const piece of [1e6, 1]) {
    assert.equal(receiveTrailers(bounds, withTrailers(80), piece), 'trailers');
    assert.equal(receiveTrailers(bounds, withTrailers(81), piece), 'protocol-error http1.headers_too_large');
  }
  assert.equal(receiveTrailers({ headBytesMax: 300_000, fieldsMax: 3 }, withTrailers(100_000)), 'trailers');
  const four =
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\n\r\n';
  assert.match(receiveTrailers(bounds, four), /^protocol-error /);
  assert.equal(receiveTrailers({ ...bounds, fieldsMax: 4 }, four), 'trailers');
});
