// Ties an xDS client to a proxy: what it brings is applied, what the proxy then needs is asked for.

import { TYPE_URL } from '#base';
import type { ApplyBatch, XdsClient } from '#xds';
import type { Proxy } from '../proxy.ts';

/** `make` builds the client around the given apply function; it is started here. */
export function feedFromXds(proxy: Proxy, make: (apply: ApplyBatch) => XdsClient): XdsClient {
  const client = make((batch) => proxy.applyInSlices(batch.typeUrl, batch.added, batch.removed));
  client.subscribeAll(TYPE_URL.cluster);
  client.subscribeAll(TYPE_URL.listener);
  followWants(proxy, client);
  client.start();
  return client;
}

/** From now on the proxy's listeners and clusters say what else is asked for. */
export function followWants(proxy: Proxy, client: XdsClient): void {
  // Servers that have no filters by themselves are not asked for any.
  let asksForFilters = false;
  proxy.config.onWants = () => {
    const { endpoints, routes, filters } = proxy.config.wants();
    client.subscribe(TYPE_URL.endpoint, endpoints);
    client.subscribe(TYPE_URL.route, routes);
    asksForFilters ||= filters.size > 0;
    if (asksForFilters) client.subscribe(TYPE_URL.extensionConfig, filters);
  };
}
