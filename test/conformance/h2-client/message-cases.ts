// What a server may do wrong with messages and header blocks: RFC 9113 §8, RFC 7541.
import assert from 'node:assert/strict';
import { END_HEADERS, END_STREAM, frame, integer, literal, TYPE, u32 } from '../../floods/raw-h2.ts';
import { type Case, data, head } from './bench.ts';

const PROTOCOL = [1];
const COMPRESSION = [9];
const OK = Buffer.from([0x88]);
const END = END_HEADERS | END_STREAM;
const both = (...all: readonly Buffer[]): Buffer => Buffer.concat(all);
const status = (code: string): Buffer => literal(':status', code);
/** A whole response with this field. */
const having = (name: string, value: string): Buffer => head(1, END, both(OK, literal(name, value)));
const malformed = (section: string, what: string, send: Buffer): Case => ({ section, what, send, reset: PROTOCOL });
const undecodable = (section: string, what: string, block: Buffer): Case => ({
  section,
  what,
  send: head(1, END, block),
  goaway: COMPRESSION,
});

export const MESSAGE_CASES: readonly Case[] = [
  {
    section: '8.1',
    what: 'interim responses before the final one',
    send: both(head(1, END_HEADERS, status('103')), head(1, END_HEADERS, status('100')), head(1, END, OK)),
    fine: true,
    also: (told) => assert.deepEqual(told.informational, [103, 100]),
  },
  {
    section: '8.1',
    what: 'trailers',
    send: both(head(1, END_HEADERS, OK), data(1, 'x'), head(1, END, literal('a', 'b'))),
    fine: true,
    also: (told) => assert.equal(told.trailers?.get('a'), 'b'),
  },
  malformed('8.1', 'an interim response that ends the stream', head(1, END, status('103'))),
  malformed(
    '8.1',
    'a second head without END_STREAM',
    both(head(1, END_HEADERS, OK), head(1, END_HEADERS, literal('a', 'b'))),
  ),
  malformed('8.1', 'a pseudo-header field in trailers', both(head(1, END_HEADERS, OK), head(1, END, OK))),
  malformed('8.6', 'status 101', head(1, END_HEADERS, status('101'))),
  malformed(
    '8.1.1',
    'less body than content-length',
    both(head(1, END_HEADERS, both(OK, literal('content-length', '5'))), data(1, 'abc', true)),
  ),
  malformed(
    '8.1.1',
    'more body than content-length',
    both(head(1, END_HEADERS, both(OK, literal('content-length', '1'))), data(1, 'abc', true)),
  ),
  malformed('8.1.1', 'content-length and no body', head(1, END, both(OK, literal('content-length', '5')))),
  malformed(
    '8.1.1',
    'less body than content-length before trailers',
    both(
      head(1, END_HEADERS, both(OK, literal('content-length', '5'))),
      data(1, 'abc'),
      head(1, END, literal('a', 'b')),
    ),
  ),
  malformed(
    '8.1.1',
    'two lengths that differ',
    head(1, END, both(OK, literal('content-length', '0'), literal('content-length', '1'))),
  ),
  malformed('8.1.1', 'a length that is no number', head(1, END, both(OK, literal('content-length', '0x0')))),
  {
    section: '8.1.1',
    what: 'content-length of what HEAD leaves out',
    method: 'HEAD',
    send: head(1, END, both(OK, literal('content-length', '5'))),
    fine: true,
  },
  {
    section: '8.1.1',
    what: 'content-length of what 304 leaves out',
    send: head(1, END, both(status('304'), literal('content-length', '5'))),
    also: (told) => assert.deepEqual([told.status, told.ended], [304, true]),
  },
  malformed('8.2.1', 'a name with an upper-case letter', having('X-a', 'b')),
  malformed('8.2.1', 'an empty name', having('', 'b')),
  malformed('8.2.1', 'a name with a space', having('a b', 'c')),
  malformed('8.2.1', 'a name with a colon', having('a:b', 'c')),
  malformed('8.2.1', 'a name with a control', having('a\x01', 'c')),
  malformed('8.2.1', 'a name above ASCII', having('\xe4', 'c')),
  malformed('8.2.1', 'a value with NUL', having('a', 'b\0')),
  malformed('8.2.1', 'a value with CR', having('a', 'b\rc')),
  malformed('8.2.1', 'a value with LF', having('a', 'b\nc')),
  malformed('8.2.1', 'a value with another control', having('a', 'b\x01')),
  malformed('8.2.1', 'a value that begins with a space', having('a', ' b')),
  malformed('8.2.1', 'a value that ends with a tab', having('a', 'b\t')),
  malformed('8.2.1', 'a trailer with a control', both(head(1, END_HEADERS, OK), head(1, END, literal('a', '\x01')))),
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) =>
    malformed('8.2.2', `${name} in a response`, having(name, 'x')),
  ),
  malformed(
    '8.2.2',
    'transfer-encoding in trailers',
    both(head(1, END_HEADERS, OK), head(1, END, literal('transfer-encoding', 'chunked'))),
  ),
  malformed('8.3', 'an unknown pseudo-header field', having(':x', 'y')),
  malformed('8.3', 'a pseudo-header field of requests', having(':path', '/')),
  malformed('8.3', 'a pseudo-header field behind a regular one', head(1, END, both(literal('a', 'b'), OK))),
  malformed('8.3', ':status twice', head(1, END, both(OK, OK))),
  malformed('8.3.2', 'no :status', head(1, END, literal('a', 'b'))),
  malformed('8.3.2', 'an empty header block', head(1, END, Buffer.alloc(0))),
  ...['', '20', 'abc', '0200', '99', '2 0'].map((code) =>
    malformed('8.3.2', `:status "${code}"`, head(1, END, status(code))),
  ),
  {
    section: '8.4',
    what: 'a push on a stream of ours',
    send: frame(TYPE.PUSH_PROMISE, END_HEADERS, 1, both(u32(2), Buffer.from([0x82]))),
    goaway: PROTOCOL,
  },
  {
    section: '8.5',
    what: 'a tunnel carries bytes behind 200',
    method: 'CONNECT',
    upload: true,
    send: both(head(1, END_HEADERS, OK), data(1, 'bytes')),
    also: (told) => assert.deepEqual([told.status, told.bytes, told.ended], [200, 5, false]),
  },
  {
    section: '8.7',
    what: 'REFUSED_STREAM: nothing was done',
    send: frame(TYPE.RST_STREAM, 0, 1, u32(7)),
    also: (told) => assert.deepEqual([told.reset, told.processed], ['refused-stream', false]),
  },
  malformed(
    '10.5.1',
    'a header list above what we announced',
    head(
      1,
      END,
      both(OK, Buffer.from([0x40]), literal('a', 'x'.repeat(3_900)).subarray(1), Buffer.alloc(40, 0x80 | 62)),
    ),
  ),

  undecodable('RFC 7541 2.3.3', 'an index above the tables', Buffer.from([0xff, 0x80, 0x01])),
  undecodable('RFC 7541 6.1', 'index 0', Buffer.from([0x80])),
  undecodable('RFC 7541 4.2', 'a size update behind a field', both(OK, Buffer.from([0x20]))),
  undecodable(
    'RFC 7541 6.3',
    'a size update above the limit',
    both(Buffer.from([0x3f]), Buffer.from([0xff, 0xff, 0x03]), OK),
  ),
  undecodable(
    'RFC 7541 5.1',
    'an integer that never ends',
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  ),
  undecodable('RFC 7541 5.1', 'an integer that is cut off', Buffer.from([0xff])),
  undecodable(
    'RFC 7541 5.2',
    'a string that is cut off',
    both(OK, Buffer.from([0x00]), integer(5, 7), Buffer.from('ab')),
  ),
  undecodable(
    'RFC 7541 5.2',
    'Huffman padding of more than seven bits',
    both(OK, Buffer.from([0x00, 0x81, 0x1f, 0x82, 0x1f, 0xff])),
  ),
  undecodable('RFC 7541 5.2', 'Huffman padding that is not EOS', both(OK, Buffer.from([0x00, 0x81, 0x18, 0x81, 0x18]))),
  undecodable(
    'RFC 7541 5.2',
    'the EOS symbol in a string',
    both(OK, Buffer.from([0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00])),
  ),
  {
    section: 'RFC 7541 4.2',
    what: 'a size update at the beginning',
    send: head(1, END, both(Buffer.from([0x20]), OK)),
    fine: true,
  },
  {
    section: 'RFC 7541 6.2.1',
    what: 'a field enters the table and is named again',
    send: both(
      head(1, END_HEADERS, both(OK, Buffer.from([0x40, 1, 97, 1, 98]))),
      head(1, END, Buffer.from([0x80 | 62])),
    ),
    fine: true,
    also: (told) => assert.equal(told.trailers?.get('a'), 'b'),
  },
];
