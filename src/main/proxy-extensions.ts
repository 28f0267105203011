// Every filter and sink that this build of the proxy has.

import { ExtensionRegistry, HTTP_FILTERS, NETWORK_FILTERS } from '#proxy';

export function allExtensions(): ExtensionRegistry {
  const registry = new ExtensionRegistry();
  for (const extension of HTTP_FILTERS) registry.registerHttpFilter(extension);
  for (const extension of NETWORK_FILTERS) registry.registerNetworkFilter(extension);
  return registry;
}
