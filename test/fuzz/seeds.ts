// What the fuzzer begins with: well-formed messages, the malformed ones of the codec's own corpus, and frames.
import { MALFORMED, MALFORMED_CHUNKS } from '../../src/wire/h1/malformed.testing.ts';
import { END_HEADERS, END_STREAM, frame, literal, requestBlock, setting, TYPE, u32 } from '../floods/raw-h2.ts';

/** With the byte that says how it arrives. */
function http(text: string, how = 0): Buffer {
  return Buffer.concat([Buffer.from([how]), Buffer.from(text, 'latin1')]);
}

function frames(...all: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0]), ...all]);
}

const post = 'POST /p HTTP/1.1\r\nHost: a\r\n';
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
const status = (code: string): Buffer => literal(':status', code);

export const SEEDS = {
  requests: [
    ...[0, 1, 2, 3].map((how) => http('GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nX-A: b\r\n\r\n', how)),
    http(`${post}Content-Length: 5\r\n\r\nhelloGET /second HTTP/1.1\r\nHost: b\r\n\r\n`),
    http(`${chunked}5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nX-T: u\r\n\r\nGET /second HTTP/1.1\r\nHost: b\r\n\r\n`),
    http('GET http://other/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-hop\r\nX-Hop: y\r\nTE: trailers\r\n\r\n'),
    http(
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nbytes',
    ),
    http('CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nbytes'),
    http('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'),
    http('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'),
    ...MALFORMED.map(({ bytes }) => http(bytes)),
    ...MALFORMED_CHUNKS.map(({ bytes }) => http(chunked + bytes)),
  ],
  responses: [
    ...[0, 1, 4, 5].map((how) =>
      http('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello', how),
    ),
    http('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: u\r\n\r\n'),
    http('HTTP/1.1 200 OK\r\n\r\nuntil the end'),
    http('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'),
    http('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'),
    http(
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    ),
    http('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    http('HTTP/1.1 200\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n'),
  ],
  h2Requests: [
    frames(
      frame(
        TYPE.HEADERS,
        END_HEADERS | END_STREAM,
        1,
        requestBlock('GET', '/x', [
          ['x-a', 'b'],
          ['cookie', 'a=1'],
          ['cookie', 'b=2'],
        ]),
      ),
    ),
    frames(
      frame(TYPE.HEADERS, END_HEADERS, 1, requestBlock('POST', '/p', [['content-length', '5']])),
      frame(TYPE.DATA, END_STREAM, 1, Buffer.from('hello')),
      frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 3, requestBlock('GET', '/second')),
    ),
    frames(
      frame(TYPE.HEADERS, 0, 1, requestBlock('POST', '/p')),
      frame(TYPE.CONTINUATION, END_HEADERS, 1, literal('x-c', 'd')),
      frame(TYPE.DATA, 0, 1, Buffer.from('hello')),
      frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, literal('x-t', 'u')),
    ),
    frames(
      frame(TYPE.SETTINGS, 0, 0, Buffer.concat([setting(4, 5), setting(1, 0), setting(5, 20_000)])),
      frame(TYPE.PING, 0, 0, Buffer.alloc(8)),
      frame(TYPE.PRIORITY, 0, 3, Buffer.from([0, 0, 0, 0, 1])),
      frame(
        TYPE.HEADERS,
        END_HEADERS | 8 | 32,
        5,
        Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 9]), requestBlock('POST', '/pad'), Buffer.alloc(2)]),
      ),
      frame(TYPE.DATA, 8, 5, Buffer.from([3, 1, 2, 0, 0, 0])),
      frame(TYPE.WINDOW_UPDATE, 0, 5, u32(10)),
      frame(TYPE.RST_STREAM, 0, 5, u32(8)),
      frame(TYPE.GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0)])),
    ),
    frames(
      frame(
        TYPE.HEADERS,
        END_HEADERS,
        1,
        Buffer.concat([literal(':method', 'CONNECT'), literal(':authority', 'a:80')]),
      ),
      frame(TYPE.DATA, 0, 1, Buffer.from('x')),
    ),
    frames(
      frame(
        TYPE.HEADERS,
        END_HEADERS,
        1,
        Buffer.concat([
          literal(':method', 'CONNECT'),
          literal(':protocol', 'websocket'),
          literal(':scheme', 'http'),
          literal(':path', '/'),
          literal(':authority', 'a'),
        ]),
      ),
    ),
    ...['transfer-encoding', 'connection', 'upgrade', 'te', 'host', 'content-length', 'x\r\ny', ' x', 'x:', 'X'].map(
      (name) =>
        frames(
          frame(TYPE.HEADERS, END_HEADERS, 1, requestBlock('POST', '/x', [[name, 'chunked']])),
          frame(TYPE.DATA, END_STREAM, 1, Buffer.from('0\r\n\r\n')),
        ),
    ),
    ...['/ HTTP/1.1\r\nx: y', '/\r\n\r\nGET /evil', '', '*', 'x', '/a b', '/#'].map((path) =>
      frames(frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, requestBlock('GET', path))),
    ),
  ],
  h2Responses: [
    frames(
      frame(TYPE.HEADERS, END_HEADERS, 1, Buffer.concat([status('200'), literal('content-length', '5')])),
      frame(TYPE.DATA, END_STREAM, 1, Buffer.from('hello')),
    ),
    frames(
      frame(TYPE.HEADERS, END_HEADERS, 1, status('103')),
      frame(TYPE.HEADERS, END_HEADERS, 1, status('200')),
      frame(TYPE.DATA, 0, 1, Buffer.from('hello')),
      frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, literal('grpc-status', '0')),
    ),
    frames(frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, status('204'))),
    frames(frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([status('200'), literal('x', 'a\r\nb: c')]))),
    frames(frame(TYPE.GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0)]))),
    // Found by the fuzzer: a control character in a trailer reached HTTP/1.1.
    frames(
      frame(TYPE.HEADERS, END_HEADERS, 1, status('200')),
      frame(TYPE.DATA, 0, 1, Buffer.from('hello')),
      frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, literal('grpc-status', '\x01')),
    ),
    frames(frame(TYPE.RST_STREAM, 0, 1, u32(7))),
    frames(frame(TYPE.PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([u32(2), requestBlock('GET', '/pushed')]))),
  ],
  hpack: [
    requestBlock('GET', '/x', [['a', 'b']]),
    Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'),
    Buffer.from('4003666f6f03626172be20be3fe11f', 'hex'),
    Buffer.from(
      '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      'hex',
    ),
  ],
} as const;
