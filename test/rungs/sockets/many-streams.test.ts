// A thousand streams in one write, over real sockets: others have their turn while they are opened, and all of them are answered.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { inPartsAfter } from '#base';
import { SystemClock, SystemNet } from '#io';
import { DEFAULT_H2_LIMITS, H2ServerConnection } from '#wire/h2';
import { HeaderBlock } from '#wire/http';
import { until } from '../../mesh/until.ts';
import { END_HEADERS, END_STREAM, frame, PREFACE, requestBlock, TYPE } from '../../floods/raw-h2.ts';

const STREAMS = 1000;
const IDS = Array.from({ length: STREAMS }, (_, i) => 2 * i + 1);
const REQUESTS = Buffer.concat([
  PREFACE,
  frame(TYPE.SETTINGS, 0, 0),
  ...IDS.map((id) => frame(TYPE.HEADERS, END_HEADERS | END_STREAM, id, requestBlock('GET', `/${id}`))),
]);
/** Far below all; a read may begin in the same round as the one before it ends. */
const ROUND_MAX = 200;
const clock = new SystemClock();
const later = (part: () => boolean, restMs: number): void => inPartsAfter(clock, restMs, part);

test('a client that asks a thousand times at once and says its last is heard to the end, a few in each round', async (t) => {
  let thisRound = 0;
  const rounds: number[] = [];
  const asked: string[] = [];
  let closed = false;
  const listener = await new SystemNet().listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    conn.handler = new H2ServerConnection(
      conn,
      {
        onRequest(stream, { path }) {
          asked.push(path);
          thisRound++;
          stream.sendHead({ status: 204, headers: new HeaderBlock() }, true);
          return { onData() {}, onTrailers() {}, onDrain() {}, onReset() {} };
        },
        onProtocolError() {},
      },
      { limits: DEFAULT_H2_LIMITS, defer: queueMicrotask, later },
      { onStreamClosed() {}, onConnectionClosed: () => void (closed = true) },
    );
  });
  t.after(() => listener.close());
  const count = (): void => {
    if (thisRound > 0) rounds.push(thisRound);
    thisRound = 0;
    if (!closed) setImmediate(count);
  };
  setImmediate(count);
  const socket = connect(listener.port, '127.0.0.1');
  await once(socket, 'connect');
  const answers: Buffer[] = [];
  socket.on('data', (data) => answers.push(data));
  // The end of what it sends comes with the requests.
  socket.end(REQUESTS);
  await until('the end', () => closed);
  assert.deepEqual(
    asked,
    IDS.map((id) => `/${id}`),
  );
  assert.ok(Math.max(...rounds) <= ROUND_MAX, `${Math.max(...rounds)} streams in one round`);
  assert.equal(answered(Buffer.concat(answers)), STREAMS);
});

test('a client that asks a thousand times and is not answered leaves the process to others between the parts', async (t) => {
  const openedMs: number[] = [];
  let closed = false;
  const listener = await new SystemNet().listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    conn.handler = new H2ServerConnection(
      conn,
      {
        onRequest() {
          openedMs.push(clock.now());
          return { onData() {}, onTrailers() {}, onDrain() {}, onReset() {} };
        },
        onProtocolError() {},
      },
      { limits: DEFAULT_H2_LIMITS, defer: queueMicrotask, later },
      { onStreamClosed() {}, onConnectionClosed: () => void (closed = true) },
    );
  });
  t.after(() => listener.close());
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(REQUESTS);
  await until('all of them', () => openedMs.length === STREAMS);
  let rested = 0;
  for (let i = 1; i < STREAMS; i++) if ((openedMs[i] as number) - (openedMs[i - 1] as number) >= 1) rested++;
  // A part opens some twenty; the first ones, with hardly anything open, follow at once.
  assert.ok(rested >= STREAMS / 64, `${rested} times`);
  socket.destroy();
  await until('the end', () => closed);
});

/** HEADERS with the end of a stream. */
function answered(bytes: Buffer): number {
  let heads = 0;
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === TYPE.HEADERS && ((bytes[at + 4] as number) & END_STREAM) !== 0) heads++;
  return heads;
}
