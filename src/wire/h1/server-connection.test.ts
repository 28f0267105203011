import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock, type RequestHead, type ServerStream, type ServerStreamHandler } from '../http/index.ts';
import { H1_ERRORS } from './errors.ts';
import { FakeConn } from './fake-conn.testing.ts';
import { MALFORMED, MALFORMED_CHUNKS } from './malformed.testing.ts';
import { H1ServerConnection } from './server-connection.ts';

interface Seen {
  readonly stream: ServerStream;
  readonly head: RequestHead;
  body: string;
  ended: boolean;
  trailers: HeaderBlock | undefined;
  reset: string;
}

function serve(answer?: (seen: Seen) => void) {
  const conn = new FakeConn();
  const requests: Seen[] = [];
  const errors: { status: number; detail: string }[] = [];
  const finish = (seen: Seen): void => {
    seen.ended = true;
    answer?.(seen);
  };
  conn.handler = new H1ServerConnection(
    conn,
    {
      onRequest: (stream, head, end): ServerStreamHandler => {
        const seen: Seen = { stream, head, body: '', ended: false, trailers: undefined, reset: '' };
        requests.push(seen);
        if (end || head.protocol !== '' || head.method === 'CONNECT') finish(seen);
        return {
          onData: (data, last) => {
            seen.body += data.toString('latin1');
            if (last) finish(seen);
          },
          onTrailers: (trailers) => {
            seen.trailers = trailers;
            finish(seen);
          },
          onDrain: () => {},
          onReset: (reason, detail) => void (seen.reset = `${reason} ${detail}`),
        };
      },
      onProtocolError: (status, detail) => void errors.push({ status, detail }),
    },
    { secure: false, acceptHttp10: true },
  );
  return { conn, requests, errors };
}

function ok(body: string): (seen: Seen) => void {
  return ({ stream }) => {
    const headers = new HeaderBlock();
    headers.add('content-length', String(body.length));
    stream.sendHead({ status: 200, headers }, body === '');
    if (body !== '') stream.sendData(Buffer.from(body), true);
  };
}

for (const { what, paragraph, bytes, code } of MALFORMED) {
  test(`${what} is refused (${paragraph})`, () => {
    const { conn, requests, errors } = serve();
    conn.receive(bytes);
    assert.equal(requests.length, 0);
    assert.equal(errors[0]?.detail.split(':')[0], code);
    assert.match(conn.written, new RegExp(`^HTTP/1.1 ${H1_ERRORS[code].status} `));
    assert.equal(conn.ended, true);
  });
}

