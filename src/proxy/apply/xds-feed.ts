// Ties an xDS client to a proxy: what it brings is applied, what the proxy then needs is asked for.

import { TYPE_URL } from '#base';
import type { ApplyBatch, XdsClient } from '#xds';
import type { Proxy } from '../proxy.ts';

/** `make` builds the client around the given apply function; it is started here. */
export function feedFromXds(proxy: Proxy, make: (apply: ApplyBatch) => XdsClient): XdsClient {
  const client = make((batch) => proxy.applyInSlices(batch.typeUrl, batch.added, batch.removed));
  client.subscribeAll(TYPE_URL.cluster);
  client.subscribeAll(TYPE_URL.listener);
  proxy.config.onWants = () => {
    const { endpoints, routes } = proxy.config.wants();
    client.subscribe(TYPE_URL.endpoint, endpoints);
    client.subscribe(TYPE_URL.route, routes);
  };
  client.start();
  return client;
}
