// HTTP filter envoy.filters.http.grpc_stats: counts gRPC messages on both ways and notes the status (gRPC over HTTP/2: 5-byte message prefixes).

import type { FilterConfig } from '#proto/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';
import { isGrpc } from '../../route/route-match.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig';
const STATE = 'envoy.filters.http.grpc_stats';

/** Compressed or not, and four bytes of length. */
const PREFIX_BYTES = 5;

/** Counts length-prefixed messages in a stream cut anywhere; keeps four bytes of state at most. */
export class GrpcMessageCounter {
  messages = 0;
  /** Bytes of the present message that are still to come. */
  #left = 0;
  /** Of a prefix that lies across pieces: how many bytes have come, and what they say. */
  #begun = 0;
  #length = 0;

  add(data: Uint8Array): void {
    const { length } = data;
    let at = this.#begun === 0 ? this.#left : this.#finishPrefix(data);
    let messages = 0;
    let size = -1;
    let step = 0;
    while (length - at >= PREFIX_BYTES) {
      messages++;
      const own =
        (((data[at + 1] as number) << 24) |
          ((data[at + 2] as number) << 16) |
          ((data[at + 3] as number) << 8) |
          (data[at + 4] as number)) >>>
        0;
      // Most are as long as the one before: by a guess the processor reads the next prefix before it has this one.
      if (own !== size) {
        size = own;
        step = PREFIX_BYTES + own;
      }
      at += step;
    }
    this.messages += messages;
    if (at < length) {
      this.#beginPrefix(data, at);
      at = length;
    }
    this.#left = at - length;
  }

  #beginPrefix(data: Uint8Array, from: number): void {
    this.#length = 0;
    for (let at = from; at < data.length; at++) this.#takePrefix(data[at] as number);
  }

  /** Where the message ends; where `data` does when that is before its prefix is whole. */
  #finishPrefix(data: Uint8Array): number {
    for (let at = 0; at < data.length; ) {
      this.#takePrefix(data[at++] as number);
      if (this.#begun < PREFIX_BYTES) continue;
      this.#begun = 0;
      this.messages++;
      return at + this.#length;
    }
    return data.length;
  }

  #takePrefix(byte: number): void {
    if (this.#begun++ > 0) this.#length = this.#length * 256 + byte;
  }
}

class GrpcStatsFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #emitState: boolean;
  #request: GrpcMessageCounter | undefined;
  #response: GrpcMessageCounter | undefined;
  #counted = false;

  constructor(callbacks: FilterCallbacks, emitState: boolean) {
    this.#callbacks = callbacks;
    this.#emitState = emitState;
  }

  requestHead(head: RequestHead): FilterStatus {
    if (!isGrpc(head.headers)) return 'continue';
    this.#callbacks.record.grpc = true;
    this.#request = new GrpcMessageCounter();
    return 'continue';
  }

  requestData(data: Buffer): FilterStatus {
    if (this.#request !== undefined) {
      this.#counted = true;
      this.#request.add(data);
      this.#callbacks.record.requestMessages = this.#request.messages;
    }
    return 'continue';
  }

  responseHead(head: ResponseHead): FilterStatus {
    if (this.#request === undefined) return 'continue';
    if (isGrpc(head.headers)) this.#response = new GrpcMessageCounter();
    this.#status(head.headers);
    return 'continue';
  }

  responseData(data: Buffer): FilterStatus {
    if (this.#response !== undefined) {
      this.#counted = true;
      this.#response.add(data);
      this.#callbacks.record.responseMessages = this.#response.messages;
    }
    return 'continue';
  }

  responseTrailers(trailers: HeaderBlock): FilterStatus {
    if (this.#request !== undefined) this.#status(trailers);
    return 'continue';
  }

  /** Before the stream is logged. */
  destroy(): void {
    if (!this.#emitState || !this.#counted) return;
    const { record } = this.#callbacks;
    record.filterState ??= new Map();
    record.filterState.set(STATE, `${record.requestMessages},${record.responseMessages}`);
  }

  #status(headers: HeaderBlock): void {
    const text = headers.get('grpc-status');
    if (text !== undefined && /^[0-9]{1,10}$/.test(text)) this.#callbacks.record.grpcStatus = Number(text);
  }
}

export const grpcStatsExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.grpc_stats',
  typeUrl: TYPE,
  build: (config, _, filterName) => {
    const { emitFilterState } = decodeMessage<FilterConfig>(TYPE, config, filterName);
    return { name: filterName, create: (callbacks) => new GrpcStatsFilter(callbacks, emitFilterState) };
  },
};
