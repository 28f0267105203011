// The receiving side of WebSocket (RFC 6455, section 5) as a client has it: bytes in, whole messages out; and the client's own masked frames.
import { randomBytes } from 'node:crypto';

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface WebSocketMessage {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Throws a RangeError for what no server may send. */
export class WebSocketFrames {
  readonly #limit: number;
  #buffer: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #partBytes = 0;
  #opcode = 0;

  /** `limit`: bytes of one message. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): WebSocketMessage[] {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const found: WebSocketMessage[] = [];
    for (;;) {
      const frame = this.#take();
      if (frame === undefined) return found;
      const { final, opcode, payload } = frame;
      // Control frames may stand between the parts of a message, and are never in parts.
      if (opcode >= OPCODE.close) {
        if (!final || payload.length > 125) throw new RangeError('a control frame is too long or in parts');
        found.push({ opcode, payload });
        continue;
      }
      if ((opcode === 0) !== this.#parts.length > 0) throw new RangeError('a message begins within another one');
      if (opcode !== 0) this.#opcode = opcode;
      this.#parts.push(payload);
      this.#partBytes += payload.length;
      if (this.#partBytes > this.#limit) throw new RangeError(`a message has more than ${this.#limit} bytes`);
      if (!final) continue;
      found.push({ opcode: this.#opcode, payload: Buffer.concat(this.#parts) });
      this.#parts = [];
      this.#partBytes = 0;
    }
  }

  #take(): { readonly final: boolean; readonly opcode: number; readonly payload: Buffer } | undefined {
    const buffer = this.#buffer;
    if (buffer.length < 2) return undefined;
    const [first, second] = [buffer.readUInt8(0), buffer.readUInt8(1)];
    if ((first & 0x70) !== 0 || (second & 0x80) !== 0) throw new RangeError('a frame has extensions or is masked');
    const short = second & 0x7f;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (buffer.length < head) return undefined;
    const length = short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short;
    if (length > this.#limit) throw new RangeError(`a frame has ${length} bytes`);
    if (buffer.length < head + length) return undefined;
    this.#buffer = buffer.subarray(head + length);
    return { final: (first & 0x80) !== 0, opcode: first & 0x0f, payload: buffer.subarray(head, head + length) };
  }
}

/** A control frame of ours. */
export function controlFrame(opcode: number, payload: Uint8Array): Buffer {
  const mask = randomBytes(4);
  const masked = payload.map((byte, i) => byte ^ (mask[i & 3] as number));
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, masked]);
}
