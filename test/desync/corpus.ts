// Requests that two readers might cut at different places. "/smuggled" must never be a request to the server behind.
import { MALFORMED, MALFORMED_CHUNKS } from '../../src/wire/h1/malformed.testing.ts';
import { END_HEADERS, END_STREAM, frame, literal, PREFACE, requestBlock, TYPE } from '../floods/raw-h2.ts';

export interface Entry {
  readonly what: string;
  readonly bytes: Buffer;
  /** HTTP/2 to the proxy. */
  readonly h2?: boolean;
  /** Requests that reach the server; undefined = none may be taken for whole. */
  readonly arrive?: readonly string[];
}

const EVIL = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST /entry HTTP/1.1\r\nHost: a\r\n';
const LONG = `${EVIL.length}`;

function h1(what: string, text: string, arrive?: readonly string[]): Entry {
  const bytes = Buffer.from(text, 'latin1');
  return arrive === undefined ? { what, bytes } : { what, bytes, arrive };
}

/** A body that one reader ends by length and another by chunks. */
const lengthsAndCodings: readonly Entry[] = [
  h1(
    'length, then chunks',
    `${POST}Content-Length: ${5 + EVIL.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${EVIL}`,
  ),
  h1('chunks, then length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${EVIL}`),
  ...[
    'Transfer-Encoding : chunked',
    'Transfer-Encoding:\x0bchunked',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: identity, chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: cow',
    'Transfer-Encoding: cow\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding: chunked\x00',
    'Transfer-Encoding\n : chunked',
    'X: y\nTransfer-Encoding: chunked',
    ' Transfer-Encoding: chunked',
    'X: y\r\n Transfer-Encoding: chunked',
    'X: y\rTransfer-Encoding: chunked',
    'Transfer-Encoding: \r\n chunked',
    '\x00Transfer-Encoding: chunked',
    'Transfer-Encoding\x00: chunked',
  ].map((field) =>
    h1(JSON.stringify(field), `${POST}Content-Length: ${5 + EVIL.length}\r\n${field}\r\n\r\n0\r\n\r\n${EVIL}`),
  ),
  ...['Transfer_Encoding: chunked', 'X-Transfer-Encoding: chunked', 'TE: chunked'].map((field) =>
    h1(`${field} is no coding`, `${POST}Content-Length: ${5 + EVIL.length}\r\n${field}\r\n\r\n0\r\n\r\n${EVIL}`, [
      'POST /entry',
    ]),
  ),
  ...['+5', '-1', '0x5', '5, 5', '5 5', '5;', '5.0', '', '5\r\nContent-Length: 6', '99999999999999999999'].map(
    (length) => h1(`length ${JSON.stringify(length)}`, `${POST}Content-Length: ${length}\r\n\r\nhello${EVIL}`),
  ),
  h1('a length with a space before its colon', `${POST}Content-Length : ${LONG}\r\n\r\n${EVIL}`),
  h1('Content_Length is no length', `${POST}Content_Length: ${LONG}\r\nContent-Length: 0\r\n\r\n`, ['POST /entry']),
  h1('a length with zeros in front', `${POST}Content-Length: 0${LONG}\r\n\r\n${EVIL}`, ['POST /entry']),
  h1('a GET with a body', `GET /entry HTTP/1.1\r\nHost: a\r\nContent-Length: ${LONG}\r\n\r\n${EVIL}`, ['GET /entry']),
  h1(
    'a GET with chunks',
    `GET /entry HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${EVIL.length.toString(16)}\r\n${EVIL}\r\n0\r\n\r\n`,
    ['GET /entry'],
  ),
  h1('Connection takes the length away', `${POST}Connection: Content-Length\r\nContent-Length: ${LONG}\r\n\r\n${EVIL}`),
  h1(
    'Connection takes the coding away',
    `${POST}Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  // The offer goes no further, and is not taken: what follows is HTTP/1.1.
  ...[
    ['an upgrade to h2c', ''],
    ['an upgrade to h2c, and HTTP/2 at once', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ].map(([what = '', after = '']) =>
    h1(
      what,
      `GET /entry HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n${after}`,
      ['GET /entry'],
    ),
  ),
  h1('two requests at once', 'GET /entry HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n', [
    'GET /entry',
    'GET /second',
  ]),
  h1(
    'chunks, then another request',
    `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n`,
    ['POST /entry', 'GET /second'],
  ),
  h1('absolute form of another host', 'GET http://b/entry HTTP/1.1\r\nHost: a\r\n\r\n', ['GET /entry']),
];

const chunk = (body: string): string => `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`;

const chunks: readonly Entry[] = [
  ...[
    '5 \r\nhello',
    ' 5\r\nhello',
    '+5\r\nhello',
    '-5\r\nhello',
    '0x5\r\nhello',
    '5\nhello',
    '5\r\r\nhello',
    '5\r\nhello\n',
    '5\r\nhelloX\r\n',
    '100000000000000005\r\nhello',
    '5;\x00\r\nhello',
    '5;a\nb\r\nhello',
  ].map((body) => h1(`chunk ${JSON.stringify(body)}`, chunk(`${body}\r\n0\r\n\r\n${EVIL}`))),
  h1('an extension is thrown away', chunk(`5;a="b;c"\r\nhello\r\n0;z\r\n\r\n`), ['POST /entry']),
  h1('a last chunk of many zeros', chunk('5\r\nhello\r\n0000\r\n\r\n'), ['POST /entry']),
  h1(
    'trailers that frame',
    chunk(`5\r\nhello\r\n0\r\nContent-Length: ${LONG}\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n`),
    undefined,
  ),
  h1('trailers', chunk('5\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\n'), ['POST /entry']),
  h1('a folded trailer', chunk(`5\r\nhello\r\n0\r\nX: y\r\n z: ${EVIL}\r\n\r\n`)),
];

const post = (fields: readonly (readonly [string, string])[], body: string, trailers?: Buffer): Buffer =>
  Buffer.concat([
    PREFACE,
    frame(TYPE.SETTINGS, 0, 0),
    frame(TYPE.HEADERS, END_HEADERS, 1, requestBlock('POST', '/entry', fields)),
    frame(TYPE.DATA, trailers === undefined ? END_STREAM : 0, 1, Buffer.from(body)),
    ...(trailers === undefined ? [] : [frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, trailers)]),
  ]);

function block(method: string, scheme: string, path: string, authority: string): Buffer {
  return Buffer.concat([
    literal(':method', method),
    literal(':scheme', scheme),
    literal(':path', path),
    literal(':authority', authority),
  ]);
}

const get = (fields: Buffer): Buffer =>
  Buffer.concat([PREFACE, frame(TYPE.SETTINGS, 0, 0), frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, fields)]);

const CRLF = `x\r\n\r\n${EVIL}`;

const downgrades: readonly Entry[] = [
  { what: 'h2: transfer-encoding', bytes: post([['transfer-encoding', 'chunked']], `0\r\n\r\n${EVIL}`) },
  { what: 'h2: connection: transfer-encoding', bytes: post([['connection', 'transfer-encoding']], 'x') },
  { what: 'h2: upgrade', bytes: post([['upgrade', 'h2c']], 'x') },
  { what: 'h2: te: chunked', bytes: post([['te', 'chunked']], `0\r\n\r\n${EVIL}`) },
  { what: 'h2: a length of zero with a body', bytes: post([['content-length', '0']], EVIL) },
  { what: 'h2: a length below the body', bytes: post([['content-length', '5']], `hello${EVIL}`) },
  { what: 'h2: a length above the body', bytes: post([['content-length', '500']], EVIL) },
  {
    what: 'h2: two lengths',
    bytes: post(
      [
        ['content-length', '5'],
        ['content-length', LONG],
      ],
      EVIL,
    ),
  },
  { what: 'h2: a length with a sign', bytes: post([['content-length', `+${LONG}`]], EVIL) },
  { what: 'h2: a value with CRLF', bytes: post([['x', CRLF]], 'x') },
  { what: 'h2: a value with LF', bytes: post([['x', 'y\ntransfer-encoding: chunked']], `0\r\n\r\n${EVIL}`) },
  { what: 'h2: a value with NUL', bytes: post([['x', 'y\0']], 'x') },
  { what: 'h2: a name with CRLF', bytes: post([[`x: y\r\ntransfer-encoding`, 'chunked']], `0\r\n\r\n${EVIL}`) },
  { what: 'h2: a name with a colon', bytes: post([['transfer-encoding: chunked\r\nx', 'y']], `0\r\n\r\n${EVIL}`) },
  { what: 'h2: a name with a space', bytes: post([['transfer-encoding ', 'chunked']], `0\r\n\r\n${EVIL}`) },
  { what: 'h2: an upper-case name', bytes: post([['Transfer-Encoding', 'chunked']], `0\r\n\r\n${EVIL}`) },
  { what: 'h2: a cookie with CRLF', bytes: post([['cookie', CRLF]], 'x') },
  { what: 'h2: host differs', bytes: post([['host', 'b']], 'x') },
  { what: 'h2: a path with CRLF', bytes: get(block('GET', 'http', `/entry HTTP/1.1\r\nHost: a\r\n\r\n${EVIL}`, 'a')) },
  { what: 'h2: a path with a space', bytes: get(block('GET', 'http', '/smuggled HTTP/1.1', 'a')) },
  { what: 'h2: a path without a slash', bytes: get(block('GET', 'http', '@b/smuggled', 'a')) },
  { what: 'h2: a method with a space', bytes: get(block('GET /smuggled HTTP/1.1\r\nX:', 'http', '/entry', 'a')) },
  { what: 'h2: an authority with CRLF', bytes: get(block('GET', 'http', '/entry', `a\r\n\r\n${EVIL}`)) },
  { what: 'h2: an authority with a path', bytes: get(block('GET', 'http', '/entry', 'a/smuggled?')) },
  { what: 'h2: a scheme with a path', bytes: get(block('GET', 'http://a/smuggled?', '/entry', 'a')) },
  {
    what: 'h2: trailers that frame',
    bytes: post([], 'hello', Buffer.concat([literal('transfer-encoding', 'chunked')])),
  },
  { what: 'h2: trailers with CRLF', bytes: post([], 'hello', literal('x', CRLF)) },
  { what: 'h2: a body that looks like a request', bytes: post([], EVIL), arrive: ['POST /entry'] },
  {
    what: 'h2: a body that looks like chunks',
    bytes: post([['content-length', String(5 + EVIL.length)]], `0\r\n\r\n${EVIL}`),
    arrive: ['POST /entry'],
  },
].map((entry) => ({ ...entry, h2: true }));

export const CORPUS: readonly Entry[] = [
  ...MALFORMED.map(({ what, bytes }) => h1(what, `${bytes}${EVIL}`)),
  ...MALFORMED_CHUNKS.map(({ what, bytes }) => h1(`chunks: ${what}`, chunk(`${bytes}${EVIL}`))),
  ...lengthsAndCodings,
  ...chunks,
  ...downgrades,
];
