// A client that takes no responses: what no window bounds (heads, trailers, interim responses) is bounded by refusing more work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '../http/headers.ts';
import type { ServerStream, ServerStreamHandler } from '../http/stream.ts';
import type { H2Violation } from './flood-guard.ts';
import { CLIENT_PREFACE, FRAME } from './frame.ts';
import { DEFAULT_LIMITS, type H2Limits } from './limits.ts';
import { MemoryConn } from './memory-pair.fixture.ts';
import { frame } from './raw-frame.fixture.ts';
import { H2ServerConnection } from './server-connection.ts';

const HEAD = Buffer.from([0x82, 0x86, 0x84, 0x01, 0x01, 0x61]); // GET http / a
const ignore: ServerStreamHandler = { onData: () => {}, onTrailers: () => {}, onDrain: () => {}, onReset: () => {} };

function serve(limits: Partial<H2Limits> = {}) {
  const conn = new MemoryConn();
  const streams: ServerStream[] = [];
  const violations: H2Violation[] = [];
  const deferred: (() => void)[] = [];
  const server = new H2ServerConnection(
    conn,
    { onRequest: (stream) => (streams.push(stream), ignore), onProtocolError: () => {} },
    { limits: { ...DEFAULT_LIMITS, ...limits }, defer: (flush) => void deferred.push(flush) },
    {
      onStreamClosed: () => {},
      onConnectionClosed: () => {},
      onViolation: (violation) => void violations.push(violation),
    },
  );
  conn.handler = server;
  conn.handler.onData(Buffer.concat([CLIENT_PREFACE, frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0))]));
  let id = -1;
  return {
    conn,
    streams,
    violations,
    /** A request without a body. */
    open: () => void conn.handler.onData(frame(FRAME.HEADERS, 5, (id += 2), HEAD)),
    /** What was said reaches the connection's queue. */
    flush: () => {
      for (const one of deferred.splice(0)) one();
    },
    read: () => void conn.out.splice(0),
  };
}

function headers(bytes: number): HeaderBlock {
  const block = new HeaderBlock();
  block.add('x-big', 'v'.repeat(bytes));
  return block;
}

test('whoever opens streams and reads no responses is refused more of them, then cut', () => {
  const { open, streams, violations, conn, flush } = serve();
  for (let i = 0; i < 5_000 && violations.length === 0; i++) {
    const before = streams.length;
    open();
    if (streams.length > before) streams.at(-1)?.sendHead({ status: 200, headers: headers(8_000) }, true);
    flush();
  }
  assert.deepEqual(violations, ['outbound_flood']);
  assert.ok(conn.queuedBytes < DEFAULT_LIMITS.unreadHeadsBytes + 64 * 1024, `${conn.queuedBytes}`);
});

test('whoever reads in between may open as many as it likes', () => {
  const { open, streams, violations, flush, read } = serve({ unreadStreamsMax: 3 });
  for (let i = 0; i < 1_000; i++) {
    open();
    streams.at(-1)?.sendHead({ status: 200, headers: headers(8_000) }, true);
    flush();
    if (i % 50 === 49) read();
  }
  assert.deepEqual(violations, []);
  assert.equal(streams.length, 1_000);
});

test('interim responses that the client does not take are left out', () => {
  const { open, streams, flush, conn } = serve();
  open();
  for (let i = 0; i < 10_000; i++) {
    streams[0]?.sendInformational(103, headers(1_000));
    flush();
  }
  assert.ok(conn.queuedBytes < 512 * 1024, `${conn.queuedBytes}`);
});
