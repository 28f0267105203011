// Compresses one body as it passes (RFC 1952, RFC 7932, RFC 8878); `io` implements this over node:zlib.

export interface BodyCompressor {
  /** What can be sent by now: everything that was given, flushed. With `end` the rest too. Undefined: it failed. */
  compress(data: Uint8Array, end: boolean): Uint8Array | undefined;
  /** Gives its memory back; once more than needed does no harm. */
  close(): void;
}

export type CompressionSettings =
  | {
      readonly kind: 'gzip';
      /** -1 = zlib's own choice. */
      readonly level: number;
      readonly memoryLevel: number;
      readonly strategy: number;
      readonly windowBits: number;
    }
  | {
      readonly kind: 'br';
      readonly quality: number;
      /** 0 generic, 1 text, 2 font. */
      readonly mode: number;
      readonly windowBits: number;
      readonly blockBits: number;
      readonly noLiteralContext: boolean;
    }
  | {
      readonly kind: 'zstd';
      readonly level: number;
      readonly checksum: boolean;
      /** 0 = by the level. */
      readonly strategy: number;
    };

export type OpenCompressor = (settings: CompressionSettings) => BodyCompressor;
