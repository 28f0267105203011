// Every filter and sink that this build of the proxy has.

import { openCompressor } from '#io';
import {
  accessLogSinks,
  compressorExtension,
  ExtensionRegistry,
  grpcLogSinks,
  HTTP_FILTERS,
  type LogFiles,
  NETWORK_FILTERS,
} from '#proxy';

export function allExtensions(logs: LogFiles): ExtensionRegistry {
  const registry = new ExtensionRegistry();
  for (const extension of HTTP_FILTERS) registry.registerHttpFilter(extension);
  registry.registerHttpFilter(compressorExtension(openCompressor));
  for (const extension of NETWORK_FILTERS) registry.registerNetworkFilter(extension);
  for (const extension of [...accessLogSinks(logs), ...grpcLogSinks()]) registry.registerStreamSink(extension);
  return registry;
}
