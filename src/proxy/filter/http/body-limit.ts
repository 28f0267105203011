// HTTP filter topsail.filters.http.body_limit: 413 to a request whose body is larger than a limit, by content-length or counted as it goes on.

import type { BodyLimit } from '#proto/topsail/filters/v1/body_limit_pb.ts';
import type { RequestHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';

const TYPE = 'type.googleapis.com/topsail.filters.v1.BodyLimit';

class BodyLimitFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #limit: number;
  #seen = 0;
  #counts = true;

  constructor(callbacks: FilterCallbacks, limit: number) {
    this.#callbacks = callbacks;
    this.#limit = limit;
  }

  requestHead(head: RequestHead, end: boolean): FilterStatus {
    // What follows an upgrade is no body.
    this.#counts = head.protocol === '' && head.method !== 'CONNECT';
    if (end || !this.#counts) return 'continue';
    const announced = head.headers.get('content-length');
    return announced !== undefined && Number(announced) > this.#limit ? this.#refuse() : 'continue';
  }

  requestData(data: Buffer): FilterStatus {
    if (!this.#counts) return 'continue';
    this.#seen += data.length;
    return this.#seen > this.#limit ? this.#refuse() : 'continue';
  }

  #refuse(): FilterStatus {
    this.#counts = false;
    this.#callbacks.reply({ status: 413, body: 'Payload Too Large', details: 'request_payload_too_large' });
    return 'stop';
  }
}

export const bodyLimitExtension: HttpFilterExtension = {
  name: 'topsail.filters.http.body_limit',
  typeUrl: TYPE,
  build: (config, _, filterName) => {
    const limit = decodeMessage<BodyLimit>(TYPE, config, filterName).maxRequestBytes;
    if (limit < 1) throw new ConfigError('proxy.field-required', `${filterName}.max_request_bytes`);
    return { name: filterName, create: (callbacks) => new BodyLimitFilter(callbacks, limit) };
  },
};
