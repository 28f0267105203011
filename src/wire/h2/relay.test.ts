// Body that leaves from the buffer it was read to: whole and in order, and the buffer is read into again only when nobody needs it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { beginRead, type Conn, consumeBytes, endRead } from '#base';
import { FLAG, FRAME, FRAME_HEADER_BYTES } from './frame.ts';
import { FrameReader } from './parse.ts';
import { FrameWriter } from './serialize.ts';

/** A socket that takes what it is given at once, as the kernel does, or keeps it. */
class Sink {
  slow = false;
  destroyed = false;
  got: Buffer[] = [];
  #kept: Uint8Array[] = [];
  #corked: Uint8Array[] | undefined = undefined;
  writes = 0;

  get queuedBytes(): number {
    return this.#kept.reduce((sum, data) => sum + data.length, 0);
  }
  write(data: Uint8Array): boolean {
    if (this.#corked !== undefined) this.#corked.push(data);
    else this.#write([data]);
    return true;
  }
  cork(): void {
    this.#corked = [];
  }
  uncork(): void {
    const parts = this.#corked ?? [];
    this.#corked = undefined;
    if (parts.length > 0) this.#write(parts);
  }
  take(): void {
    this.got.push(...this.#kept.map((data) => Buffer.from(data)));
    this.#kept = [];
  }
  #write(parts: readonly Uint8Array[]): void {
    this.writes++;
    this.#kept.push(...parts);
    if (this.slow) return;
    this.take();
    for (const part of parts) consumeBytes(part);
  }
}

interface Frame {
  readonly to: number;
  readonly size: number;
  readonly padding: number;
  readonly end: boolean;
  /** A PING of our own comes behind it; a filter makes it shorter. */
  readonly after: 'nothing' | 'ping' | 'short';
}

const frame: fc.Arbitrary<Frame> = fc.record({
  to: fc.nat(2),
  size: fc.oneof(fc.nat(300), fc.nat(16_384)),
  padding: fc.constantFrom(0, 0, 0, 5),
  end: fc.boolean(),
  after: fc.constantFrom('nothing', 'nothing', 'ping', 'short'),
});
const read = fc.record({
  frames: fc.array(frame, { maxLength: 5 }),
  /** Bytes of the last frame that come with the next read. */
  late: fc.nat(20_000),
  slow: fc.constantFrom(-1, -1, 0, 1, 2),
});

const HEADER_OF_OTHERS = 7;

test('frames relayed among three connections arrive whole and in order, whatever the sockets take', () => {
  fc.assert(
    fc.property(fc.array(read, { minLength: 1, maxLength: 8 }), (reads) => {
      const sinks = [new Sink(), new Sink(), new Sink()];
      const flushes: (() => void)[] = [];
      const writers = sinks.map(
        (sink) => new FrameWriter(sink as unknown as Conn, (flush) => void flushes.push(flush), true),
      );
      const expected: string[][] = [[], [], []];
      const reader = new FrameReader(16_400);
      const order: Frame[] = [];
      let left = 0;
      let mark = 0;
      let memory: Buffer = Buffer.allocUnsafeSlow(100_000);
      let rest: Buffer = Buffer.alloc(0);
      for (const { frames, late, slow } of reads) {
        sinks.forEach((sink, i) => {
          sink.slow = i === slow;
          if (!sink.slow) sink.take();
        });
        order.push(...frames);
        const bytes = Buffer.concat([rest, ...frames.map((one) => encode(one, ++mark))]);
        const length = Math.max(0, bytes.length - late);
        rest = bytes.subarray(length);
        bytes.copy(memory, 0, 0, length);
        beginRead(memory);
        reader.read(memory.subarray(0, length), {
          onFrame: (type, flags, _streamId, payload) => {
            assert.equal(type, FRAME.DATA);
            const one = order[0] as Frame;
            if (left === 0) left = one.size + (one.padding === 0 ? 0 : one.padding + 1);
            left -= payload.length;
            const ended = left === 0;
            if (ended) order.shift();
            const body = one.padding === 0 ? payload : payload.subarray(1, payload.length - one.padding);
            if (one.padding > 0)
              for (const edge of [payload.subarray(0, 1), payload.subarray(payload.length - one.padding)])
                consumeBytes(edge);
            const writer = writers[one.to] as FrameWriter;
            const sent = expected[one.to] as string[];
            const kept = one.after === 'short' ? body.subarray(0, body.length >> 1) : body;
            if (kept !== body) consumeBytes(body.subarray(kept.length));
            const end = (flags & FLAG.END_STREAM) !== 0;
            sent.push(`${end ? 'end ' : ''}${kept.toString('latin1')}`);
            writer.data(HEADER_OF_OTHERS, kept, end);
            if (one.after === 'ping' && ended) {
              sent.push('ping');
              writer.ping(Buffer.alloc(8), false);
            }
          },
        });
        for (const flush of flushes.splice(0)) flush();
        const reusable = endRead(length);
        if (slow < 0) assert.ok(reusable, 'all was taken, and the buffer is not free');
        if (reusable) memory.fill(0xee);
        else memory = Buffer.allocUnsafeSlow(100_000);
      }
      sinks.forEach((sink, i) => {
        sink.take();
        assert.deepEqual(framesOf(Buffer.concat(sink.got)), expected[i]);
      });
    }),
    { numRuns: 300 },
  );
});

test('frames that lie in a row leave in one write, as they lie', () => {
  const sink = new Sink();
  let flush = (): void => {};
  const writer = new FrameWriter(sink as unknown as Conn, (run) => (flush = run), true);
  const bytes = Buffer.concat([1, 2, 3].map((mark) => encode({ ...PLAIN, size: 16_384 }, mark)));
  beginRead(bytes);
  new FrameReader(16_384).read(bytes, { onFrame: (_type, _flags, _id, payload) => writer.data(9, payload, false) });
  flush();
  assert.equal(sink.writes, 1);
  assert.equal(endRead(bytes.length), true);
  assert.equal(Buffer.concat(sink.got).equals(bytes), true);
  assert.equal(bytes.readUInt32BE(5), 9);
});

test('what a socket did not take leaves by copies for a while', () => {
  const sink = new Sink();
  let flush = (): void => {};
  const writer = new FrameWriter(sink as unknown as Conn, (run) => (flush = run), true);
  sink.slow = true;
  const reusable = [0, 1, 2].map((round) => {
    const bytes = encode({ ...PLAIN, size: 16_384 }, round);
    beginRead(bytes);
    new FrameReader(16_384).read(bytes, { onFrame: (_type, _flags, _id, payload) => writer.data(9, payload, false) });
    flush();
    if (round === 1) sink.take();
    return endRead(bytes.length);
  });
  assert.deepEqual(reusable, [false, true, true]);
});

const PLAIN: Frame = { to: 0, size: 0, padding: 0, end: false, after: 'nothing' };

function encode({ size, padding, end }: Frame, mark: number): Buffer {
  const padded = padding > 0;
  const length = size + (padded ? padding + 1 : 0);
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + length, mark);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = FRAME.DATA;
  bytes[4] = (end ? FLAG.END_STREAM : 0) | (padded ? FLAG.PADDED : 0);
  bytes.writeUInt32BE(9, 5);
  if (padded) bytes[FRAME_HEADER_BYTES] = padding;
  return bytes;
}

function framesOf(bytes: Buffer): string[] {
  const frames: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const body = bytes.toString('latin1', at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length);
    if (bytes[at + 3] === FRAME.PING) frames.push('ping');
    else {
      assert.equal(bytes.readUInt32BE(at + 5), HEADER_OF_OTHERS);
      frames.push(`${((bytes[at + 4] as number) & FLAG.END_STREAM) !== 0 ? 'end ' : ''}${body}`);
    }
    at += FRAME_HEADER_BYTES + length;
  }
  return frames;
}
