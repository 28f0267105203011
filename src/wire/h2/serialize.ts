// Writes HTTP/2 frames (RFC 9113 §4, §6) of one connection into a slab that is flushed once per turn.
//
// A slab is written again only when the kernel has taken everything: until then it belongs to the socket. Then any
// connection may take it: few slabs serve all of them, and the one that was used last lies in the processor's cache.
//
// Body that a read brought in frames is not copied where it can leave within that read: each frame's header is written
// over the one that it came with, and frames that lie in a row leave as one piece.
import { type Conn, consumeBytes, consumeSome, takeHeader } from '#base';
import { writeLatin1 } from '../http/latin1.ts';
import { FLAG, FRAME, FRAME_HEADER_BYTES } from './frame.ts';
import { HpackEncoder } from './hpack-encode.ts';

/** What one read brings leaves in one write, though its frames be cut smaller. */
const SLAB_BYTES = 80 * 1024;
/**
 * As many connections as have unsent output at the end of one round of the loop; 10 MB at worst, of which only pages
 * that were written to count. A connection that finds none pays for a new one every time.
 */
const SPARE_MAX = 128;
/** Above this size a body chunk goes out by itself: copying a frame of the usual size costs less than a system call of its own. */
const COPY_BYTES_MAX = 16 * 1024;
/** Less is copied: a piece of its own costs more. */
const RELAY_BYTES_MIN = 4 * 1024;
/** So many frames are copied after a write that the socket did not take at once: a whole read's buffer is too much to leave with it. */
const COPIED_FRAMES = 64;

const spare: Buffer[] = [];
const NONE: Buffer = Buffer.alloc(0);

export class FrameWriter {
  readonly encoder: HpackEncoder = new HpackEncoder();
  readonly #conn: Conn;
  readonly #defer: (flush: () => void) => void;
  #slab = NONE;
  /** Full ones that the socket has not taken. */
  #written: Buffer[] = [];
  #start = 0;
  #at = 0;
  #scheduled = false;
  readonly #flushLater: () => void;
  readonly #relays: boolean;
  /** What goes ahead of the slab's unsent part: earlier parts of slabs, and frames in a read's buffer. */
  #ahead: Uint8Array[] = [];
  /** With those of the run. */
  #aheadBytes = 0;
  /** Behind them frames in a row in the memory of a read: the next one may lengthen it. */
  #run: Uint8Array | undefined = undefined;
  #runFrom = 0;
  #runTo = 0;
  /** Frames that are copied though they could be relayed. */
  #copyNext = 0;

