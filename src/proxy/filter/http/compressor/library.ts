// Reads a compressor_library (gzip, brotli, zstd; Envoy's defaults) into the settings of a compressor.

import type { CompressionSettings } from '#base';
import type { TypedExtensionConfig } from '#proto/envoy/config/core/v3/extension_pb.ts';
import type { Brotli } from '#proto/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts';
import type { Gzip } from '#proto/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts';
import type { Zstd } from '#proto/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts';
import { decodeMessage, typeNameOf } from '../../../apply/decode.ts';
import { ConfigError } from '../../../errors.ts';

const GZIP = 'envoy.extensions.compression.gzip.compressor.v3.Gzip';
const BROTLI = 'envoy.extensions.compression.brotli.compressor.v3.Brotli';
const ZSTD = 'envoy.extensions.compression.zstd.compressor.v3.Zstd';

export function readLibrary(library: TypedExtensionConfig | undefined, field: string): CompressionSettings {
  const config = library?.typedConfig;
  if (config === undefined) throw new ConfigError('proxy.field-required', field);
  switch (typeNameOf(config.typeUrl)) {
    case GZIP:
      return gzip(decodeMessage<Gzip>(GZIP, config.value, field), field);
    case BROTLI:
      return brotli(decodeMessage<Brotli>(BROTLI, config.value, field), field);
    case ZSTD: {
      const zstd = decodeMessage<Zstd>(ZSTD, config.value, field);
      if (zstd.dictionary !== undefined)
        throw new ConfigError('proxy.unsupported', `${field}.dictionary`, 'clients could not know it');
      const level = within(zstd.compressionLevel ?? 3, 0, 22, `${field}.compression_level`);
      return { kind: 'zstd', level, checksum: zstd.enableChecksum, strategy: within(zstd.strategy, 0, 9, field) };
    }
    default:
      throw new ConfigError('proxy.unknown-extension', field, config.typeUrl);
  }
}

function gzip(config: Gzip, field: string): CompressionSettings {
  return {
    kind: 'gzip',
    level: config.compressionLevel === 0 ? -1 : within(config.compressionLevel, 1, 9, `${field}.compression_level`),
    memoryLevel: within(config.memoryLevel ?? 5, 1, 9, `${field}.memory_level`),
    strategy: within(config.compressionStrategy, 0, 4, `${field}.compression_strategy`),
    windowBits: within(config.windowBits ?? 12, 9, 15, `${field}.window_bits`),
  };
}

function brotli(config: Brotli, field: string): CompressionSettings {
  return {
    kind: 'br',
    quality: within(config.quality ?? 3, 0, 11, `${field}.quality`),
    // DEFAULT and GENERIC are the same.
    mode: Math.max(0, within(config.encoderMode, 0, 3, `${field}.encoder_mode`) - 1),
    windowBits: within(config.windowBits ?? 18, 10, 24, `${field}.window_bits`),
    blockBits: within(config.inputBlockBits ?? 24, 16, 24, `${field}.input_block_bits`),
    noLiteralContext: config.disableLiteralContextModeling,
  };
}

function within(value: number, least: number, most: number, field: string): number {
  if (value < least || value > most)
    throw new ConfigError('proxy.field-invalid', field, `${value} is not from ${least} to ${most}`);
  return value;
}
