// An HTTP/2 peer made of bare frames: it sends what no codec would, and notes what the other side answers (RFC 9113 §4).
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { frame } from '../../src/wire/h2/raw-frame.fixture.ts';

export { frame };

export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** A literal without indexing, name and value as they are (RFC 7541 §6.2.2). */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** RFC 7541 §5.1, the bits before the prefix zero. */
export function integer(value: number, prefixBits: number): Buffer {
  const max = (1 << prefixBits) - 1;
  if (value < max) return Buffer.from([value]);
  const bytes = [max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** The pseudo-header fields of a request; the rest as literals. */
export function requestBlock(
  method: 'GET' | 'POST',
  path: string,
  fields: readonly (readonly [string, string])[] = [],
): Buffer {
  return Buffer.concat([
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x86]),
    literal(':path', path),
    literal(':authority', 'a.test'),
    ...fields.map(([name, value]) => literal(name, value)),
  ]);
}

export class RawH2 {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** Error code of the first GOAWAY that is not NO_ERROR. */
  goaway: number | undefined = undefined;
  goawayText = '';
  closed = false;
  nextId = 1;
  /** Frames are kept only while this is true: a flood would drown in the answers. */
  keep = false;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data) => this.#read(data));
    socket.setMaxListeners(0);
    socket.on('error', () => {});
    socket.on('close', () => void (this.closed = true));
  }

  static async connect(port: number, settings: readonly Buffer[] = []): Promise<RawH2> {
    const raw = await RawH2.silent(port);
    raw.greet(settings);
    return raw;
  }

  /** Has said nothing yet. */
  static async silent(port: number): Promise<RawH2> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawH2(socket);
  }

  greet(settings: readonly Buffer[] = []): void {
    this.send(Buffer.concat([PREFACE, frame(TYPE.SETTINGS, 0, 0, Buffer.concat(settings))]));
  }

  send(bytes: Uint8Array): boolean {
    return this.closed ? true : this.socket.write(bytes);
  }

  id(): number {
    const id = this.nextId;
    this.nextId += 2;
    return id;
  }

  /** Sends batches until the other side closes or the time is up; true = it closed. */
  async pour(next: () => Uint8Array, limitMs: number): Promise<boolean> {
    const end = performance.now() + limitMs;
    while (!this.closed && performance.now() < end) {
      if (!this.send(next())) await Promise.race([once(this.socket, 'drain').catch(() => {}), sleep(50)]);
      else await new Promise((resolve) => setImmediate(resolve));
    }
    return await this.ended(limitMs);
  }

  async ended(limitMs: number): Promise<boolean> {
    for (const end = performance.now() + limitMs; !this.closed && performance.now() < end; ) await sleep(10);
    return this.closed;
  }

  async until(seen: (frame: Frame) => boolean, limitMs = 5000): Promise<Frame | undefined> {
    for (const end = performance.now() + limitMs; performance.now() < end; await sleep(5)) {
      const found = this.frames.find(seen);
      if (found !== undefined) return found;
      if (this.closed) return undefined;
    }
    return undefined;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(data: Buffer): void {
    let bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (bytes.length >= 9) {
      const end = 9 + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      const one: Frame = {
        type: bytes[3] as number,
        flags: bytes[4] as number,
        id: bytes.readUInt32BE(5),
        payload: bytes.subarray(9, end),
      };
      bytes = bytes.subarray(end);
      if (this.keep) this.frames.push(one);
      if (one.type === TYPE.GOAWAY && one.payload.readUInt32BE(4) !== 0 && this.goaway === undefined) {
        this.goaway = one.payload.readUInt32BE(4);
        this.goawayText = one.payload.toString('latin1', 8);
      }
    }
    this.#rest = Buffer.from(bytes);
  }
}
