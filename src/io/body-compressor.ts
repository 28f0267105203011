// Compressors over the handle of Node's zlib streams: synchronous, because a piece of a body is compressed as it
// passes, in its order and at its pace. The handle is private: its shape is checked when one is made.
import type { BodyCompressor, CompressionSettings } from '#base';

type Zlib = typeof import('node:zlib');

interface ZlibStream {
  readonly _handle:
    | {
        writeSync(
          flush: number,
          input: Uint8Array,
          inputAt: number,
          inputBytes: number,
          output: Uint8Array,
          outputAt: number,
          outputBytes: number,
        ): void;
      }
    | null
    | undefined;
  /** Bytes left of the output and of the input. */
  readonly _writeState: Uint32Array;
  on(event: 'error', listener: () => void): void;
  close(): void;
}

const OUTPUT_BYTES = 16 * 1024;
/** A call is over before the next one begins. */
let output: Buffer | undefined;

export function openCompressor(settings: CompressionSettings): BodyCompressor {
  // Loaded by the first body that is compressed.
  const zlib = process.getBuiltinModule('node:zlib');
  const { constants } = zlib;
  const stream = open(zlib, settings) as unknown as ZlibStream;
  if (typeof stream._handle?.writeSync !== 'function' || !(stream._writeState instanceof Uint32Array))
    throw new Error('this Node.js has another zlib handle; run Topsail with the version that package.json names');
  const [flush, finish] = {
    gzip: [constants.Z_SYNC_FLUSH, constants.Z_FINISH],
    br: [constants.BROTLI_OPERATION_FLUSH, constants.BROTLI_OPERATION_FINISH],
    zstd: [constants.ZSTD_e_flush, constants.ZSTD_e_end],
  }[settings.kind] as [number, number];
  return new ZlibCompressor(stream, flush, finish);
}

function open(zlib: Zlib, settings: CompressionSettings) {
  const { constants } = zlib;
  switch (settings.kind) {
    case 'gzip': {
      const { level, memoryLevel: memLevel, strategy, windowBits } = settings;
      return zlib.createGzip({ level, memLevel, strategy, windowBits });
    }
    case 'br':
      return zlib.createBrotliCompress({
        params: {
          [constants.BROTLI_PARAM_QUALITY]: settings.quality,
          [constants.BROTLI_PARAM_MODE]: settings.mode,
          [constants.BROTLI_PARAM_LGWIN]: settings.windowBits,
          [constants.BROTLI_PARAM_LGBLOCK]: settings.blockBits,
          [constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: settings.noLiteralContext,
        },
      });
    case 'zstd':
      return zlib.createZstdCompress({
        params: {
          [constants.ZSTD_c_compressionLevel]: settings.level,
          [constants.ZSTD_c_checksumFlag]: settings.checksum ? 1 : 0,
          ...(settings.strategy === 0 ? {} : { [constants.ZSTD_c_strategy]: settings.strategy }),
        },
      });
  }
}

class ZlibCompressor implements BodyCompressor {
  readonly #stream: ZlibStream;
  readonly #flush: number;
  readonly #finish: number;
  #failed = false;
  #closed = false;

  constructor(stream: ZlibStream, flush: number, finish: number) {
    this.#stream = stream;
    this.#flush = flush;
    this.#finish = finish;
    stream.on('error', () => (this.#failed = true));
  }

  compress(data: Uint8Array, end: boolean): Uint8Array | undefined {
    const scratch = (output ??= Buffer.allocUnsafeSlow(OUTPUT_BYTES));
    const state = this.#stream._writeState;
    const pieces: Buffer[] = [];
    let at = 0;
    for (;;) {
      const handle = this.#stream._handle;
      if (this.#closed || this.#failed || handle === null || handle === undefined) return undefined;
      handle.writeSync(end ? this.#finish : this.#flush, data, at, data.length - at, scratch, 0, OUTPUT_BYTES);
      const outputLeft = state[0] as number;
      at = data.length - (state[1] as number);
      if (outputLeft < OUTPUT_BYTES) pieces.push(Buffer.from(scratch.subarray(0, OUTPUT_BYTES - outputLeft)));
      // A full output may have more behind it.
      if (outputLeft > 0) break;
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
  }
}
