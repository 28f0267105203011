import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock, type RequestHead, type ResponseHead } from '../http/index.ts';
import { H1ClientConnection } from './client-connection.ts';
import { FakeConn } from './fake-conn.testing.ts';
import { HeadFacts } from './head-facts.ts';
import { parseRequest } from './parse-request.ts';
import { copyRequestHead, RepeatedHead } from './repeated-head.ts';
import { fieldsText } from './serialize.ts';
import { H1ServerConnection } from './server-connection.ts';

/** Gives `text` as a socket does: lent first, as a copy when it was not taken; the lent bytes change afterwards. */
function read(conn: FakeConn, text: string): void {
  const lent = Buffer.alloc(8192, text, 'latin1');
  if (conn.handler.onShortData?.(lent, text.length) !== true) conn.handler.onData(Buffer.from(text, 'latin1'));
  lent.fill('!');
}

function server(): { conn: FakeConn; seen: string[] } {
  const conn = new FakeConn();
  const seen: string[] = [];
  conn.handler = new H1ServerConnection(
    conn,
    {
      onRequest: (stream, head, end) => {
        let body = '';
        const finish = (): void => {
          seen.push(`${head.method} ${head.path} ${head.authority} ${[...head.headers.entries()].join(' ')} ${body}`);
          head.headers.set('x-mark', 'of this request alone');
          stream.sendHead({ status: 200, headers: new HeaderBlock() }, true);
        };
        if (end) finish();
        return {
          onData: (data, last) => {
            body += data.toString('latin1');
            if (last) finish();
          },
          onTrailers: () => {},
          onDrain: () => {},
          onReset: () => {},
        };
      },
      onProtocolError: (_, detail) => void seen.push(detail.split(':')[0] as string),
    },
    { secure: false, acceptHttp10: true },
  );
  return { conn, seen };
}

const GET = 'GET /a HTTP/1.1\r\nhost: h\r\nx-n: 1\r\n\r\n';

test('a head that comes again is read the same each time, and what is done to one does not show in the next', () => {
  const { conn, seen } = server();
  for (let i = 0; i < 4; i++) read(conn, GET);
  assert.deepEqual(
    seen,
    Array.from({ length: 4 }, () => 'GET /a h x-n,1 '),
  );
});

test('after another head between two equal ones, framing is that of the head at hand', () => {
  const { conn, seen } = server();
  const post = 'POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n';
  for (const text of [GET, GET, `${post}abc`, GET, `${post}def`, `${post}ghi`, GET, GET]) read(conn, text);
  assert.deepEqual(
    seen.map((line) => `${line.split(' ')[0]} ${line.split(' ').at(-1)}`),
    ['GET ', 'GET ', 'POST abc', 'GET ', 'POST def', 'POST ghi', 'GET ', 'GET '],
  );
});

test('a pipelined request and a part of the next one behind a head are not lost', () => {
  const { conn, seen } = server();
  read(conn, `${GET}${GET}GET /c HT`);
  read(conn, 'TP/1.1\r\nhost: h\r\n\r\n');
  assert.deepEqual(
    seen.map((line) => line.slice(0, 6)),
    ['GET /a', 'GET /a', 'GET /c'],
  );
});

test('a malformed head is refused when it comes in a short read', () => {
  const { conn, seen } = server();
  read(conn, GET);
  read(conn, 'GET /a HTTP/1.1\r\nhost: h\r\nx n: 1\r\n\r\n');
  assert.equal(seen[1], 'http1.invalid_name');
});

test('a response with its body in one read arrives whole, however often it repeats', () => {
  const conn = new FakeConn();
  let reusable = 0;
  const h1 = new H1ClientConnection(conn, { onReusable: () => reusable++, onGone: () => {} });
  conn.handler = h1;
  const got: string[] = [];
  for (let i = 0; i < 3; i++) {
    let head: ResponseHead | undefined;
    const stream = h1.start({
      onInformational: () => {},
      onHead: (given) => void (head = given),
      onData: (data, end) => void got.push(`${head?.status} ${data.toString('latin1')} ${end}`),
      onTrailers: () => {},
      onDrain: () => {},
      onReset: () => {},
    });
    const headers = new HeaderBlock();
    stream.sendHead(
      { method: 'GET', path: '/', authority: 'h', scheme: 'http', version: '1.1', protocol: '', headers },
      true,
    );
    read(conn, `HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab${i}!`);
  }
  assert.deepEqual(got, ['200 ab0! true', '200 ab1! true', '200 ab2! true']);
  assert.equal(reusable, 3);
});

