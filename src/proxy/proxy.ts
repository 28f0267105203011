// The data plane of one process, put together: services, stores, managers; fed by resources, whoever brings them.

import { type Clock, inParts, type Logger, type Net, type Random, runInSlices, TimerWheel } from '#base';
import { Intermediates, type SecretSource } from '#identity';
import type { Drawer } from '#leases';
import { PeerCache, StatStore, type StreamReporter } from '#telemetry';
import { ConfigStore } from './apply/config-store.ts';
import { ExtensionRegistry } from './apply/extensions.ts';
import type { NamedResource, ResourceReject } from './apply/named-resource.ts';
import { RouteStore } from './apply/route-store.ts';
import { ListenerManager } from './listener/listener-manager.ts';
import { OpenBytes } from './open-bytes.ts';
import { OverloadManager } from './overload/overload-manager.ts';
import type { StreamReset } from './overload/held-memory.ts';
import type { OverloadThresholds } from './overload/overload-actions.ts';
import { loadRegexEngine } from './matcher/regex.ts';
import { type ModuleSource, NOBODY, type ProxySelf, type ProxyServices } from './services.ts';
import type { Sharing } from './shared/index.ts';
import { SpanExporters } from './tracing/span-exporters.ts';
import { ClusterDiscovery } from './upstream/cluster-discovery.ts';
import { ClusterManager } from './upstream/cluster-manager.ts';

export interface ProxyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly secrets: SecretSource;
  /** Default: a proxy that nothing is known of. */
  readonly self?: ProxySelf;
  readonly stats?: StatStore;
  readonly reporter?: StreamReporter;
  readonly extensions?: ExtensionRegistry;
  /** node:v8's setFlagsFromString: lets V8 run the patterns that are linear there. */
  readonly setV8Flag?: (flag: string) => void;
  /** Memory in use as a share of what the process may have; undefined = no limit is known. */
  readonly memory?: (() => number) | undefined;
  /** Gives memory back; called when it begins to be short. */
  readonly shrink?: () => void;
  readonly overloadThresholds?: OverloadThresholds;
  /** Which streams are reset for their memory, and when. */
  readonly streamReset?: StreamReset | undefined;
  /** Where several threads serve. */
  readonly sharing?: Sharing | undefined;
  /** Draws on limits that all proxies share. */
  readonly leases?: Drawer | undefined;
  readonly modules?: ModuleSource | undefined;
  /** Told of every batch before it is applied: other threads apply the same ones in the same order. */
  readonly mirror?: ResourceMirror | undefined;
}

/** The longest that a proxy that ends waits for its last spans to be taken. */
const LAST_SPANS_MS = 1_000;

/** New connections are taken for so long while we leave, where there were any. */
const ACCEPTS_STILL_MS = 1000;

export type ResourceMirror = (typeUrl: string, added: readonly NamedResource[], removed: readonly string[]) => void;

export class Proxy {
  readonly services: ProxyServices;
  readonly extensions: ExtensionRegistry;
  readonly clusters: ClusterManager;
  readonly listeners: ListenerManager;
  readonly config: ConfigStore;
  readonly #discovery: ClusterDiscovery;
  readonly #mirror: ResourceMirror | undefined;
  #draining = false;

