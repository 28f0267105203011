// Istio's network filters: known by name. Peers over TCP are known from endpoint metadata and certificates; nothing is exchanged in front of the bytes.

import type { NetworkFilterExtension } from '../../network/filter.ts';

function passive(name: string, type: string): NetworkFilterExtension {
  return {
    name,
    typeUrl: `type.googleapis.com/${type}`,
    build: (_, __, filterName) => ({ name: filterName, create: () => ({}) }),
  };
}

export const istioNetworkExtensions: readonly NetworkFilterExtension[] = [
  passive('istio.metadata_exchange', 'envoy.tcp.metadataexchange.config.MetadataExchange'),
  passive('istio.stats', 'stats.PluginConfig'),
];
