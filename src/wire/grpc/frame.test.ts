import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frame, FrameDecoder } from './frame.ts';
import { GRPC_STATUS } from './status.ts';
import { decodeStatusMessage, encodeStatusMessage } from './status-message.ts';
import { formatTimeout, parseTimeout } from './timeout.ts';

function bytesOf(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(chunks.flatMap((c) => [...c]));
}

test('messages come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 })),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (messages, cuts) => {
        const wire = bytesOf(messages.flatMap((m) => frame([m])));
        const decoder = new FrameDecoder(100, undefined);
        const got: number[][] = [];
        for (let at = 0, i = 0; at < wire.length; i++) {
          const size = cuts[i % cuts.length] as number;
          assert.equal(
            decoder.push(wire.subarray(at, at + size), (m) => got.push([...m])),
            undefined,
          );
          at += size;
        }
        assert.deepEqual(
          got,
          messages.map((m) => [...m]),
        );
        assert.ok(decoder.empty);
      },
    ),
  );
});

test('arbitrary bytes give messages or a status, and never more than the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
      const decoder = new FrameDecoder(64, undefined);
      for (const chunk of chunks) if (decoder.push(chunk, (m) => assert.ok(m.length <= 64)) !== undefined) return;
    }),
  );
});

test('a message above the limit is refused before its body arrives', () => {
  const status = new FrameDecoder(10, undefined).push(new Uint8Array([0, 0, 0, 0, 11]), () => assert.fail());
  assert.equal(status?.code, GRPC_STATUS.resourceExhausted);
});

test('a compressed message without grpc-encoding is refused', () => {
  const status = new FrameDecoder(10, undefined).push(new Uint8Array([1, 0, 0, 0, 0]), () => assert.fail());
  assert.equal(status?.code, GRPC_STATUS.internal);
});

test('status messages survive the percent-encoding', () => {
  assert.equal(encodeStatusMessage('50% of ☂\n'), '50%25 of %E2%98%82%0A');
  assert.equal(decodeStatusMessage('a%zz%2'), 'a%zz%2');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) =>
      assert.equal(decodeStatusMessage(encodeStatusMessage(text)), text.toWellFormed()),
    ),
  );
});

test('timeouts are read in every unit and never come out shorter', () => {
  assert.equal(parseTimeout('10S'), 10_000);
  assert.equal(parseTimeout('5u'), 0.005);
  assert.equal(parseTimeout('123456789S'), undefined);
  assert.equal(parseTimeout('1x'), undefined);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) =>
      assert.ok((parseTimeout(formatTimeout(ms)) as number) >= ms * 0.999999),
    ),
  );
});
