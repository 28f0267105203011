// What one client sends in one read may take long: it is done in parts, and others have their turns between them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginRead, endRead } from '#base';
import type { H2Stream } from './h2-stream.ts';
import { H2ServerConnection } from './server-connection.ts';
import { CLIENT_PREFACE, FLAG, FRAME, SETTING } from './frame.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { MemoryPair } from './memory-pair.fixture.ts';
import { frame } from './raw-frame.fixture.ts';

/** Far more than one turn should do, far less than all. */
const TURN_MAX = 100;

/** GET / of a host of one letter. */
const get = (stream: number): Buffer =>
  frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, Buffer.from([0x82, 0x84, 0x86, 0x41, 1, 0x61]));
const gets = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, (_, i) => get(2 * i + 1)));

function serving(answer: (stream: H2Stream) => void = () => {}) {
  const pair = new MemoryPair();
  const parts: (() => boolean)[] = [];
  /** ms before each part. */
  const rests: number[] = [];
  const opened: number[] = [];
  const reset: number[] = [];
  const calls: string[] = [];
  pair.b.pause = () => void calls.push('pause');
  pair.b.resume = () => void calls.push('resume');
  pair.b.end = () => void calls.push('end');
  const server = new H2ServerConnection(
    pair.b,
    {
      onRequest(stream) {
        const { id } = stream as H2Stream;
        opened.push(id);
        answer(stream as H2Stream);
        return { onData() {}, onTrailers() {}, onDrain() {}, onReset: () => void reset.push(id) };
      },
      onProtocolError() {},
    },
    { limits: DEFAULT_LIMITS, defer: pair.defer, later: (part, restMs) => void (parts.push(part), rests.push(restMs)) },
    { onStreamClosed() {}, onConnectionClosed: () => void calls.push('closed'), onClosing() {} },
  );
  pair.b.handler = server;
  server.onData(Buffer.concat([CLIENT_PREFACE, frame(FRAME.SETTINGS, 0, 0)]));
  return { server, parts, rests, opened, reset, calls, pair };
}

/** One part of all that waits. True: something did. */
function round(parts: (() => boolean)[]): boolean {
  const now = parts.splice(0);
  parts.push(...now.filter((part) => part()));
  return now.length > 0;
}

test('a read that opens a thousand streams takes many turns, none of which opens more than a few', () => {
  const { server, parts, opened, calls } = serving();
  server.onData(gets(1000));
  // All that comes meanwhile is behind it.
  server.onData(frame(FRAME.PING, 0, 0, Buffer.alloc(8)));
  server.onEnd();
  let turns = 1;
  for (let before = 0; opened.length < 1000; turns++) {
    assert.ok(opened.length > before && opened.length - before < TURN_MAX, `${opened.length - before} in one turn`);
    assert.deepEqual(calls, ['pause']);
    before = opened.length;
    round(parts);
  }
  while (round(parts));
  assert.ok(turns > 10);
  assert.deepEqual(
    opened,
    Array.from({ length: 1000 }, (_, i) => 2 * i + 1),
  );
  assert.deepEqual(calls, ['pause', 'resume', 'end']);
});

test('the more a client has open already, the longer the rest of its read waits; nobody else has a reason to', () => {
  const { server, parts, rests, opened } = serving();
  server.onData(gets(1000));
  assert.deepEqual(rests, [0]);
  while (opened.length < 100) round(parts);
  assert.equal(rests.at(-1), 1);
  while (opened.length < 500) round(parts);
  assert.equal(rests.at(-1), 7);
  while (round(parts));
  assert.ok(rests.every((ms, i) => i === 0 || ms >= (rests[i - 1] as number)));
  assert.equal(rests.at(-1), 15);
});

test('a thousand requests of which each is answered at once do not wait', () => {
  const { server, parts, rests, opened } = serving((stream) => stream.reset('local-reset'));
  server.onData(gets(1000));
  while (round(parts));
  assert.equal(opened.length, 1000);
  assert.deepEqual([...new Set(rests)], [0]);
});

test('a few streams, and any amount of body, are read at once', () => {
  const { server, parts, opened } = serving();
  const body = frame(FRAME.DATA, 0, 1, Buffer.alloc(10));
  server.onData(Buffer.concat([gets(16), ...Array.from({ length: 5_000 }, () => body)]));
  assert.equal(opened.length, 16);
  assert.equal(parts.length, 0);
});

test('a connection that breaks a rule says so at once, and its streams hear of it in parts', () => {
  const { server, parts, rests, opened, reset, calls } = serving();
  server.onData(gets(1000));
  while (opened.length < 1000) round(parts);
  while (round(parts));
  rests.length = 0;
  server.onData(frame(FRAME.DATA, 0, 0));
  assert.equal(server.violation, 'protocol_errors');
  assert.ok(reset.length < TURN_MAX);
  assert.equal(server.streams.size, 0);
  server.onClose(undefined);
  assert.ok(!calls.includes('closed'));
  while (round(parts));
  assert.equal(reset.length, 1000);
  assert.deepEqual([...new Set(rests)], [1]);
  assert.equal(calls.at(-1), 'closed');
});

test('what is held when the connection breaks is not looked at any more', () => {
  const { server, parts, opened } = serving();
  server.onData(gets(1000));
  const before = opened.length;
  server.onClose({ kind: 'reset', code: 'ECONNRESET', message: 'reset' });
  while (round(parts));
  assert.equal(opened.length, before);
});

test('settings, resets and windows that move a thousand streams are held too', () => {
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(SETTING.INITIAL_WINDOW_SIZE);
  setting.writeUInt32BE(1_000, 2);
  const grow = Buffer.from([0, 0, 0, 1]);
  for (const costly of [frame(FRAME.SETTINGS, 0, 0, setting), frame(FRAME.WINDOW_UPDATE, 0, 0, grow)]) {
    const { server, parts } = serving();
    server.onData(Buffer.concat(Array.from({ length: 200 }, () => costly)));
    assert.equal(parts.length, 1);
    while (round(parts));
    assert.equal(server.violation, '');
  }
});

test('what comes after the end of a connection leaves its buffer for the next read', () => {
  const { server } = serving();
  server.onData(frame(FRAME.DATA, 0, 0));
  const buffer = Buffer.alloc(10_000);
  beginRead(buffer);
  server.onData(buffer);
  assert.equal(endRead(buffer.length), true);
});
