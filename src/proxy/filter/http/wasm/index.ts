// HTTP filter envoy.filters.http.wasm: plugins by the Proxy-Wasm ABI, run by the engine that runs this program.

import type { Wasm } from '#proto/envoy/extensions/filters/http/wasm/v3/wasm_pb.ts';
import { decodeMessage } from '../../../apply/decode.ts';
import type { FilterContext, HttpFilterExtension } from '../../../http/filter.ts';
import type { ClusterManager } from '../../../upstream/cluster-manager.ts';
import { readPlugin } from './plugin-settings.ts';
import { WasmFilter } from './stream-context.ts';
import { WasmHost } from './wasm-host.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm';

/** One for each proxy: it goes with the proxy's clusters. */
const HOSTS = new WeakMap<ClusterManager, WasmHost>();

function hostOf(context: FilterContext): WasmHost {
  let found = HOSTS.get(context.clusters);
  if (found === undefined) HOSTS.set(context.clusters, (found = new WasmHost(context)));
  return found;
}

export const wasmExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.wasm',
  typeUrl: TYPE,
  build: (bytes, context, filterName) => {
    const { config } = decodeMessage<Wasm>(TYPE, bytes, filterName);
    const plugin = hostOf(context).plugin(readPlugin(config, context, filterName));
    return {
      name: filterName,
      create: (callbacks) => new WasmFilter(plugin, callbacks),
      dispose: () => plugin.release(),
    };
  },
};
