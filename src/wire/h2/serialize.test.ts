// Slabs that connections take in turns: what one has written is never written over before its socket took it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conn } from '#base';
import { FrameWriter } from './serialize.ts';

/** A socket that takes what it was given only when told to. */
function slowConn(): { readonly conn: Conn; readonly take: () => Buffer } {
  let pieces: Uint8Array[] = [];
  const conn = {
    destroyed: false,
    get queuedBytes() {
      return pieces.reduce((sum, piece) => sum + piece.length, 0);
    },
    write(data: Uint8Array) {
      pieces.push(data);
      return true;
    },
    cork() {},
    uncork() {},
  } as unknown as Conn;
  return {
    conn,
    take: () => {
      const all = Buffer.concat(pieces);
      pieces = [];
      return all;
    },
  };
}

/** The payloads of DATA frames. */
function payloadsOf(bytes: Buffer): Buffer {
  const payloads: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    payloads.push(bytes.subarray(at + 9, at + 9 + length));
    at += 9 + length;
  }
  return Buffer.concat(payloads);
}

test('three connections with slow readers each get their own bytes', () => {
  const sides = [1, 2, 3].map((mark) => {
    const { conn, take } = slowConn();
    return { mark, take, writer: new FrameWriter(conn, () => {}), sent: 0, got: [] as Buffer[] };
  });
  for (let step = 0; step < 300; step++) {
    for (const side of sides) {
      const size = (step * 977 * side.mark) % 16_000;
      side.writer.data(1, Buffer.alloc(size, side.mark), false);
      side.sent += size;
      side.writer.flush();
      if ((step + side.mark) % 7 === 0) side.got.push(payloadsOf(side.take()));
    }
  }
  for (const side of sides) {
    const all = Buffer.concat([...side.got, payloadsOf(side.take())]);
    assert.equal(all.length, side.sent);
    assert.ok(all.every((byte) => byte === side.mark));
  }
});