  /** `defer` runs its argument when the current turn's work is done (a microtask). `relays`: while what the turn has read is still there. */
  constructor(conn: Conn, defer: (flush: () => void) => void, relays = false) {
    this.#conn = conn;
    this.#defer = defer;
    this.#relays = relays;
    this.#flushLater = () => {
      this.#scheduled = false;
      this.flush();
    };
  }

  /** Bytes that the kernel has not taken yet, with those in the slab. */
  get queuedBytes(): number {
    return this.#conn.queuedBytes + this.#aheadBytes + this.#at - this.#start;
  }

  flush(): void {
    if (this.#aheadBytes > 0) return this.#flushAll();
    if (this.#at === this.#start || this.#conn.destroyed) return;
    const part = this.#slab.subarray(this.#start, this.#at);
    this.#start = this.#at;
    this.#conn.write(part);
    if (this.#conn.queuedBytes === 0) this.#giveBack();
  }

  #flushAll(): void {
    this.#sealRun();
    this.#sealSlab();
    const parts = this.#ahead;
    const conn = this.#conn;
    this.#ahead = [];
    this.#aheadBytes = 0;
    if (conn.destroyed) return;
    if (parts.length > 1) conn.cork();
    for (const part of parts) conn.write(part);
    if (parts.length > 1) conn.uncork();
    if (conn.queuedBytes === 0) this.#giveBack();
    else this.#copyNext = COPIED_FRAMES;
  }

  /** The caller has checked the windows. */
  data(streamId: number, bytes: Uint8Array, end: boolean): void {
    const memory = this.#relays && bytes.length >= RELAY_BYTES_MIN ? this.#relayable(bytes) : undefined;
    if (memory !== undefined) return this.#relay(memory, bytes, streamId, end);
    const copy = bytes.length <= COPY_BYTES_MAX;
    this.#reserve(FRAME_HEADER_BYTES + (copy ? bytes.length : 0));
    this.#header(bytes.length, FRAME.DATA, end ? FLAG.END_STREAM : 0, streamId);
    if (copy) {
      this.#slab.set(bytes, this.#at);
      this.#at += bytes.length;
      consumeBytes(bytes);
      return;
    }
    this.#conn.cork();
    this.flush();
    this.#conn.write(bytes);
    this.#conn.uncork();
  }

  /** `fields` are name, value pairs, names in lower case. Split over CONTINUATION where the peer's frames are smaller. */
  headers(streamId: number, fields: readonly string[], end: boolean, frameBytesMax: number): void {
    let bound = FRAME_HEADER_BYTES + 16;
    for (let i = 0; i < fields.length; i += 2)
      bound += HpackEncoder.bound(fields[i] as string, fields[i + 1] as string);
    // Room for the headers of CONTINUATION frames as well.
    this.#reserve(bound + Math.ceil(bound / frameBytesMax) * FRAME_HEADER_BYTES);
    const head = this.#at;
    const block = head + FRAME_HEADER_BYTES;
    let at = this.encoder.begin(this.#slab, block);
    for (let i = 0; i < fields.length; i += 2)
      at = this.encoder.field(this.#slab, at, fields[i] as string, fields[i + 1] as string);
    const length = at - block;
    const endFlag = end ? FLAG.END_STREAM : 0;
    if (length <= frameBytesMax) {
      this.#header(length, FRAME.HEADERS, FLAG.END_HEADERS | endFlag, streamId);
      this.#at = at;
      return;
    }
    const copy = Buffer.from(this.#slab.subarray(block, at));
    for (let from = 0; from < length; from += frameBytesMax) {
      const to = Math.min(length, from + frameBytesMax);
      const last = to === length ? FLAG.END_HEADERS : 0;
      this.#header(
        to - from,
        from === 0 ? FRAME.HEADERS : FRAME.CONTINUATION,
        last | (from === 0 ? endFlag : 0),
        streamId,
      );
      this.#slab.set(copy.subarray(from, to), this.#at);
      this.#at += to - from;
    }
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#reserve(FRAME_HEADER_BYTES + pairs.length * 6);
    this.#header(pairs.length * 6, FRAME.SETTINGS, 0, 0);
    for (const [id, value] of pairs) {
      this.#slab.writeUInt16BE(id, this.#at);
      this.#slab.writeUInt32BE(value, this.#at + 2);
      this.#at += 6;
    }
  }

  settingsAck(): void {
    this.#reserve(FRAME_HEADER_BYTES);
    this.#header(0, FRAME.SETTINGS, FLAG.ACK, 0);
  }

  ping(payload: Uint8Array, ack: boolean): void {
    this.#reserve(FRAME_HEADER_BYTES + 8);
    this.#header(8, FRAME.PING, ack ? FLAG.ACK : 0, 0);
    this.#slab.set(payload, this.#at);
    this.#at += 8;
  }

  goaway(lastStreamId: number, code: number, debug: string): void {
    this.#reserve(FRAME_HEADER_BYTES + 8 + debug.length);
    this.#header(8 + debug.length, FRAME.GOAWAY, 0, 0);
    this.#slab.writeUInt32BE(lastStreamId, this.#at);
    this.#slab.writeUInt32BE(code, this.#at + 4);
    writeLatin1(this.#slab, debug, this.#at + 8);
    this.#at += 8 + debug.length;
  }

  reset(streamId: number, code: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 4);
    this.#header(4, FRAME.RST_STREAM, 0, streamId);
    this.#at = this.#slab.writeUInt32BE(code, this.#at);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 4);
    this.#header(4, FRAME.WINDOW_UPDATE, 0, streamId);
    this.#at = this.#slab.writeUInt32BE(increment, this.#at);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #header(length: number, type: number, flags: number, streamId: number): void {
    writeHeader(this.#slab, this.#at, length, type, flags, streamId);
    this.#at += FRAME_HEADER_BYTES;
  }

  #relayable(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#conn.queuedBytes > 0) return undefined;
    if (this.#copyNext === 0) return takeHeader(bytes);
    this.#copyNext--;
    return undefined;
  }

  /** `bytes` leave from `memory`, where they lie. */
  #relay(memory: Uint8Array, bytes: Uint8Array, streamId: number, end: boolean): void {
    this.#schedule();
    const from = bytes.byteOffset - memory.byteOffset - FRAME_HEADER_BYTES;
    const to = from + FRAME_HEADER_BYTES + bytes.length;
    writeHeader(memory, from, bytes.length, FRAME.DATA, end ? FLAG.END_STREAM : 0, streamId);
    // Whoever read the header that was there has counted its bytes.
    consumeSome(bytes, -FRAME_HEADER_BYTES);
    this.#sealSlab();
    if (this.#run !== memory || this.#runTo !== from) {
      this.#sealRun();
      this.#run = memory;
      this.#runFrom = from;
    }
    this.#runTo = to;
    this.#aheadBytes += to - from;
  }

  #sealRun(): void {
    if (this.#run === undefined) return;
    this.#ahead.push(this.#run.subarray(this.#runFrom, this.#runTo));
    this.#run = undefined;
  }

  #sealSlab(): void {
    if (this.#at === this.#start) return;
    this.#sealRun();
    this.#ahead.push(this.#slab.subarray(this.#start, this.#at));
    this.#aheadBytes += this.#at - this.#start;
    this.#start = this.#at;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#defer(this.#flushLater);
  }

  #reserve(bytes: number): void {
    this.#schedule();
    this.#sealRun();
    // Taken meanwhile, as is usual of TLS: it is not used up to its end.
    if (this.#at === this.#start && this.#at > 0 && this.queuedBytes === 0) this.#giveBack();
    if (this.#slab.length - this.#at >= bytes) return;
    if (this.#at > this.#start) {
      this.flush();
      if (this.#slab.length - this.#at >= bytes) return;
    }
    if (this.#at > 0) this.#written.push(this.#slab);
    else keep(this.#slab);
    this.#slab = (bytes <= SLAB_BYTES ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
    this.#start = 0;
    this.#at = 0;
  }

  /** The socket has taken all. */
  #giveBack(): void {
    keep(this.#slab);
    this.#slab = NONE;
    this.#start = this.#at = 0;
    if (this.#written.length === 0) return;
    for (const slab of this.#written) keep(slab);
    this.#written = [];
  }
}

function writeHeader(
  target: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[at++] = length >>> 16;
  target[at++] = length >>> 8;
  target[at++] = length;
  target[at++] = type;
  target[at++] = flags;
  target[at++] = streamId >>> 24;
  target[at++] = streamId >>> 16;
  target[at++] = streamId >>> 8;
  target[at++] = streamId;
}

function keep(slab: Buffer): void {
  if (slab.length === SLAB_BYTES && spare.length < SPARE_MAX) spare.push(slab);
}
