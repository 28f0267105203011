import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { controlFrame, OPCODE, WebSocketFrames } from './web-socket-frames.ts';

function frame(opcode: number, payload: Uint8Array, final = true): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = (final ? 0x80 : 0) | opcode;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

describe('WebSocket messages', () => {
  it('come out whole, however they are cut', () => {
    const part = fc.uint8Array({ maxLength: 300 });
    const message = fc.array(part, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: 1, max: 700 }), (messages, cut) => {
        const bytes = Buffer.concat(
          messages.flatMap((parts) => [
            ...parts.map((one, i) => frame(i === 0 ? OPCODE.binary : 0, one, i === parts.length - 1)),
            frame(OPCODE.ping, Buffer.from('?')),
          ]),
        );
        const reader = new WebSocketFrames(10_000);
        const found = [];
        for (let at = 0; at < bytes.length; at += cut) found.push(...reader.push(bytes.subarray(at, at + cut)));
        assert.deepEqual(
          found.filter(({ opcode }) => opcode === OPCODE.binary).map(({ payload }) => payload.toString('hex')),
          messages.map((parts) => Buffer.concat(parts).toString('hex')),
        );
        assert.equal(found.length, messages.length * 2);
      }),
    );
  });

  it('of 64 kB and more have a long length', () => {
    const [message] = new WebSocketFrames(1 << 20).push(frame(OPCODE.binary, Buffer.alloc(70_000, 7)));
    assert.equal(message?.payload.length, 70_000);
  });

  it('that no server may send are refused', () => {
    const refuse = (bytes: Buffer): void => assert.throws(() => new WebSocketFrames(100).push(bytes), RangeError);
    refuse(frame(OPCODE.binary, Buffer.alloc(101)));
    refuse(frame(0, Buffer.from('a')));
    refuse(frame(OPCODE.ping, Buffer.from('a'), false));
    refuse(Buffer.from([0xc2, 0]));
    refuse(controlFrame(OPCODE.ping, Buffer.from('masked')));
  });
});