for (const { what, paragraph, bytes, code } of MALFORMED_CHUNKS) {
  test(`a chunked body with ${what} resets its request (${paragraph})`, () => {
    const { conn, requests } = serve();
    conn.receive(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${bytes}`);
    assert.match(requests[0]?.reset ?? '', new RegExp(`^protocol-error ${code.replace('.', '\\.')}:`));
    assert.equal(conn.destroyed, true);
  });
}

test('a request and its answer pass, and the connection goes on', () => {
  const { conn, requests } = serve(ok('hi'));
  conn.receive('GET /a?b HTTP/1.1\r\nHost: example\r\nX-Case: Kept\r\n\r\n');
  conn.receive('GET /c HTTP/1.1\r\nHost: example\r\n\r\n');
  assert.deepEqual(
    requests.map((r) => r.head.path),
    ['/a?b', '/c'],
  );
  assert.equal(requests[0]?.head.authority, 'example');
  assert.deepEqual(requests[0]?.head.headers.flat, ['x-case', 'X-Case', 'Kept']);
  assert.equal(conn.written, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'.repeat(2));
});

test('however the bytes are cut, the requests are the same', () => {
  const bytes =
    'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n';
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 40 }), (cuts) => {
      const { conn, requests, errors } = serve(ok(''));
      const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < edges.length; i++) conn.receive(bytes.slice(edges[i - 1], edges[i]));
      assert.deepEqual(errors, []);
      assert.deepEqual(
        requests.map((r) => [r.head.path, r.body, r.ended]),
        [
          ['/1', 'hello', true],
          ['/2', 'abc0123456789', true],
          ['/3', '', true],
        ],
      );
      assert.equal(requests[1]?.trailers?.get('t'), '1');
    }),
    { numRuns: 200 },
  );
});

test('random bytes never throw, and never make a request without a Host', () => {
  const piece = fc.constantFrom(
    'GET ',
    '/ ',
    'HTTP/1.1',
    '\r\n',
    '\n',
    '\r',
    'Host: a',
    ':',
    ' ',
    '\0',
    'Content-Length: 2',
    'Transfer-Encoding: chunked',
    '3\r\nabc\r\n',
    '0\r\n\r\n',
    'é',
    'POST ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const { conn, requests } = serve(ok('x'));
      for (const p of pieces) conn.receive(p);
      for (const r of requests) assert.equal(r.head.authority, 'a');
    }),
    { numRuns: 500 },
  );
});

test('pipelined requests are answered one after another', () => {
  const { conn, requests } = serve();
  conn.receive('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(requests.length, 1);
  assert.equal(conn.paused, true);
  ok('1')(requests[0] as Seen);
  assert.equal(requests.length, 2);
  assert.equal(conn.paused, false);
});

test('bytes behind an upgrade wait for the 101', () => {
  const { conn, requests } = serve();
  conn.receive('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly');
  const seen = requests[0] as Seen;
  assert.equal(seen.head.protocol, 'websocket');
  assert.equal(seen.body, '');
  seen.stream.sendHead({ status: 101, headers: new HeaderBlock() }, false);
  assert.equal(seen.body, 'early');
  conn.receive('more');
  assert.equal(seen.body, 'earlymore');
});

test('bytes behind a refused upgrade are the next request', () => {
  const { conn, requests } = serve();
  conn.receive(
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  ok('no')(requests[0] as Seen);
  assert.equal(requests[1]?.head.path, '/next');
});

test('an offer of HTTP/2 is passed over: Java’s client makes it with its first request', () => {
  const { conn, requests } = serve(ok('x'));
  conn.receive(
    'GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n',
  );
  conn.receive('GET /2 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n');
  assert.deepEqual(
    requests.map(({ head }) => [head.path, head.protocol, [...head.headers.entries()]]),
    [
      ['/1', '', []],
      ['/2', 'websocket', []],
    ],
  );
});

test('who ends lines with LF alone is refused at once, and not waited for, however the bytes are cut', () => {
  const text = 'GET / HTTP/1.1\nHost: a\n\n';
  for (let cut = 1; cut < text.length; cut++) {
    const { conn, requests } = serve();
    conn.receive(text.slice(0, cut));
    conn.receive(text.slice(cut));
    assert.match(conn.written, /^HTTP\/1\.1 400 /);
    assert.equal(requests.length, 0);
  }
});

test('Connection: close is answered and kept', () => {
  const { conn } = serve(ok('x'));
  conn.receive('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(conn.written, /connection: close\r\n/);
  assert.equal(conn.ended, true);
});

test('an HTTP/1.0 client gets no chunks', () => {
  const { conn } = serve(({ stream }) => {
    stream.sendHead({ status: 200, headers: new HeaderBlock() }, false);
    stream.sendData(Buffer.from('abc'), true);
  });
  conn.receive('GET / HTTP/1.0\r\n\r\n');
  assert.equal(conn.written, 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc');
});

test('an HTTP/1.0 client gets no interim responses (RFC 9110 §15.2)', () => {
  const { conn } = serve(({ stream }) => {
    stream.sendInformational(103, new HeaderBlock());
    stream.sendHead({ status: 204, headers: new HeaderBlock() }, true);
  });
  conn.receive('GET / HTTP/1.0\r\n\r\n');
  assert.equal(conn.written, 'HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
});

test('an answer to HEAD keeps its length and has no body', () => {
  const { conn } = serve(({ stream }) => {
    const headers = new HeaderBlock();
    headers.add('content-length', '10');
    stream.sendHead({ status: 200, headers }, true);
  });
  conn.receive('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(conn.written, 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n');
});

test('a head over the limit is answered 431', () => {
  const { conn } = serve();
  conn.receive(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(70_000)}`);
  assert.match(conn.written, /^HTTP\/1.1 431 /);
});

test('absolute form names scheme and authority', () => {
  const { conn, requests } = serve(ok(''));
  conn.receive('GET http://other:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n');
  const head = requests[0]?.head;
  assert.deepEqual([head?.scheme, head?.authority, head?.path], ['http', 'other:81', '/x?y']);
});

test('what cannot begin a method is refused before its line has ended: a TLS hello to a plaintext port', () => {
  const { conn, errors } = serve();
  conn.receive('\x16\x03\x01\x02\x00\x01');
  assert.equal(errors[0]?.detail.split(':')[0], 'http1.invalid_method');
  assert.match(conn.written, /^HTTP\/1\.1 400 /);
  assert.equal(conn.ended, true);
});

test('an empty line before a request may come in pieces', () => {
  const { conn, errors, requests } = serve();
  for (const piece of ['\r', '\n', 'GE', 'T / HTTP/1.1\r\nhost: a\r\n\r\n']) conn.receive(piece);
  assert.deepEqual(errors, []);
  assert.equal(requests.length, 1);
});

const PIPELINED = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const FULL = 64 * 1024;

test('a client that takes no responses is not asked for more: pipelined requests wait for it', () => {
  const { conn, requests } = serve((seen) => {
    ok('ok')(seen);
    if (requests.length === 2) conn.queuedBytes = FULL;
  });
  conn.receive(PIPELINED.repeat(5));
  assert.equal(requests.length, 2);
  assert.equal(conn.paused, true, 'and nothing more is read');
  conn.receive(PIPELINED);
  assert.equal(requests.length, 2);
  conn.queuedBytes = 0;
  conn.receive('GET /last HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.equal(requests.length, 2, 'what came later does not overtake what waits');
  conn.handler.onDrain();
  assert.equal(requests.length, 7, 'each of them is answered once it reads');
  assert.equal(requests[6]?.head.path, '/last');
  assert.equal(conn.paused, false);
  conn.receive(PIPELINED);
  assert.equal(requests.length, 8);
});

test('requests that wait for a client to read are still answered when the connection is to end', () => {
  const { conn, requests } = serve((seen) => {
    ok('ok')(seen);
    if (requests.length === 1) conn.queuedBytes = FULL;
  });
  conn.receive(PIPELINED.repeat(2));
  assert.equal(requests.length, 1);
  (conn.handler as H1ServerConnection).drain();
  assert.equal(conn.ended, false);
  conn.queuedBytes = 0;
  conn.handler.onDrain();
  assert.equal(requests.length, 2);
  assert.match(conn.written, /connection: close/);
  assert.equal(conn.ended, true);
});

test('interim responses that the client does not take are left out', () => {
  const { conn, requests } = serve();
  conn.receive(PIPELINED);
  const early = new HeaderBlock();
  early.add('link', '</a>');
  requests[0]?.stream.sendInformational(103, early);
  conn.queuedBytes = FULL;
  for (let i = 0; i < 10; i++) requests[0]?.stream.sendInformational(103, early);
  assert.equal(conn.written.split('103 Early Hints').length - 1, 1);
});
