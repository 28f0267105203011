// Istio's own HTTP filters: known by name, so that configuration made for Istio's Envoy is taken. What they do is done elsewhere here: metrics by telemetry, ALPN by the upstream's transport socket.

import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { HttpFilterExtension } from '../../http/filter.ts';

const INSIDE = [
  ['istio.stats', 'stats.PluginConfig'],
  ['istio.alpn', 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig'],
  ['istio.metadata_exchange', 'io.istio.http.peer_metadata.Config'],
] as const;

function passive(name: string, type: string): HttpFilterExtension {
  return {
    name,
    typeUrl: `type.googleapis.com/${type}`,
    build: (_, __, filterName) => ({ name: filterName, create: () => ({}) }),
  };
}

/** A config that names its type in a struct (udpa.type.v1.TypedStruct, xds.type.v3.TypedStruct): only Istio's own are known. */
function typedStruct(type: string): HttpFilterExtension {
  const typeUrl = `type.googleapis.com/${type}`;
  return {
    name: 'istio.typed_struct',
    typeUrl,
    build: (config, context, filterName) => {
      const inner = decodeMessage<{ readonly typeUrl: string }>(typeUrl, config, filterName).typeUrl;
      const known = INSIDE.find(([, innerType]) => inner.endsWith(`/${innerType}`) || inner === innerType);
      if (known === undefined) throw new ConfigError('proxy.unknown-extension', filterName, inner);
      return passive(known[0], known[1]).build(config, context, filterName);
    },
  };
}

export const istioExtensions: readonly HttpFilterExtension[] = [
  ...INSIDE.map(([name, type]) => passive(name, type)),
  typedStruct('udpa.type.v1.TypedStruct'),
  typedStruct('xds.type.v3.TypedStruct'),
];
