// HTTP filter envoy.filters.http.grpc_stats: counts gRPC messages on both ways and notes the status (gRPC over HTTP/2: 5-byte message prefixes).

import type { FilterConfig } from '#proto/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';
import { isGrpc } from '../../route/route-match.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig';
const STATE = 'envoy.filters.http.grpc_stats';

/** Counts length-prefixed messages in a stream cut anywhere; keeps four bytes of state at most. */
export class GrpcMessageCounter {
  messages = 0;
  /** Bytes of the present message that are still to come. */
  #left = 0;
  #prefixAt = 0;
  #length = 0;

  add(data: Uint8Array): void {
    let at = 0;
    while (at < data.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, data.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      // Most prefixes lie whole in what is there.
      if (this.#prefixAt === 0 && data.length - at >= 5) {
        this.messages++;
        at += 5;
        this.#left =
          (data[at - 4] as number) * 0x100_0000 +
          (((data[at - 3] as number) << 16) | ((data[at - 2] as number) << 8) | (data[at - 1] as number));
        continue;
      }
      // The first byte says whether the message is compressed; four bytes of length follow.
      this.#length =
        this.#prefixAt <= 1
          ? this.#prefixAt === 1
            ? (data[at] as number)
            : 0
          : this.#length * 256 + (data[at] as number);
      at++;
      if (++this.#prefixAt < 5) continue;
      this.#prefixAt = 0;
      this.messages++;
      this.#left = this.#length;
    }
  }
}

class GrpcStatsFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #emitState: boolean;
  #request: GrpcMessageCounter | undefined;
  #response: GrpcMessageCounter | undefined;

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
      this.#request.add(data);
      this.#callbacks.record.requestMessages = this.#request.messages;
      this.#note();
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
      this.#response.add(data);
      this.#callbacks.record.responseMessages = this.#response.messages;
      this.#note();
    }
    return 'continue';
  }

  responseTrailers(trailers: HeaderBlock): FilterStatus {
    if (this.#request !== undefined) this.#status(trailers);
    return 'continue';
  }

  #status(headers: HeaderBlock): void {
    const text = headers.get('grpc-status');
    if (text !== undefined && /^[0-9]{1,10}$/.test(text)) this.#callbacks.record.grpcStatus = Number(text);
  }

  #note(): void {
    if (!this.#emitState) return;
    const { record } = this.#callbacks;
    record.filterState ??= new Map();
    record.filterState.set(STATE, `${record.requestMessages},${record.responseMessages}`);
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
