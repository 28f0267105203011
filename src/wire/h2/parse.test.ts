import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { beginRead, consumeBytes, endRead } from '#base';
import { FLAG, FRAME } from './frame.ts';
import { FrameReader } from './parse.ts';
import { frame } from './raw-frame.fixture.ts';

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: string;
}

/** Parts of one DATA frame joined again. */
function readAll(pieces: readonly Buffer[]): Seen[] {
  const reader = new FrameReader(16_384);
  const seen: Seen[] = [];
  const sink = {
    onFrame: (type: number, flags: number, streamId: number, payload: Buffer) =>
      void seen.push({ type, flags, streamId, payload: payload.toString('hex') }),
  };
  for (const piece of pieces) reader.read(piece, sink);
  return seen;
}

/** Neighbouring DATA of one stream as one, so that parts and frames look alike. */
function joined(seen: readonly Seen[]): Seen[] {
  const out: Seen[] = [];
  for (const one of seen) {
    const last = out.at(-1);
    const padded = ((last?.flags ?? 0) | one.flags) & FLAG.PADDED;
    if (last?.type === FRAME.DATA && one.type === FRAME.DATA && last.streamId === one.streamId && padded === 0)
      if ((last.flags & FLAG.END_STREAM) === 0) {
        out[out.length - 1] = { ...one, payload: last.payload + one.payload };
        continue;
      }
    out.push(one);
  }
  return out;
}

const anyFrame = fc.record({
  type: fc.constantFrom(FRAME.DATA, FRAME.DATA, FRAME.HEADERS, FRAME.PING, FRAME.WINDOW_UPDATE),
  flags: fc.constantFrom(0, FLAG.END_STREAM, FLAG.PADDED),
  streamId: fc.integer({ min: 1, max: 3 }),
  payload: fc.uint8Array({ maxLength: 40 }),
});

test('frames are the same however the bytes are cut, but that DATA may come in parts', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(60), { maxLength: 30 }), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map((f) => frame(f.type, f.flags, f.streamId, f.payload)));
      const pieces: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        pieces.push(bytes.subarray(at, at + cut));
        at = Math.min(bytes.length, at + cut);
      }
      pieces.push(bytes.subarray(at));
      assert.deepEqual(joined(readAll(pieces)), joined(readAll([bytes])));
    }),
  );
});

test('END_STREAM comes with the last part only, and no part is empty', () => {
  const bytes = frame(FRAME.DATA, FLAG.END_STREAM, 1, Buffer.from('abcdef'));
  const seen = readAll([bytes.subarray(0, 9), bytes.subarray(9, 12), bytes.subarray(12)]);
  assert.deepEqual(
    seen.map(({ flags, payload }) => [flags, Buffer.from(payload, 'hex').toString()]),
    [
      [0, 'abc'],
      [FLAG.END_STREAM, 'def'],
    ],
  );
});

test('padded DATA waits until it is whole', () => {
  const bytes = frame(FRAME.DATA, FLAG.PADDED, 1, Buffer.from('\u0001ab0'));
  assert.deepEqual(readAll([bytes.subarray(0, 11)]), []);
  assert.equal(readAll([bytes.subarray(0, 11), bytes.subarray(11)]).length, 1);
});

test('a read whose DATA was all taken can be read into again; one byte kept and it can not', () => {
  const bytes = Buffer.concat([
    frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.alloc(4)),
    frame(FRAME.DATA, 0, 1, Buffer.alloc(100)),
    frame(FRAME.DATA, 0, 1, Buffer.alloc(5000)),
  ]);
  const read = Buffer.from(bytes.subarray(0, 3000));
  const reader = new FrameReader(16_384);
  let kept = 0;
  const sink = { onFrame: (_type: number, _flags: number, _id: number, payload: Buffer) => consume(payload) };
  const consume = (payload: Buffer): void => {
    if (payload.length !== 4) consumeBytes(payload.subarray(kept));
  };
  beginRead(read);
  reader.read(read, sink);
  assert.equal(endRead(read.length), true);
  kept = 1;
  const again = Buffer.from(bytes.subarray(3000, 4000));
  beginRead(again);
  reader.read(again, sink);
  assert.equal(endRead(again.length), false);
});
