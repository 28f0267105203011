// The data plane of one process, put together: services, stores, managers; fed by resources, whoever brings them.

import { type Clock, type Logger, type Net, type Random, TimerWheel } from '#base';
import { Intermediates, type SecretSource } from '#identity';
import { PeerCache, StatStore, type StreamReporter } from '#telemetry';
import { ConfigStore, type NamedResource, type ResourceReject } from './apply/config-store.ts';
import { ExtensionRegistry } from './apply/extensions.ts';
import { RouteStore } from './apply/route-store.ts';
import { ListenerManager } from './listener/listener-manager.ts';
import { loadRegexEngine } from './matcher/regex.ts';
import type { ProxyServices } from './services.ts';
import { ClusterDiscovery } from './upstream/cluster-discovery.ts';
import { ClusterManager } from './upstream/cluster-manager.ts';

export interface ProxyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly secrets: SecretSource;
  readonly stats?: StatStore;
  readonly reporter?: StreamReporter;
  readonly extensions?: ExtensionRegistry;
  /** node:v8's setFlagsFromString: lets V8 run the patterns that are linear there. */
  readonly setV8Flag?: (flag: string) => void;
}

export class Proxy {
  readonly services: ProxyServices;
  readonly extensions: ExtensionRegistry;
  readonly clusters: ClusterManager;
  readonly listeners: ListenerManager;
  readonly config: ConfigStore;
  readonly #discovery: ClusterDiscovery;
  #draining = false;

  private constructor(options: ProxyOptions) {
    this.extensions = options.extensions ?? new ExtensionRegistry();
    this.clusters = new ClusterManager();
    const { clock, random, net, log, secrets } = options;
    const services: ProxyServices = {
      clock,
      random,
      net,
      log,
      secrets,
      intermediates: new Intermediates(),
      wheel: new TimerWheel(clock),
      stats: options.stats ?? new StatStore(),
      reporter: options.reporter,
      peers: new PeerCache(),
      clusters: this.clusters,
      draining: () => this.#draining,
    };
    this.services = services;
    this.clusters.use(services);
    this.listeners = new ListenerManager(services);
    this.#discovery = new ClusterDiscovery(services);
    const routes = new RouteStore(this.extensions, log);
    const warn = (field: string, reason: string): void => log.warn('listener setting has no effect', { field, reason });
    this.config = new ConfigStore(
      { services, extensions: this.extensions, routes, warn },
      this.listeners,
      this.#discovery,
    );
  }

  /** Loads what judges patterns, then makes the proxy: configuration is applied in one turn of the loop. */
  static async create(options: ProxyOptions): Promise<Proxy> {
    const linear = await loadRegexEngine(options.setV8Flag, options.clock);
    if (options.setV8Flag !== undefined && !linear)
      options.log.warn('patterns run on the slower engine: this V8 did not pass the test of its linear one');
    return new Proxy(options);
  }

  applyResources(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): ResourceReject[] {
    return this.config.apply(typeUrl, added, removed);
  }

  /** Stops accepting, answers "connection: close", and waits until nothing is open or the time is up. */
  async drain(limitMs: number): Promise<void> {
    this.#draining = true;
    this.listeners.drainAll();
    const { clock } = this.services;
    const end = clock.now() + limitMs;
    while (this.listeners.connectionCount > 0 && clock.now() < end) {
      await new Promise<void>((resolve) => clock.setTimer(50, resolve));
    }
  }

  close(): void {
    this.#discovery.close();
    this.listeners.destroyAll();
    for (const cluster of [...this.clusters.all()]) this.clusters.remove(cluster.name);
    this.services.wheel.close();
  }
}
