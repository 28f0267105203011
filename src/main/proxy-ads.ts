// `topsail proxy` with an Envoy bootstrap's ads_config: resources over the aggregated stream, on a static cluster's
// connections; secrets over it too, but for those that an agent serves by Istio's `sds-grpc`.

import { RemoteSecrets } from '#agent';
import { type Clock, type Logger, type NodeMetadata, type Random, TYPE_URL } from '#base';
import { AgentSecrets, FileSecrets, type SecretSource } from '#identity';
import { SystemFs } from '#io';
import { clusterDialer, feedFromXds, peerMetadataExtension, type Proxy } from '#proxy';
import { encodePeerMetadata, localPeer } from '#telemetry';
import { type ApplyBatch, DiscoveryClient, XDS_LIMITS, type XdsClient } from '#xds';
import { GrpcChannel } from '#wire/grpc';
import type { BootstrapParts } from './read-bootstrap.ts';
import { VERSION } from './version.ts';

export interface ProxySourcesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly bootstrap: BootstrapParts;
}

/** Istio's static cluster of the agent's own certificate and roots. */
const SDS_CLUSTER = 'sds-grpc';

/** Brings what the bootstrap only names. */
export class ProxySources {
  readonly secrets: SecretSource;
  readonly #options: ProxySourcesOptions;
  readonly #ofAgent = new RemoteSecrets();
  readonly #ofControlPlane = new RemoteSecrets();
  readonly #opened: { close(): void }[] = [];
  #ads: XdsClient | undefined;

  constructor(options: ProxySourcesOptions) {
    this.#options = options;
    this.secrets = new AgentSecrets({
      workload: this.#hasAgent ? this.#ofAgent : this.#ofControlPlane,
      files: new FileSecrets({ fs: new SystemFs(), log: options.log }),
      remote: this.#ofControlPlane,
    });
  }

  /** Static resources are in force: their clusters carry the streams. Each reconnects by itself until closed. */
  follow(proxy: Proxy): void {
    const { ads, node } = this.#options.bootstrap;
    if (this.#hasAgent) {
      const client = this.#client(proxy, SDS_CLUSTER, true, (batch) => this.#ofAgent.apply(batch), TYPE_URL.secret);
      this.#ofAgent.onWants = (names) => client.subscribe(TYPE_URL.secret, names);
      client.start();
    }
    if (ads === undefined) return;
    introduce(proxy, node);
    this.#ads = feedFromXds(proxy, (apply) => {
      const client = this.#client(proxy, ads.cluster, ads.delta, (batch) =>
        batch.typeUrl === TYPE_URL.secret ? this.#ofControlPlane.apply(batch) : apply(batch),
      );
      this.#ofControlPlane.onWants = (names) => client.subscribe(TYPE_URL.secret, names);
      return client;
    });
  }

  get connected(): boolean {
    return this.#ads?.status.connected === true;
  }

  close(): void {
    for (const one of this.#opened) one.close();
  }

  get #hasAgent(): boolean {
    return this.#options.bootstrap.clusters.some(({ name }) => name === SDS_CLUSTER);
  }

  #client(proxy: Proxy, cluster: string, delta: boolean, apply: ApplyBatch, onlyType?: string): DiscoveryClient {
    const { clock, random, log, bootstrap } = this.#options;
    const channel = new GrpcChannel({
      clock,
      random,
      dialer: clusterDialer(proxy.clusters, cluster),
      messageBytesMax: XDS_LIMITS.responseBytesMax,
      userAgent: `topsail/${VERSION}`,
      keepaliveMs: 0,
    });
    const client = new DiscoveryClient({
      channel,
      clock,
      random,
      log: log.scope('xds'),
      variant: delta ? 'delta' : 'sotw',
      node: () => ({ ...bootstrap.node, userAgent: `topsail/${VERSION}` }),
      apply,
      ...(onlyType === undefined ? {} : { onlyType }),
    });
    this.#opened.push(client, channel);
    return client;
  }
}

/** What its peers are told of this proxy, where it stands in a mesh of ours. */
function introduce(proxy: Proxy, node: BootstrapParts['node']): void {
  const metadata = node.metadata as unknown as NodeMetadata;
  if (typeof metadata.NAMESPACE !== 'string') return;
  const encoded = encodePeerMetadata(localPeer(metadata));
  proxy.extensions.registerHttpFilter(peerMetadataExtension({ encoded, nodeId: node.id }, proxy.services.peers));
}
