// HTTP filter envoy.filters.http.buffer: collects the whole request before anything goes upstream; 413 above the limit.

import type {
  Buffer as BufferConfig,
  BufferPerRoute,
} from '#proto/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import type { RequestHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';
import { rescue } from '../../http/rescue.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer';
const ROUTE_TYPE = `${TYPE}PerRoute`;

/** 0 = this route does not buffer. */
function limitOf(config: BufferConfig, field: string): number {
  const limit = config.maxRequestBytes ?? 0;
  if (limit < 1) throw new ConfigError('proxy.field-required', `${field}.max_request_bytes`);
  return limit;
}

class BufferFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #limit: number;
  #head: RequestHead | undefined;

  constructor(callbacks: FilterCallbacks, limit: number) {
    this.#callbacks = callbacks;
    this.#limit = limit;
  }

  requestHead(head: RequestHead, end: boolean): FilterStatus {
    // An upgraded stream has no end to wait for.
    if (end || head.protocol !== '' || head.method === 'CONNECT') return 'continue';
    this.#head = head;
    this.#callbacks.bufferLimit = this.#limit;
    if (Number(head.headers.get('content-length') ?? 0) > this.#limit) {
      this.#callbacks.reply(rescue('request-too-large'));
      return 'stop';
    }
    return 'buffer';
  }

  requestData(data: globalThis.Buffer, end: boolean): FilterStatus {
    const head = this.#head;
    // Its length is known now.
    if (end && head !== undefined && !head.headers.has('content-length')) {
      head.headers.remove('transfer-encoding');
      head.headers.set('content-length', String(data.length));
    }
    return 'continue';
  }
}

export const bufferExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.buffer',
  typeUrl: TYPE,
  build: (config, _, filterName) => {
    const own = limitOf(decodeMessage<BufferConfig>(TYPE, config, filterName), filterName);
    return {
      name: filterName,
      create: (callbacks) => {
        const limit = (callbacks.route?.perFilterConfig(filterName) as number | undefined) ?? own;
        return limit === 0 ? {} : new BufferFilter(callbacks, limit);
      },
    };
  },
  routeConfig: (config) => {
    const { override } = decodeMessage<BufferPerRoute>(ROUTE_TYPE, config, 'typed_per_filter_config');
    if (override.case === 'buffer') return limitOf(override.value, 'typed_per_filter_config.buffer');
    if (override.case === 'disabled' && override.value) return 0;
    throw new ConfigError('proxy.field-required', 'typed_per_filter_config.override');
  },
};