  private constructor(options: ProxyOptions) {
    this.#mirror = options.mirror;
    this.extensions = options.extensions ?? new ExtensionRegistry();
    this.clusters = new ClusterManager();
    const { clock, random, net, log, secrets } = options;
    const stats = options.stats ?? new StatStore();
    const services: ProxyServices = {
      clock,
      random,
      net,
      log,
      secrets,
      self: options.self ?? NOBODY,
      intermediates: new Intermediates(),
      wheel: new TimerWheel(clock, inParts),
      stats,
      openBytes: new OpenBytes(clock),
      reporter: options.reporter,
      peers: new PeerCache(),
      clusters: this.clusters,
      spans: new SpanExporters(() => services),
      overload: new OverloadManager({
        clock,
        log,
        stats,
        memory: options.memory,
        shrink: options.shrink,
        connections: () => this.listeners.connectionCount,
        resetNewest: (count) => this.listeners.resetNewest(count),
        holders: (leastBytes) => this.listeners.holders(leastBytes),
        streamReset: options.streamReset,
        ...(options.overloadThresholds === undefined ? {} : { thresholds: options.overloadThresholds }),
      }),
      sharing: options.sharing,
      leases: options.leases,
      modules: options.modules,
      draining: () => this.#draining,
    };
    this.services = services;
    services.spans.publish(services.stats);
    this.clusters.use(services);
    stats.beforeReading(() => this.clusters.showGauges());
    stats.beforeReading(() => services.openBytes.update());
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

  /** Loads what judges patterns, then makes the proxy: compiling configuration waits for nothing. */
  static async create(options: ProxyOptions): Promise<Proxy> {
    const linear = await loadRegexEngine(options.setV8Flag, options.clock);
    if (options.setV8Flag !== undefined && !linear)
      options.log.warn('patterns run on the slower engine: this V8 did not pass the test of its linear one');
    return new Proxy(options);
  }

  /** In this turn of the loop: before there is traffic. */
  applyResources(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): ResourceReject[] {
    this.#mirror?.(typeUrl, added, removed);
    return this.config.apply(typeUrl, added, removed);
  }

  /** Beside the traffic: a promise where one slice of a turn is not enough. One batch at a time. */
  applyInSlices(
    typeUrl: string,
    added: readonly NamedResource[],
    removed: readonly string[],
  ): ResourceReject[] | Promise<ResourceReject[]> {
    this.#mirror?.(typeUrl, added, removed);
    return runInSlices(this.config.applyInSteps(typeUrl, added, removed), this.services.clock);
  }

  /**
   * Answers "connection: close" and GOAWAY, goes on accepting for a moment, then waits until nothing is open or the time
   * is up. A client that learns late that we leave is served meanwhile; one in the kernel's queue would be reset; the
   * workload itself may go out as long as somebody is connected. Where a successor accepts on the same sockets, we stop
   * that first.
   */
  async drain(limitMs: number, succeeded = false): Promise<void> {
    this.#draining = true;
    const { clock } = this.services;
    const end = clock.now() + limitMs;
    // What rests by then is closed, what is under way has the rest of the time.
    const firm = end - limitMs / 5;
    if (succeeded) await this.#leaveToSuccessor(firm);
    else {
      if (this.listeners.connectionCount > 0) {
        this.listeners.drainGently();
        const acceptMs = Math.min(ACCEPTS_STILL_MS, limitMs / 4);
        await new Promise<void>((resolve) => clock.setTimer(acceptMs, resolve));
      }
      // Who finishes a request may have to ask others for it.
      this.listeners.drainAllButOutbound();
      await this.#untilNobody(firm);
    }
    this.listeners.drainAll();
    await this.#untilNobody(end);
    // A collector that is gone must not hold the end up.
    const late = new Promise<void>((resolve) => clock.setTimer(LAST_SPANS_MS, resolve, { unref: true }));
    await Promise.race([this.services.spans.finish(), late]);
  }

  /** Another process accepts on the same sockets: what is open here is asked to go there, and may take its time. */
  async #leaveToSuccessor(until: number): Promise<void> {
    this.listeners.stopAccepting();
    this.listeners.drainGently();
    await this.#untilNobody(until);
  }

  async #untilNobody(end: number): Promise<void> {
    const { clock } = this.services;
    await this.listeners.emptied();
    while (this.listeners.connectionCount > 0 && clock.now() < end)
      await new Promise<void>((resolve) => clock.setTimer(50, resolve));
  }

  close(): void {
    this.services.spans.close();
    this.#discovery.close();
    this.listeners.destroyAll();
    for (const name of [...this.clusters.names()]) this.clusters.remove(name);
    this.services.overload.close();
    this.services.wheel.close();
  }
}
