// Istio's network filters: known by name. Peers over TCP are known from endpoint metadata and certificates; nothing is exchanged in front of the bytes.

import { decodeMessage, typeNameOf } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type { NetworkFilterExtension } from '../../network/filter.ts';

const INSIDE = [
  ['istio.metadata_exchange', 'envoy.tcp.metadataexchange.config.MetadataExchange'],
  ['istio.stats', 'stats.PluginConfig'],
] as const;

function passive(name: string, type: string): NetworkFilterExtension {
  return {
    name,
    typeUrl: `type.googleapis.com/${type}`,
    build: (_, __, filterName) => ({ name: filterName, create: () => ({}), allowsEarlyDial: () => true }),
  };
}

/** A config that names its type in a struct: only Istio's own are known. */
function typedStruct(type: string): NetworkFilterExtension {
  const typeUrl = `type.googleapis.com/${type}`;
  return {
    name: 'istio.typed_struct',
    typeUrl,
    build: (config, context, filterName) => {
      const inner = typeNameOf(decodeMessage<{ readonly typeUrl: string }>(typeUrl, config, filterName).typeUrl);
      const known = INSIDE.find(([, innerType]) => inner === innerType);
      if (known === undefined) throw new ConfigError('proxy.unknown-extension', filterName, inner);
      return passive(known[0], known[1]).build(config, context, filterName);
    },
  };
}

export const istioNetworkExtensions: readonly NetworkFilterExtension[] = [
  ...INSIDE.map(([name, type]) => passive(name, type)),
  typedStruct('udpa.type.v1.TypedStruct'),
  typedStruct('xds.type.v3.TypedStruct'),
];
