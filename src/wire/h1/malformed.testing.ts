// Requests that must be refused, each with the paragraph that says so.

import type { H1ErrorCode } from './errors.ts';

export interface Malformed {
  readonly what: string;
  readonly paragraph: string;
  readonly bytes: string;
  readonly code: H1ErrorCode;
}

const post = 'POST / HTTP/1.1\r\nHost: a\r\n';

export const MALFORMED: readonly Malformed[] = [
  {
    what: 'two spaces in the request line',
    paragraph: 'RFC 9112 §3',
    bytes: 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.request_line',
  },
  { what: 'no target', paragraph: 'RFC 9112 §3', bytes: 'GET HTTP/1.1\r\nHost: a\r\n\r\n', code: 'http1.request_line' },
  {
    what: 'a space within the target',
    paragraph: 'RFC 9112 §3.2',
    bytes: 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.request_line',
  },
  {
    what: 'a trailing space',
    paragraph: 'RFC 9112 §3',
    bytes: 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n',
    code: 'http1.request_line',
  },
  { what: 'HTTP/0.9', paragraph: 'RFC 9112 §3', bytes: 'GET /\r\nHost: a\r\n\r\n', code: 'http1.request_line' },
  {
    what: 'a method with a separator',
    paragraph: 'RFC 9110 §9.1',
    bytes: 'GE(T / HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.invalid_method',
  },
  {
    what: 'a version in lower case',
    paragraph: 'RFC 9112 §2.3',
    bytes: 'GET / http/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.request_line',
  },
  { what: 'HTTP/1.2', paragraph: 'RFC 9112 §2.3', bytes: 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', code: 'http1.version' },
  {
    what: 'HTTP/2.0 without the preface',
    paragraph: 'RFC 9112 §2.3',
    bytes: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
    code: 'http1.version',
  },
  {
    what: 'a relative target',
    paragraph: 'RFC 9112 §3.2',
    bytes: 'GET a HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.invalid_url',
  },
  {
    what: 'a fragment',
    paragraph: 'RFC 9112 §3.2',
    bytes: 'GET /#x HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.invalid_url',
  },
  {
    what: 'absolute form without authority',
    paragraph: 'RFC 9112 §3.2.2',
    bytes: 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.invalid_url',
  },
  {
    what: 'user information in the target',
    paragraph: 'RFC 9110 §4.2.4',
    bytes: 'GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.invalid_url',
  },
  {
    what: 'CONNECT without a port',
    paragraph: 'RFC 9112 §3.2.3',
    bytes: 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.invalid_url',
  },
  {
    what: 'asterisk form with GET',
    paragraph: 'RFC 9112 §3.2.4',
    bytes: 'GET * HTTP/1.1\r\nHost: a\r\n\r\n',
    code: 'http1.invalid_url',
  },
  { what: 'no Host', paragraph: 'RFC 9112 §3.2', bytes: 'GET / HTTP/1.1\r\n\r\n', code: 'http1.missing_host' },
  {
    what: 'two Hosts',
    paragraph: 'RFC 9112 §3.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
    code: 'http1.duplicate_host',
  },
  {
    what: 'a Host with a path',
    paragraph: 'RFC 9112 §3.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
    code: 'http1.invalid_host',
  },
  {
    what: 'a Host with user information',
    paragraph: 'RFC 9112 §3.2',
    bytes: 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n',
    code: 'http1.invalid_host',
  },
  {
    what: 'a Host with a space',
    paragraph: 'RFC 9112 §3.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
    code: 'http1.invalid_host',
  },
  {
    what: 'bare LF as line end',
    paragraph: 'RFC 9112 §2.2',
    bytes: 'GET / HTTP/1.1\nHost: a\r\n\r\n',
    code: 'http1.invalid_characters',
  },
  {
    what: 'bare LF within a value',
    paragraph: 'RFC 9112 §2.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n',
    code: 'http1.invalid_characters',
  },
  {
    what: 'bare CR within a value',
    paragraph: 'RFC 9112 §2.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n',
    code: 'http1.invalid_characters',
  },
  {
    what: 'NUL within a value',
    paragraph: 'RFC 9110 §5.5',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n',
    code: 'http1.invalid_characters',
  },
  {
    what: 'DEL within a name',
    paragraph: 'RFC 9110 §5.1',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nX\x7f: a\r\n\r\n',
    code: 'http1.invalid_characters',
  },
  {
    what: 'a folded line',
    paragraph: 'RFC 9112 §5.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n',
    code: 'http1.obs_fold',
  },
  {
    what: 'a folded line with a colon',
    paragraph: 'RFC 9112 §5.2',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tY: b\r\n\r\n',
    code: 'http1.obs_fold',
  },
  {
    what: 'white space before the first field',
    paragraph: 'RFC 9112 §2.2',
    bytes: 'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
    code: 'http1.obs_fold',
  },
  {
    what: 'a space before the colon',
    paragraph: 'RFC 9112 §5.1',
    bytes: 'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
    code: 'http1.space_before_colon',
  },
  {
    what: 'a line without a colon',
    paragraph: 'RFC 9112 §5',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n',
    code: 'http1.field_line',
  },
  {
    what: 'an empty name',
    paragraph: 'RFC 9110 §5.1',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n',
    code: 'http1.invalid_name',
  },
  {
    what: 'a name with a separator',
    paragraph: 'RFC 9110 §5.1',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n',
    code: 'http1.invalid_name',
  },
  {
    what: 'length and chunks',
    paragraph: 'RFC 9112 §6.3',
    bytes: `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
    code: 'http1.content_length_and_chunked',
  },
  {
    what: 'two equal lengths',
    paragraph: 'RFC 9112 §6.3',
    bytes: `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\n`,
    code: 'http1.duplicate_content_length',
  },
  {
    what: 'a list of lengths',
    paragraph: 'RFC 9112 §6.3',
    bytes: `${post}Content-Length: 3, 3\r\n\r\n`,
    code: 'http1.content_length',
  },
  {
    what: 'a signed length',
    paragraph: 'RFC 9110 §8.6',
    bytes: `${post}Content-Length: +3\r\n\r\n`,
    code: 'http1.content_length',
  },
  {
    what: 'a hexadecimal length',
    paragraph: 'RFC 9110 §8.6',
    bytes: `${post}Content-Length: 0x3\r\n\r\n`,
    code: 'http1.content_length',
  },
  {
    what: 'an empty length',
    paragraph: 'RFC 9110 §8.6',
    bytes: `${post}Content-Length: \r\n\r\n`,
    code: 'http1.content_length',
  },
  {
    what: 'a length beyond all bounds',
    paragraph: 'RFC 9110 §8.6',
    bytes: `${post}Content-Length: 99999999999999999999\r\n\r\n`,
    code: 'http1.content_length',
  },
  {
    what: 'gzip and chunked',
    paragraph: 'RFC 9112 §6.1',
    bytes: `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    code: 'http1.transfer_encoding',
  },
  {
    what: 'chunked twice',
    paragraph: 'RFC 9112 §6.1',
    bytes: `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    code: 'http1.transfer_encoding',
  },
  {
    what: 'identity',
    paragraph: 'RFC 9112 §6.1',
    bytes: `${post}Transfer-Encoding: identity\r\n\r\n`,
    code: 'http1.transfer_encoding',
  },
  {
    what: 'a vertical tab before chunked',
    paragraph: 'RFC 9112 §6.1',
    bytes: `${post}Transfer-Encoding: \x0bchunked\r\n\r\n`,
    code: 'http1.invalid_characters',
  },
  {
    what: 'quoted chunked',
    paragraph: 'RFC 9112 §6.1',
    bytes: `${post}Transfer-Encoding: "chunked"\r\n\r\n`,
    code: 'http1.transfer_encoding',
  },
  {
    what: 'chunks in HTTP/1.0',
    paragraph: 'RFC 9112 §6.1',
    bytes: 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
    code: 'http1.transfer_encoding_1_0',
  },
  {
    what: 'Connection that takes cookies away',
    paragraph: 'RFC 9110 §7.6.1',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\nConnection: cookie\r\n\r\n',
    code: 'http1.connection_nominates',
  },
  {
    what: 'Connection that takes x-forwarded-for away',
    paragraph: 'RFC 9110 §7.6.1',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-forwarded-for\r\n\r\n',
    code: 'http1.connection_nominates',
  },
];

/** Bodies after "Transfer-Encoding: chunked". */
export const MALFORMED_CHUNKS: readonly Malformed[] = [
  { what: 'no digits', paragraph: 'RFC 9112 §7.1', bytes: '\r\nabc\r\n0\r\n\r\n', code: 'http1.chunk_size' },
  { what: 'a prefix 0x', paragraph: 'RFC 9112 §7.1', bytes: '0x3\r\nabc\r\n0\r\n\r\n', code: 'http1.chunk_size' },
  { what: 'a sign', paragraph: 'RFC 9112 §7.1', bytes: '-3\r\nabc\r\n0\r\n\r\n', code: 'http1.chunk_size' },
  {
    what: 'a space behind the size',
    paragraph: 'RFC 9112 §7.1',
    bytes: '3 \r\nabc\r\n0\r\n\r\n',
    code: 'http1.chunk_size',
  },
  {
    what: 'a size beyond all bounds',
    paragraph: 'RFC 9112 §7.1',
    bytes: 'fffffffffffffffff\r\n',
    code: 'http1.chunk_size',
  },
  {
    what: 'bare LF behind the size',
    paragraph: 'RFC 9112 §7.1',
    bytes: '3\nabc\r\n0\r\n\r\n',
    code: 'http1.chunk_size',
  },
  {
    what: 'bare LF in an extension',
    paragraph: 'RFC 9112 §7.1.1',
    bytes: '3;a\nbc\r\nabc\r\n0\r\n\r\n',
    code: 'http1.chunk_extension',
  },
  {
    what: 'an endless extension',
    paragraph: 'RFC 9112 §7.1.1',
    bytes: `3;${'a'.repeat(400)}`,
    code: 'http1.chunk_extension',
  },
  {
    what: 'junk behind the data',
    paragraph: 'RFC 9112 §7.1',
    bytes: '3\r\nabcX\r\n0\r\n\r\n',
    code: 'http1.chunk_end',
  },
  {
    what: 'LF alone behind the data',
    paragraph: 'RFC 9112 §7.1',
    bytes: '3\r\nabc\n0\r\n\r\n',
    code: 'http1.chunk_end',
  },
  { what: 'a folded trailer', paragraph: 'RFC 9112 §7.1.2', bytes: '0\r\nA: b\r\n c\r\n\r\n', code: 'http1.trailer' },
  {
    what: 'NUL in a trailer',
    paragraph: 'RFC 9112 §7.1.2',
    bytes: '0\r\nA: \0\r\n\r\n',
    code: 'http1.invalid_characters',
  },
  {
    what: 'a length and a coding among its trailers',
    paragraph: 'RFC 9110 §6.5.1',
    bytes: '0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    code: 'http1.trailer',
  },
];
