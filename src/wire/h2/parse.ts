// Cuts a byte stream into HTTP/2 frames (RFC 9113 §4.1); keeps only what is incomplete. DATA is handed on as it comes:
// a frame of 16 kB that lies across two reads would be copied twice to be whole.
import { consumeSome, offerHeader } from '#base';
import { ConnectionError, H2_ERROR } from './errors.ts';
import { FLAG, FRAME, FRAME_HEADER_BYTES } from './frame.ts';

export interface FrameSink {
  /** `payload` is a view: valid until the call returns, but for DATA's. One DATA frame may come as several, END_STREAM with the last. */
  onFrame(type: number, flags: number, streamId: number, payload: Buffer): void;
}

/** One part of a read: some twenty new streams, each of which weighs 3 and costs far more than its bytes. */
const PART_WEIGHT = 64;

export class FrameReader {
  /** There were too many of them: what follows waits for `readOn`. */
  held = false;
  readonly #payloadMax: number;
  readonly #inParts: boolean;
  #weight = 0;
  #rest: Buffer | undefined = undefined;
  /** Of a DATA frame that has begun. */
  #dataLeft = 0;
  #dataFlags = 0;
  #dataStream = 0;

  constructor(payloadMax: number, inParts = false) {
    this.#payloadMax = payloadMax;
    this.#inParts = inParts;
  }

  /** The frame at hand opens a stream, or moves all of them; the end of a request weighs a third of that. */
  costly(weight = 3): void {
    this.#weight += weight;
    if (this.#weight >= PART_WEIGHT) this.held = this.#inParts;
  }

  /** Throws a ConnectionError for a frame that is too long, before its payload is read. */
  read(chunk: Buffer, sink: FrameSink): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    if (bytes !== chunk) consumeSome(chunk, chunk.length);
    this.#rest = undefined;
    this.#weight = 0;
    this.#read(bytes, bytes !== chunk, sink);
  }

  /** The next part of what was held. */
  readOn(sink: FrameSink): void {
    this.held = false;
    this.#weight = 0;
    const bytes = this.#rest;
    this.#rest = undefined;
    if (bytes !== undefined) this.#read(bytes, true, sink);
  }

  /** `own`: memory that nobody else reads into. */
  #read(bytes: Buffer, own: boolean, sink: FrameSink): void {
    let at = this.#dataLeft === 0 ? 0 : this.#moreData(bytes, 0, sink);
    while (!this.held && bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      if (length > this.#payloadMax) {
        throw new ConnectionError(
          H2_ERROR.FRAME_SIZE_ERROR,
          `a frame of ${length} bytes, over the announced ${this.#payloadMax}`,
        );
      }
      const end = at + FRAME_HEADER_BYTES + length;
      const whole = end <= bytes.length;
      const type = bytes[at + 3] as number;
      const flags = bytes[at + 4] as number;
      const inParts = !whole && type === FRAME.DATA && (flags & FLAG.PADDED) === 0;
      if (!whole && !inParts) break;
      const streamId =
        ((bytes[at + 5] as number) & 0x7f) * 0x100_0000 +
        (((bytes[at + 6] as number) << 16) | ((bytes[at + 7] as number) << 8) | (bytes[at + 8] as number));
      if (inParts) {
        consumeSome(bytes, FRAME_HEADER_BYTES);
        this.#dataLeft = length;
        this.#dataFlags = flags;
        this.#dataStream = streamId;
        offerHeader(bytes, at + FRAME_HEADER_BYTES);
        at = this.#moreData(bytes, at + FRAME_HEADER_BYTES, sink);
        break;
      }
      // Of all but DATA nothing is kept.
      consumeSome(bytes, type === FRAME.DATA ? FRAME_HEADER_BYTES : end - at);
      if (type === FRAME.DATA) offerHeader(bytes, at + FRAME_HEADER_BYTES);
      sink.onFrame(type, flags, streamId, bytes.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    if (at === bytes.length) {
      this.held = false;
      return;
    }
    // A copy: the chunk's memory belongs to the socket's pool and may be large.
    this.#rest = own && (at === 0 || this.held) ? bytes.subarray(at) : Buffer.from(bytes.subarray(at));
    consumeSome(bytes, bytes.length - at);
  }

  #moreData(bytes: Buffer, at: number, sink: FrameSink): number {
    const take = Math.min(this.#dataLeft, bytes.length - at);
    if (take === 0) return at;
    this.#dataLeft -= take;
    const flags = this.#dataLeft === 0 ? this.#dataFlags : this.#dataFlags & ~FLAG.END_STREAM;
    sink.onFrame(FRAME.DATA, flags, this.#dataStream, bytes.subarray(at, at + take));
    return at + take;
  }
}