test('a head is copied from the second repetition on, and a long one never', () => {
  const heads = new RepeatedHead(copyRequestHead);
  const parse = (text: string): RequestHead => {
    const parsed = parseRequest(text, new HeadFacts(), 100, false);
    assert.ok(parsed.head !== undefined);
    return parsed.head;
  };
  const text = 'GET / HTTP/1.1\r\nhost: h';
  const long = `${text}\r\nx: ${'y'.repeat(3000)}`;
  for (const one of [text, long]) {
    for (let i = 0; i < 2; i++) {
      assert.equal(heads.take(one), undefined);
      heads.note(one, parse(one));
    }
    assert.equal(heads.take(one) !== undefined, one === text);
  }
});

test('a head is known by its bytes only while all of them come again, wherever the read is cut', () => {
  const { conn, seen } = server();
  const head = (name: string): string => `GET /${name} HTTP/1.1\r\nhost: h\r\n\r\n`;
  for (let i = 0; i < 3; i++) read(conn, head('a'));
  read(conn, head('b'));
  // The end of a head decides as much as its beginning: these differ in the last byte that can.
  for (const text of [`GET /a HTTP/1.1\r\nhost: h1\r\n\r\n`, 'GET /a HTTP/1.1\r\nhost: h\r\nx: 1\r\n\r\n'])
    read(conn, text);
  for (let i = 0; i < 3; i++) read(conn, head('a'));
  read(conn, head('a').slice(0, -1));
  read(conn, '\n');
  assert.deepEqual(
    seen.map((line) => line.trimEnd()),
    [...Array(3).fill('GET /a h'), 'GET /b h', 'GET /a h1', 'GET /a h x,1', ...Array(4).fill('GET /a h')],
  );
});

test('bytes of a head are compared whatever its length leaves in the last word', () => {
  for (let extra = 0; extra < 8; extra++) {
    const { conn, seen } = server();
    const path = 'p'.repeat(extra);
    for (let i = 0; i < 4; i++) read(conn, `POST /${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n${i}!`);
    read(conn, `POST /${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nend`);
    assert.deepEqual(
      seen.map((line) => line.split(' ').at(-1)),
      ['0!', '1!', '2!', '3!', 'end'],
    );
  }
});

test('field lines that are sent as they came are what the fields say', () => {
  const field = fc.record({
    name: fc.constantFrom('a', 'X-B', 'host', 'connection', 'content-length', 'te', 'keep-alive', 'Cookie'),
    value: fc.constantFrom('', '1', 'x y', 'trailers', 'a, X-B', 'close'),
    before: fc.constantFrom(' ', '', '  ', '\t'),
    after: fc.constantFrom('', ' '),
  });
  fc.assert(
    fc.property(
      fc.array(field, { maxLength: 6 }),
      fc.array(fc.constantFrom('a', 'x-b', 'z'), { maxLength: 2 }),
      (fields, changes) => {
        const text = [
          'GET / HTTP/1.1',
          'host: h',
          ...fields.map((f) => `${f.name}:${f.before}${f.value}${f.after}`),
        ].join('\r\n');
        const { head } = parseRequest(text, new HeadFacts(), 100, false);
        if (head === undefined) return;
        const { headers } = head;
        changes.forEach((name, i) => (i === 0 ? headers.set(name, 'new') : headers.remove(name)));
        let plain = '';
        for (let i = 0; i < headers.flat.length; i += 3) plain += `${headers.flat[i + 1]}: ${headers.flat[i + 2]}\r\n`;
        assert.equal(fieldsText(headers), plain);
        assert.equal(fieldsText(headers.clone()), plain);
      },
    ),
  );
});
