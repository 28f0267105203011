// HTTP filter envoy.filters.http.wasm: this proxy runs no plugin. One that may fail open is passed by, one that may not answers every
// request itself, and both are said by name: a listener that names a plugin stays, and lets in no more than it should.

import type { Wasm } from '#proto/envoy/extensions/filters/http/wasm/v3/wasm_pb.ts';
import { decodeMessage } from '../../apply/decode.ts';
import type { FilterCallbacks, FilterStatus, HttpFilterExtension } from '../../http/filter.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm';

function refuse(callbacks: FilterCallbacks): FilterStatus {
  callbacks.reply({ status: 503, body: '', details: 'wasm_fail_stream' });
  return 'stop';
}

export const wasmExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.wasm',
  typeUrl: TYPE,
  build: (bytes, { log }, filterName) => {
    const { config } = decodeMessage<Wasm>(TYPE, bytes, filterName);
    const failOpen = config?.failOpen === true || config?.failurePolicy === 3;
    log.warn('Wasm plugins do not run in this proxy', {
      filter: filterName,
      plugin: config?.name ?? '',
      instead: failOpen ? 'requests pass it by' : 'requests are answered with 503',
    });
    return {
      name: filterName,
      create: (callbacks) => (failOpen ? {} : { requestHead: () => refuse(callbacks) }),
    };
  },
};
