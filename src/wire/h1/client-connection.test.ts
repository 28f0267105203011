import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock, type RequestHead, type ResponseHead } from '../http/index.ts';
import { H1ClientConnection } from './client-connection.ts';
import { FakeConn } from './fake-conn.testing.ts';
import { DEFAULT_H1_LIMITS } from './limits.ts';

function request(overrides: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    path: '/',
    authority: 'a',
    scheme: 'http',
    version: '1.1',
    protocol: '',
    headers: new HeaderBlock(),
    ...overrides,
  };
}

function client(limits = DEFAULT_H1_LIMITS) {
  const conn = new FakeConn();
  const log: string[] = [];
  let head: ResponseHead | undefined;
  const owner = { onReusable: () => log.push('reusable'), onGone: () => log.push('gone') };
  const connection = new H1ClientConnection(conn, owner, limits);
  conn.handler = connection;
  const stream = connection.start({
    onInformational: (status) => log.push(`info ${status}`),
    onHead: (h, end) => {
      head = h;
      log.push(`head ${h.status}${end ? ' end' : ''}`);
    },
    onData: (data, end) => log.push(`data ${data.toString()}${end ? ' end' : ''}`),
    onTrailers: (trailers) => log.push(`trailers ${trailers.count}`),
    onDrain: () => {},
    onReset: (reason) => log.push(`reset ${reason}`),
  });
  return { conn, connection, stream, log, head: () => head };
}

test('a whole answer makes the connection reusable', () => {
  const { conn, stream, log } = client();
  stream.sendHead(request(), true);
  assert.equal(conn.written, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  conn.receive('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
  assert.deepEqual(log, ['head 200', 'data hi end', 'reusable']);
});

test('bytes behind the answer belong to nobody: the connection closes', () => {
  const { conn, stream, log } = client();
  stream.sendHead(request(), true);
  conn.receive('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n');
  assert.deepEqual(log, ['head 200', 'data hi end', 'gone']);
});

test('an answer that comes while the request is still being sent ends the connection', () => {
  const { conn, stream, log } = client();
  stream.sendHead(request({ method: 'POST' }), false);
  stream.sendData(Buffer.from('x'), false);
  conn.receive('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n');
  assert.deepEqual(log, ['head 413 end', 'gone']);
});

test('100 and 103 pass before the answer', () => {
  const { conn, stream, log } = client();
  stream.sendHead(request(), true);
  conn.receive(
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  );
  assert.deepEqual(log, ['info 100', 'info 103', 'head 204 end', 'reusable']);
});

test('an answer without length ends with the connection', () => {
  const { conn, stream, log } = client();
  stream.sendHead(request(), true);
  conn.receive('HTTP/1.1 200 OK\r\n\r\nabc');
  conn.handler.onEnd();
  assert.deepEqual(log, ['head 200', 'data abc', 'data  end', 'gone']);
});

for (const [what, bytes] of [
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n'],
  ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['an unasked 101', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['HTTP/2 as version', 'HTTP/2 200 OK\r\n\r\n'],
  ['a bare LF', 'HTTP/1.1 200 OK\nX: y\r\n\r\n'],
  ['LF alone at the ends of its lines', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
] as const) {
  test(`an answer with ${what} is a protocol error`, () => {
    const { conn, stream, log } = client();
    stream.sendHead(request(), true);
    conn.receive(bytes);
    assert.deepEqual(log, ['reset protocol-error', 'gone']);
  });
}

test('a chunked answer is the same however it is cut', () => {
  const bytes = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n';
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 30 }), (cuts) => {
      const { conn, stream, log } = client();
      stream.sendHead(request(), true);
      const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < edges.length; i++) conn.receive(bytes.slice(edges[i - 1], edges[i]));
      const body = log
        .filter((l) => l.startsWith('data '))
        .map((l) => l.slice(5).replace(/ end$/, ''))
        .join('');
      assert.equal(body, 'hello!');
      assert.equal(log.at(-1), 'reusable');
    }),
    { numRuns: 200 },
  );
});

test('an upgrade opens a tunnel both ways', () => {
  const { conn, stream, log } = client();
  stream.sendHead(request({ protocol: 'websocket' }), false);
  assert.match(conn.written, /connection: Upgrade\r\nupgrade: websocket\r\n\r\n$/);
  conn.receive('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst');
  stream.sendData(Buffer.from('back'), false);
  assert.deepEqual(log, ['head 101', 'data first']);
  assert.match(conn.written, /back$/);
});

test('what an answer says of framing in its trailers is dropped, wherever it stands', () => {
  for (const trailers of [
    'transfer-encoding: x\r\nx-t: 1',
    'x-t: 1\r\nTransfer-Encoding: gzip',
    'x-t: 1\r\ncontent-length: x\r\nContent-Length: 7\r\ntransfer-encoding: chunked',
  ]) {
    const { conn, stream, log } = client();
    stream.sendHead(request(), true);
    conn.receive(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${trailers}\r\n\r\n`);
    assert.equal(log[1], 'trailers 1', trailers);
  }
  const { conn, stream, log } = client();
  stream.sendHead(request(), true);
  conn.receive('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\ntransfer-encoding : x\r\n\r\n');
  assert.equal(log[1], 'reset protocol-error', 'a malformed line stays one');
});

test('trailers of an answer have the bounds of its head', () => {
  const limits = { ...DEFAULT_H1_LIMITS, headBytesMax: 80, fieldsMax: 2 };
  const answer = (trailers: string) => {
    const { conn, stream, log } = client(limits);
    stream.sendHead(request(), true);
    conn.receive(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${trailers}\r\n\r\n`);
    return log[1];
  };
  assert.equal(answer(`x: ${'y'.repeat(77)}`), 'trailers 1');
  assert.equal(answer(`x: ${'y'.repeat(78)}`), 'reset protocol-error');
  assert.equal(answer('a: 1\r\nb: 1'), 'trailers 2');
  assert.equal(answer('a: 1\r\nb: 1\r\nc: 1'), 'reset protocol-error');
});
