// HTTP filter envoy.filters.http.compressor: compresses responses as they pass, where the client takes it and the type is worth it.

import type { BodyCompressor, CompressionSettings, OpenCompressor } from '#base';
import type {
  Compressor,
  CompressorPerRoute,
} from '#proto/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import type { Counter } from '#telemetry';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../../apply/decode.ts';
import { ConfigError } from '../../../errors.ts';
import type {
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../../http/filter.ts';
import { chooseEncoding } from './accept-encoding.ts';
import { readLibrary } from './library.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor';
const ROUTE_TYPE = `${TYPE}PerRoute`;
const NAME = 'envoy.filters.http.compressor';
/** Filter state: the codings that this chain's compressors offer, in order of preference. */
const OFFERED = `${NAME}.offered`;
const MIN_BYTES_DEFAULT = 30;
const TYPES_DEFAULT = [
  'application/javascript',
  'application/json',
  'application/xhtml+xml',
  'image/svg+xml',
  'text/css',
  'text/html',
  'text/plain',
  'text/xml',
];

interface RouteSettings {
  readonly enabled: boolean;
  readonly removeAcceptEncoding: boolean | undefined;
}

interface Settings {
  readonly library: CompressionSettings;
  readonly open: OpenCompressor;
  readonly enabled: boolean;
  readonly minBytes: number;
  readonly types: ReadonlySet<string>;
  readonly notWithEtag: boolean;
  readonly removeAcceptEncoding: boolean;
  readonly first: boolean;
  readonly compressed: Counter;
  readonly notCompressed: Counter;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
}

class CompressorFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #settings: Settings;
  readonly #removes: boolean;
  #accepted = '';
  #upgrade = false;
  #compressor: BodyCompressor | undefined = undefined;

  constructor(callbacks: FilterCallbacks, settings: Settings, removes: boolean) {
    this.#callbacks = callbacks;
    this.#settings = settings;
    this.#removes = removes;
  }

  requestHead(head: RequestHead): FilterStatus {
    this.#upgrade = head.protocol !== '' || head.method === 'CONNECT' || head.headers.has('upgrade');
    this.#accepted = head.headers.getAll('accept-encoding').join(',');
    const { library, first } = this.#settings;
    const state = (this.#callbacks.record.filterState ??= new Map());
    const before = state.get(OFFERED);
    state.set(OFFERED, before === undefined ? library.kind : inOrder(before, library.kind, first));
    if (this.#removes) head.headers.remove('accept-encoding');
    return 'continue';
  }

  responseHead(head: ResponseHead, end: boolean): FilterStatus {
    // A local reply may take the place of a response that was begun.
    this.destroy();
    const settings = this.#settings;
    if (end || this.#upgrade || !isCompressible(head, settings)) {
      settings.notCompressed.inc();
      return 'continue';
    }
    const { headers } = head;
    // Caches must know that other clients get it otherwise, also when this one gets it as it is.
    addVary(headers);
    const offered = this.#callbacks.record.filterState?.get(OFFERED)?.split(',') ?? [];
    if (this.#accepted === '' || chooseEncoding(this.#accepted, offered) !== settings.library.kind) {
      settings.notCompressed.inc();
      return 'continue';
    }
    // A strong one promises the very bytes.
    if (headers.get('etag')?.slice(0, 2).toLowerCase() !== 'w/') headers.remove('etag');
    headers.remove('content-length');
    headers.remove('accept-ranges');
    headers.set('content-encoding', settings.library.kind);
    settings.compressed.inc();
    this.#compressor = settings.open(settings.library);
    return 'continue';
  }

  responseData(data: Buffer, end: boolean): FilterStatus {
    if (this.#compressor === undefined || (data.length === 0 && !end)) return 'continue';
    const compressed = this.#compress(data, end);
    if (compressed !== undefined) this.#callbacks.replaceData(compressed);
    return compressed === undefined ? 'stop' : 'continue';
  }

  responseTrailers(): FilterStatus {
    if (this.#compressor === undefined) return 'continue';
    const rest = this.#compress(Buffer.alloc(0), true);
    if (rest === undefined) return 'stop';
    this.#callbacks.addResponseData(rest);
    return 'continue';
  }

  destroy(): void {
    this.#compressor?.close();
    this.#compressor = undefined;
  }

  /** Undefined: the stream is reset, for what went out can't be taken back. */
  #compress(data: Buffer, end: boolean): Uint8Array | undefined {
    const compressed = this.#compressor?.compress(data, end);
    if (compressed === undefined) {
      this.#callbacks.resetStream('compression_failed');
      return undefined;
    }
    this.#settings.bytesIn.add(data.length);
    this.#settings.bytesOut.add(compressed.length);
    if (end) this.destroy();
    return compressed;
  }
}

function inOrder(before: string, kind: string, first: boolean): string {
  const others = before.split(',').filter((one) => one !== kind);
  return (first ? [kind, ...others] : [...others, kind]).join(',');
}

function isCompressible(head: ResponseHead, settings: Settings): boolean {
  const { status, headers } = head;
  // A part of a body, or none at all.
  if (status < 200 || status === 204 || status === 206 || status === 304 || headers.has('content-range')) return false;
  if (headers.has('content-encoding')) return false;
  const transfer = headers.get('transfer-encoding');
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked') return false;
  const length = headers.get('content-length');
  if (length !== undefined && Number(length) < settings.minBytes) return false;
  const type = headers.get('content-type');
  if (type !== undefined && !settings.types.has((type.split(';', 1)[0] as string).trim().toLowerCase())) return false;
  if (settings.notWithEtag && headers.has('etag')) return false;
  return !headers.getAll('cache-control').some((value) => hasToken(value, 'no-transform'));
}

function hasToken(value: string, token: string): boolean {
  return value.split(',').some((one) => one.trim().toLowerCase() === token);
}

function addVary(headers: HeaderBlock): void {
  const vary = headers.getAll('vary').join(', ');
  if (hasToken(vary, 'accept-encoding') || hasToken(vary, '*')) return;
  headers.set('vary', vary === '' ? 'Accept-Encoding' : `${vary}, Accept-Encoding`);
}

function readSettings(config: Compressor, context: FilterContext, field: string, open: OpenCompressor): Settings {
  const own = config.responseDirectionConfig;
  const common = own?.commonConfig;
  if (
    config.requestDirectionConfig !== undefined &&
    config.requestDirectionConfig.commonConfig?.enabled?.defaultValue !== false
  )
    throw new ConfigError('proxy.unsupported', `${field}.request_direction_config`, 'only responses are compressed');
  const types = own === undefined ? config.contentType : (common?.contentType ?? []);
  const minBytes = own === undefined ? config.contentLength : common?.minContentLength;
  const flag = own === undefined ? config.runtimeEnabled : common?.enabled;
  const library = readLibrary(config.compressorLibrary, `${field}.compressor_library`);
  // Envoy's names: <prefix>compressor.<library>.<its prefix>.[response.]compressed, and the like.
  const prefix = `${context.statPrefix}compressor.${config.compressorLibrary?.name ?? ''}.${library.kind === 'br' ? 'brotli' : library.kind}.`;
  const count = (name: string): Counter =>
    context.stats.counter(`${prefix}${own === undefined ? '' : 'response.'}${name}`);
  return {
    library,
    open,
    enabled: flag?.defaultValue ?? true,
    minBytes: minBytes ?? MIN_BYTES_DEFAULT,
    types: new Set((types.length === 0 ? TYPES_DEFAULT : types).map((type) => type.toLowerCase())),
    notWithEtag: own === undefined ? config.disableOnEtagHeader : own.disableOnEtagHeader,
    removeAcceptEncoding: own === undefined ? config.removeAcceptEncodingHeader : own.removeAcceptEncodingHeader,
    first: config.chooseFirst,
    compressed: count('compressed'),
    notCompressed: count('not_compressed'),
    bytesIn: count('total_uncompressed_bytes'),
    bytesOut: count('total_compressed_bytes'),
  };
}

export function compressorExtension(open: OpenCompressor): HttpFilterExtension {
  return {
    name: NAME,
    typeUrl: TYPE,
    build: (bytes, context, filterName) => {
      const settings = readSettings(decodeMessage<Compressor>(TYPE, bytes, filterName), context, filterName, open);
      return {
        name: filterName,
        create: (callbacks) => {
          const route = callbacks.route?.perFilterConfig(filterName) as RouteSettings | undefined;
          if (!(route?.enabled ?? settings.enabled)) return {};
          return new CompressorFilter(
            callbacks,
            settings,
            route?.removeAcceptEncoding ?? settings.removeAcceptEncoding,
          );
        },
      };
    },
    routeConfig: (bytes): RouteSettings => {
      const { override } = decodeMessage<CompressorPerRoute>(ROUTE_TYPE, bytes, 'typed_per_filter_config');
      if (override.case === 'disabled' && override.value) return { enabled: false, removeAcceptEncoding: undefined };
      if (override.case !== 'overrides')
        throw new ConfigError('proxy.field-required', 'typed_per_filter_config.override');
      const { responseDirectionConfig } = override.value;
      return { enabled: true, removeAcceptEncoding: responseDirectionConfig?.removeAcceptEncodingHeader };
    },
  };
}
