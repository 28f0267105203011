// `topsail proxy` with an Envoy bootstrap's ads_config: resources over the aggregated stream, on a static cluster's connections.

import type { Clock, Logger, Random } from '#base';
import { clusterDialer, feedFromXds, type Proxy } from '#proxy';
import { DiscoveryClient, XDS_LIMITS, type XdsClient } from '#xds';
import { GrpcChannel } from '#wire/grpc';
import type { BootstrapParts } from './read-bootstrap.ts';
import { VERSION } from './version.ts';

export interface ProxyAdsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly proxy: Proxy;
  readonly ads: NonNullable<BootstrapParts['ads']>;
  readonly node: BootstrapParts['node'];
}

/** Starts it; it reconnects by itself until closed. */
export function followAds({ clock, random, log, proxy, ads, node }: ProxyAdsOptions): XdsClient {
  const channel = new GrpcChannel({
    clock,
    random,
    dialer: clusterDialer(proxy.clusters, ads.cluster),
    messageBytesMax: XDS_LIMITS.responseBytesMax,
    userAgent: `topsail/${VERSION}`,
    keepaliveMs: 0,
  });
  return feedFromXds(
    proxy,
    (apply) =>
      new DiscoveryClient({
        channel,
        clock,
        random,
        log: log.scope('xds'),
        variant: ads.delta ? 'delta' : 'sotw',
        node: () => ({
          id: node.id,
          cluster: node.cluster,
          metadata: { ...node.metadata },
          locality: { region: '', zone: '', subZone: '' },
          userAgent: `topsail/${VERSION}`,
        }),
        apply,
      }),
  );
}
