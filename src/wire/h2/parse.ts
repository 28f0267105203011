// Cuts a byte stream into HTTP/2 frames (RFC 9113 §4.1); keeps only what is incomplete.
import { ConnectionError, H2_ERROR } from './errors.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';

export interface FrameSink {
  /** `payload` is a view: valid until the call returns. */
  onFrame(type: number, flags: number, streamId: number, payload: Buffer): void;
}

export class FrameReader {
  readonly #payloadMax: number;
  #rest: Buffer | undefined = undefined;

  constructor(payloadMax: number) {
    this.#payloadMax = payloadMax;
  }

  /** Throws a ConnectionError for a frame that is too long, before its payload is read. */
  read(chunk: Buffer, sink: FrameSink): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      if (length > this.#payloadMax) {
        throw new ConnectionError(
          H2_ERROR.FRAME_SIZE_ERROR,
          `a frame of ${length} bytes, over the announced ${this.#payloadMax}`,
        );
      }
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > bytes.length) break;
      const streamId =
        ((bytes[at + 5] as number) & 0x7f) * 0x100_0000 +
        (((bytes[at + 6] as number) << 16) | ((bytes[at + 7] as number) << 8) | (bytes[at + 8] as number));
      sink.onFrame(
        bytes[at + 3] as number,
        bytes[at + 4] as number,
        streamId,
        bytes.subarray(at + FRAME_HEADER_BYTES, end),
      );
      at = end;
    }
    // A copy: the chunk's memory belongs to the socket's pool and may be large.
    if (at < bytes.length) this.#rest = at === 0 && bytes !== chunk ? bytes : Buffer.from(bytes.subarray(at));
  }
}
