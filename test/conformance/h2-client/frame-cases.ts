// What a server may do wrong with frames, and what it may do right: RFC 9113 §3 to §7.
import assert from 'node:assert/strict';
import { ACK, END_HEADERS, END_STREAM, frame, literal, setting, TYPE, u32 } from '../../floods/raw-h2.ts';
import { type Case, data, head, SETTINGS } from './bench.ts';

const PROTOCOL = [1];
const FLOW = [3];
const CLOSED = [5];
const SIZE = [6];
const CALM = [11];
const OK = Buffer.from([0x88]);
const END = END_HEADERS | END_STREAM;
const good = head(1, END, OK);
const both = (...all: readonly Buffer[]): Buffer => Buffer.concat(all);
const settings = (id: number, value: number): Buffer => frame(TYPE.SETTINGS, 0, 0, setting(id, value));
const many = (count: number, one: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => one));

export const FRAME_CASES: readonly Case[] = [
  {
    section: '3.4',
    what: 'the first frame is a PING',
    bare: true,
    send: frame(TYPE.PING, 0, 0, Buffer.alloc(8)),
    goaway: PROTOCOL,
  },
  {
    section: '3.4',
    what: 'the first frame acknowledges SETTINGS',
    bare: true,
    send: frame(TYPE.SETTINGS, ACK, 0),
    goaway: PROTOCOL,
  },
  {
    section: '3.4',
    what: 'HTTP/1.1 comes instead',
    bare: true,
    send: Buffer.from('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'),
    goaway: [1, 6],
  },
  { section: '3.4', what: 'the first frame is an empty SETTINGS', bare: true, send: both(SETTINGS, good), fine: true },

  {
    section: '4.1',
    what: 'a frame of an unknown type is ignored',
    send: both(frame(0xbe, 0, 0, Buffer.from('x')), good),
    fine: true,
  },
  {
    section: '4.1',
    what: 'unknown flags are ignored',
    send: both(frame(TYPE.PING, 0xfe, 0, Buffer.alloc(8)), good),
    fine: true,
  },
  {
    section: '4.1',
    what: 'the reserved bit is ignored',
    send: both(frame(TYPE.PING, 0, 0x8000_0000, Buffer.alloc(8)), good),
    fine: true,
  },
  {
    section: '4.2',
    what: 'a DATA frame of 2^14 bytes',
    send: both(head(1, END_HEADERS, OK), data(1, Buffer.alloc(16_384), true)),
    fine: true,
  },
  {
    section: '4.2',
    what: 'a DATA frame above the announced size',
    send: both(head(1, END_HEADERS, OK), data(1, Buffer.alloc(16_385))),
    goaway: SIZE,
  },
  {
    section: '4.2',
    what: 'a HEADERS frame above the announced size',
    send: head(1, END, Buffer.alloc(16_385, 0x88)),
    goaway: SIZE,
  },
  {
    section: '4.2',
    what: 'a SETTINGS frame above the announced size',
    send: frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(16_386)),
    goaway: SIZE,
  },
  {
    section: '4.3',
    what: 'a header block that can not be decoded',
    send: head(1, END, Buffer.from([0x40])),
    goaway: [9],
  },
  {
    section: '4.3',
    what: 'PRIORITY within a header block',
    send: both(head(1, 0, OK), frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(5))),
    goaway: PROTOCOL,
  },
  {
    section: '4.3',
    what: 'HEADERS of another stream within a header block',
    send: both(head(1, 0, OK), head(3, END, OK)),
    goaway: PROTOCOL,
  },
  {
    section: '4.3',
    what: 'an unknown frame within a header block',
    send: both(head(1, 0, OK), frame(0xbe, 0, 1)),
    goaway: PROTOCOL,
  },

  { section: '5.1', what: 'DATA on an idle stream', send: data(3, 'x'), goaway: PROTOCOL },
  { section: '5.1', what: 'HEADERS on an idle stream', send: head(3, END, OK), goaway: PROTOCOL },
  {
    section: '5.1',
    what: 'RST_STREAM on an idle stream',
    send: frame(TYPE.RST_STREAM, 0, 3, u32(8)),
    goaway: PROTOCOL,
  },
  {
    section: '5.1',
    what: 'WINDOW_UPDATE on an idle stream',
    send: frame(TYPE.WINDOW_UPDATE, 0, 3, u32(1)),
    goaway: PROTOCOL,
  },
  {
    section: '5.1',
    what: 'CONTINUATION on an idle stream',
    send: frame(TYPE.CONTINUATION, END_HEADERS, 3, OK),
    goaway: PROTOCOL,
  },
  {
    section: '5.1',
    what: 'DATA after the response ended while we upload',
    upload: true,
    send: both(good, data(1, 'x')),
    reset: CLOSED,
    goaway: CLOSED,
  },
  {
    section: '5.1',
    what: 'HEADERS after the response ended while we upload',
    upload: true,
    send: both(good, head(1, END, OK)),
    reset: CLOSED,
    goaway: CLOSED,
  },
  { section: '5.1', what: 'DATA on a closed stream', send: both(good, data(1, 'x')), reset: CLOSED, goaway: CLOSED },
  {
    section: '5.1',
    what: 'HEADERS on a closed stream',
    send: both(good, head(1, END, OK)),
    reset: CLOSED,
    goaway: CLOSED,
  },
  {
    section: '5.1',
    what: 'DATA after the server reset the stream',
    send: both(frame(TYPE.RST_STREAM, 0, 1, u32(8)), data(1, 'x')),
    reset: CLOSED,
    goaway: CLOSED,
  },
  {
    section: '5.1',
    what: 'CONTINUATION on a closed stream',
    send: both(good, frame(TYPE.CONTINUATION, END_HEADERS, 1, OK)),
    goaway: [1, 5],
  },
  {
    section: '5.1',
    what: 'PRIORITY, WINDOW_UPDATE and RST_STREAM on a closed stream are ignored',
    send: both(
      good,
      frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(5)),
      frame(TYPE.WINDOW_UPDATE, 0, 1, u32(1)),
      frame(TYPE.RST_STREAM, 0, 1, u32(8)),
    ),
    fine: true,
  },
  {
    section: '5.1',
    what: 'frames that were under way to a stream which we reset are ignored',
    send: both(head(1, END, Buffer.from([0x82])), data(1, 'x'), head(1, END, OK)),
    reset: PROTOCOL,
    also: (_told, frames) => assert.ok(!frames.some((f) => f.type === TYPE.GOAWAY)),
  },
  { section: '5.1.1', what: 'HEADERS on a stream of the server', send: head(2, END, OK), goaway: PROTOCOL },
  {
    section: '5.1.2',
    what: 'no stream above MAX_CONCURRENT_STREAMS',
    upload: true,
    send: settings(3, 1),
    also: (_told, _frames, client) => assert.equal(client.canOpen, false),
  },
  {
    section: '5.1.2',
    what: 'MAX_CONCURRENT_STREAMS of zero lets what is open go on',
    send: both(settings(3, 0), good),
    fine: true,
    also: (_told, _frames, client) => assert.equal(client.canOpen, false),
  },
  {
    section: '5.3.1',
    what: 'PRIORITY that depends on itself',
    send: both(frame(TYPE.PRIORITY, 0, 1, u32Then(1)), good),
    reset: PROTOCOL,
  },
  {
    section: '5.5',
    what: 'extension frames between others',
    send: both(frame(0xbe, 1, 1, Buffer.from('x')), head(1, END_HEADERS, OK), frame(0xbf, 1, 1), data(1, 'x', true)),
    fine: true,
  },

  { section: '6.1', what: 'DATA on stream 0', send: data(0, 'x'), goaway: PROTOCOL },
  {
    section: '6.1',
    what: 'DATA whose padding is longer than it',
    send: both(head(1, END_HEADERS, OK), frame(TYPE.DATA, 8, 1, Buffer.from([5, 1, 2]))),
    goaway: PROTOCOL,
  },
  {
    section: '6.1',
    what: 'padded DATA',
    send: both(head(1, END_HEADERS, OK), frame(TYPE.DATA, 8 | END_STREAM, 1, Buffer.from([2, 65, 66, 0, 0]))),
    fine: true,
    also: (told) => assert.equal(told.bytes, 2),
  },
  { section: '6.1', what: 'DATA before HEADERS', send: data(1, 'x'), reset: PROTOCOL },
  { section: '6.2', what: 'HEADERS on stream 0', send: head(0, END, OK), goaway: PROTOCOL },
  {
    section: '6.2',
    what: 'HEADERS whose padding is longer than it',
    send: head(1, END | 8, Buffer.from([9, 0x88])),
    goaway: PROTOCOL,
  },
  {
    section: '6.2',
    what: 'HEADERS with priority and padding',
    send: head(1, END | 8 | 32, Buffer.from([1, 0, 0, 0, 3, 9, 0x88, 0])),
    fine: true,
  },
  {
    section: '6.2',
    what: 'HEADERS too short for its priority',
    send: head(1, END | 32, Buffer.from([0, 0])),
    goaway: [1, 6],
  },
  {
    section: '6.2',
    what: 'HEADERS that depends on itself',
    send: head(1, END | 32, Buffer.from([0, 0, 0, 1, 9, 0x88])),
    goaway: PROTOCOL,
    reset: PROTOCOL,
  },
  { section: '6.3', what: 'PRIORITY on stream 0', send: frame(TYPE.PRIORITY, 0, 0, Buffer.alloc(5)), goaway: PROTOCOL },
  {
    section: '6.3',
    what: 'PRIORITY of four bytes',
    send: frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(4)),
    reset: SIZE,
    goaway: SIZE,
  },
  { section: '6.4', what: 'RST_STREAM on stream 0', send: frame(TYPE.RST_STREAM, 0, 0, u32(8)), goaway: PROTOCOL },
  {
    section: '6.4',
    what: 'RST_STREAM of three bytes',
    send: frame(TYPE.RST_STREAM, 0, 1, Buffer.alloc(3)),
    goaway: SIZE,
  },
  {
    section: '6.4',
    what: 'RST_STREAM ends the request',
    send: frame(TYPE.RST_STREAM, 0, 1, u32(2)),
    also: (told) => assert.deepEqual([told.reset, told.processed], ['remote-reset', true]),
  },

  {
    section: '6.5',
    what: 'an acknowledgement of SETTINGS with a payload',
    send: frame(TYPE.SETTINGS, ACK, 0, setting(1, 1)),
    goaway: SIZE,
  },
  { section: '6.5', what: 'SETTINGS on a stream', send: frame(TYPE.SETTINGS, 0, 1), goaway: PROTOCOL },
  { section: '6.5', what: 'SETTINGS of five bytes', send: frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(5)), goaway: SIZE },
  { section: '6.5.2', what: 'ENABLE_PUSH of 2', send: settings(2, 2), goaway: PROTOCOL },
  { section: '6.5.2', what: 'ENABLE_PUSH of 1 from a server', send: settings(2, 1), goaway: PROTOCOL },
  { section: '6.5.2', what: 'INITIAL_WINDOW_SIZE above 2^31-1', send: settings(4, 0x8000_0000), goaway: FLOW },
  { section: '6.5.2', what: 'MAX_FRAME_SIZE below 2^14', send: settings(5, 16_383), goaway: PROTOCOL },
  { section: '6.5.2', what: 'MAX_FRAME_SIZE above 2^24-1', send: settings(5, 0x100_0000), goaway: PROTOCOL },
  { section: '6.5.2', what: 'an unknown setting is ignored', send: both(settings(0xff, 1), good), fine: true },
  { section: 'RFC 8441 3', what: 'ENABLE_CONNECT_PROTOCOL of 2', send: settings(8, 2), goaway: PROTOCOL },
  {
    section: '6.5.3',
    what: 'SETTINGS are acknowledged',
    send: both(settings(4, 100_000), good),
    fine: true,
    also: (_told, frames) => assert.equal(frames.filter((f) => f.type === TYPE.SETTINGS && f.flags === ACK).length, 2),
  },
  {
    section: '6.6',
    what: 'PUSH_PROMISE although push is off',
    send: frame(TYPE.PUSH_PROMISE, END_HEADERS, 1, both(u32(2), Buffer.from([0x82, 0x86, 0x84]))),
    goaway: PROTOCOL,
  },
  {
    section: '6.7',
    what: 'PING is answered with its payload',
    send: both(frame(TYPE.PING, 0, 0, Buffer.from('payload!')), good),
    fine: true,
    also: (_told, frames) =>
      assert.ok(frames.some((f) => f.type === TYPE.PING && f.flags === ACK && f.payload.toString() === 'payload!')),
  },
  {
    section: '6.7',
    what: 'an acknowledgement of no PING is ignored',
    send: both(frame(TYPE.PING, ACK, 0, Buffer.alloc(8)), good),
    fine: true,
  },
  { section: '6.7', what: 'PING on a stream', send: frame(TYPE.PING, 0, 1, Buffer.alloc(8)), goaway: PROTOCOL },
  { section: '6.7', what: 'PING of six bytes', send: frame(TYPE.PING, 0, 0, Buffer.alloc(6)), goaway: SIZE },
  { section: '6.8', what: 'GOAWAY on a stream', send: frame(TYPE.GOAWAY, 0, 1, Buffer.alloc(8)), goaway: PROTOCOL },
  { section: '6.8', what: 'GOAWAY of seven bytes', send: frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(7)), goaway: SIZE },
  {
    section: '6.8',
    what: 'a request above the id of GOAWAY was not looked at',
    send: frame(TYPE.GOAWAY, 0, 0, both(u32(0), u32(0))),
    also: (told, _frames, client) =>
      assert.deepEqual([told.reset, told.processed, client.canOpen], ['refused-stream', false, false]),
  },
  {
    section: '6.8',
    what: 'a request up to the id of GOAWAY is served',
    send: both(frame(TYPE.GOAWAY, 0, 0, both(u32(1), u32(0))), good),
    also: (told, _frames, client) => assert.deepEqual([told.status, told.ended, client.canOpen], [200, true, false]),
  },

  {
    section: '6.9',
    what: 'WINDOW_UPDATE of zero on the connection',
    send: frame(TYPE.WINDOW_UPDATE, 0, 0, u32(0)),
    goaway: PROTOCOL,
  },
  {
    section: '6.9',
    what: 'WINDOW_UPDATE of zero on a stream',
    send: frame(TYPE.WINDOW_UPDATE, 0, 1, u32(0)),
    reset: PROTOCOL,
  },
  {
    section: '6.9',
    what: 'WINDOW_UPDATE of three bytes',
    send: frame(TYPE.WINDOW_UPDATE, 0, 0, Buffer.alloc(3)),
    goaway: SIZE,
  },
  {
    section: '6.9.1',
    what: 'a connection window above 2^31-1',
    send: both(frame(TYPE.WINDOW_UPDATE, 0, 0, u32(0x7fff_ffff)), frame(TYPE.WINDOW_UPDATE, 0, 0, u32(1))),
    goaway: FLOW,
  },
  {
    section: '6.9.1',
    what: 'a stream window above 2^31-1',
    send: both(frame(TYPE.WINDOW_UPDATE, 0, 1, u32(0x7fff_ffff)), frame(TYPE.WINDOW_UPDATE, 0, 1, u32(1))),
    reset: FLOW,
  },
  {
    section: '6.9.1',
    what: 'more body than our window while nobody reads',
    paused: true,
    send: both(head(1, END_HEADERS, OK), many(17, data(1, Buffer.alloc(16_384)))),
    reset: FLOW,
  },
  {
    section: '6.9.2',
    what: 'INITIAL_WINDOW_SIZE that takes a window above 2^31-1',
    upload: true,
    send: both(frame(TYPE.WINDOW_UPDATE, 0, 1, u32(0x7fff_0000)), settings(4, 0x7fff_ffff)),
    goaway: FLOW,
  },
  {
    section: '6.10',
    what: 'CONTINUATION behind END_HEADERS',
    upload: true,
    send: both(head(1, END_HEADERS, OK), frame(TYPE.CONTINUATION, END_HEADERS, 1, OK)),
    goaway: PROTOCOL,
  },
  {
    section: '6.10',
    what: 'CONTINUATION on stream 0',
    send: both(head(1, 0, OK), frame(TYPE.CONTINUATION, END_HEADERS, 0, OK)),
    goaway: PROTOCOL,
  },
  {
    section: '6.10',
    what: 'CONTINUATION of another stream',
    send: both(head(1, 0, OK), frame(TYPE.CONTINUATION, END_HEADERS, 3, OK)),
    goaway: PROTOCOL,
  },
  {
    section: '6.10',
    what: 'CONTINUATION behind DATA',
    send: both(head(1, END_HEADERS, OK), data(1, 'x'), frame(TYPE.CONTINUATION, END_HEADERS, 1, OK)),
    goaway: PROTOCOL,
  },
  {
    section: '6.10',
    what: 'a header block over several CONTINUATIONs',
    send: both(
      head(1, END_STREAM, OK),
      frame(TYPE.CONTINUATION, 0, 1, literal('a', 'b')),
      frame(TYPE.CONTINUATION, END_HEADERS, 1, literal('c', 'd')),
    ),
    fine: true,
  },
  {
    section: '7',
    what: 'RST_STREAM with an unknown code',
    send: frame(TYPE.RST_STREAM, 0, 1, u32(0xff)),
    also: (told) => assert.equal(told.reset, 'remote-reset'),
  },
  {
    section: '7',
    what: 'GOAWAY with an unknown code',
    send: both(frame(TYPE.GOAWAY, 0, 0, both(u32(1), u32(0xff))), good),
    also: (told) => assert.equal(told.status, 200),
  },

  {
    section: '10.5',
    what: 'CONTINUATIONs without end',
    send: both(head(1, 0, OK), many(100, frame(TYPE.CONTINUATION, 0, 1, OK))),
    goaway: CALM,
  },
  {
    section: '10.5',
    what: 'PINGs without end',
    send: many(2_000, frame(TYPE.PING, 0, 0, Buffer.alloc(8))),
    goaway: CALM,
  },
  { section: '10.5', what: 'SETTINGS without end', send: many(2_000, SETTINGS), goaway: CALM },
  {
    section: '10.5',
    what: 'empty DATA without end',
    send: both(head(1, END_HEADERS, OK), many(100, data(1, ''))),
    goaway: CALM,
  },
];

function u32Then(id: number): Buffer {
  return Buffer.concat([u32(id), Buffer.from([9])]);
}
