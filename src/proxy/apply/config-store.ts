// Takes encoded resources, validates all of a batch, then swaps what is good: sockets own no configuration (design 4).
// A listener whose routes are missing waits for them; a cluster without its endpoints waits for those.

import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { Listener } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import type { VirtualHost } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { TYPE_URL } from '#base';
import type { ListenerManager } from '../listener/listener-manager.ts';
import type { ListenerSnapshot } from '../listener/listener-snapshot.ts';
import type { ClusterDiscovery } from '../upstream/cluster-discovery.ts';
import type { RouteTable } from '../route/index.ts';
import { DISCOVERY } from '../upstream/cluster-settings.ts';
import { AwaitedSecrets } from './awaited-secrets.ts';
import { compileListener } from './compile-listener.ts';
import type { CompileContext } from './compile-manager.ts';
import { decodeMessage } from './decode.ts';

export interface NamedResource {
  readonly name: string;
  /** Encoded message, not the Any around it. */
  readonly bytes: Uint8Array;
  readonly version: string;
}

export interface ResourceReject {
  readonly name: string;
  readonly detail: string;
}

export interface Held {
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly updatedWallMs: number;
}

export class ConfigStore {
  readonly #context: CompileContext;
  readonly #listeners: ListenerManager;
  readonly #discovery: ClusterDiscovery;
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #assignments = new Map<string, ClusterLoadAssignment>();
  /** Listeners that wait for a route configuration of this name. */
  readonly #warming = new Map<string, Listener>();
  readonly #awaited: AwaitedSecrets;
  /** Binding is asynchronous: listener changes run one after another. */
  #binding: Promise<void> = Promise.resolve();
  #pendingBinds = 0;
  readonly #bindErrors = new Map<string, string>();
  /** Called when the set of names to ask for may have changed. */
  onWants: (() => void) | undefined = undefined;

  constructor(context: CompileContext, listeners: ListenerManager, discovery: ClusterDiscovery) {
    this.#context = context;
    this.#listeners = listeners;
    this.#discovery = discovery;
    this.#awaited = new AwaitedSecrets(context.services);
  }

  /** Applies what is good and names the rest. */
  apply(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): ResourceReject[] {
    const rejects: ResourceReject[] = [];
    const held = this.#heldOf(typeUrl);
    for (const resource of added) {
      if (held.get(resource.name)?.version === resource.version && resource.version !== '') continue;
      try {
        this.#add(typeUrl, resource);
        held.set(resource.name, {
          version: resource.version,
          bytes: resource.bytes,
          updatedWallMs: this.#context.services.clock.wallTime(),
        });
      } catch (error) {
        rejects.push({ name: resource.name, detail: (error as Error).message });
      }
    }
    for (const name of removed) {
      held.delete(name);
      this.#remove(typeUrl, name);
    }
    this.onWants?.();
    return rejects;
  }

  /** Resolves when every listener change so far is bound; gives what could not be. */
  async settled(): Promise<ReadonlyMap<string, string>> {
    await this.#binding;
    return this.#bindErrors;
  }

  /** Names to ask for by type: endpoints of EDS clusters, routes of listeners. */
  wants(): { readonly endpoints: ReadonlySet<string>; readonly routes: ReadonlySet<string> } {
    const endpoints = new Set<string>();
    for (const cluster of this.#context.services.clusters.all())
      if (cluster.settings.discovery === DISCOVERY.EDS) endpoints.add(cluster.settings.edsName);
    return { endpoints, routes: new Set(this.#context.routes.names()) };
  }

  /** All resources by type, for config_dump. */
  held(): ReadonlyMap<string, ReadonlyMap<string, Held>> {
    return this.#held;
  }

  /** Clusters and listeners came, every cluster has its endpoints, every listener its routes and socket. */
  get ready(): boolean {
    if (
      !this.#held.has(TYPE_URL.cluster) ||
      !this.#held.has(TYPE_URL.listener) ||
      this.#warming.size > 0 ||
      this.#awaited.size > 0 ||
      this.#pendingBinds > 0
    )
      return false;
    for (const cluster of this.#context.services.clusters.all()) if (!cluster.warm) return false;
    return true;
  }

  get warmingListeners(): readonly string[] {
    return [...this.#warming.keys(), ...this.#awaited.names()];
  }

  #add(typeUrl: string, { name, bytes }: NamedResource): void {
    switch (typeUrl) {
      case TYPE_URL.cluster:
        return this.#setCluster(decodeMessage<ClusterMessage>(typeUrl, bytes, `cluster "${name}"`));
      case TYPE_URL.endpoint: {
        const assignment = decodeMessage<ClusterLoadAssignment>(typeUrl, bytes, `cluster load assignment "${name}"`);
        this.#assignments.set(assignment.clusterName, assignment);
        this.#context.services.clusters.setAssignment(assignment.clusterName, assignment);
        return;
      }
      case TYPE_URL.route:
        return this.#setRoute(decodeMessage<RouteConfiguration>(typeUrl, bytes, `route configuration "${name}"`));
      case TYPE_URL.virtualHost:
        return this.#setVirtualHost(name, decodeMessage<VirtualHost>(typeUrl, bytes, `virtual host "${name}"`));
      case TYPE_URL.listener:
        return this.#setListener(decodeMessage<Listener>(typeUrl, bytes, `listener "${name}"`));
      default:
        return;
    }
  }

  #setCluster(message: ClusterMessage): void {
    const cluster = this.#context.services.clusters.set(message);
    this.#discovery.follow(cluster);
    const known =
      cluster.settings.discovery === DISCOVERY.EDS ? this.#assignments.get(cluster.settings.edsName) : undefined;
    if (known !== undefined) cluster.setAssignment(known);
  }

  #setRoute(config: RouteConfiguration): void {
    const { routes } = this.#context;
    routes.set(config.name, this.#withVirtualHosts(routes.compile(config)));
    for (const [name, listener] of [...this.#warming]) {
      this.#warming.delete(name);
      this.#setListener(listener);
    }
  }

  /** A new version of a table comes without the virtual hosts that came by themselves. */
  #withVirtualHosts(table: RouteTable): RouteTable {
    if (!table.usesVhds) return table;
    const prefix = `${table.name}/`;
    const hosts: VirtualHost[] = [];
    for (const [name, { bytes }] of this.#heldOf(TYPE_URL.virtualHost)) {
      if (name.startsWith(prefix))
        hosts.push(decodeMessage<VirtualHost>(TYPE_URL.virtualHost, bytes, `virtual host "${name}"`));
    }
    return hosts.length === 0 ? table : table.withVirtualHosts(hosts);
  }

  /** "<route configuration>/<domain>", as VHDS names them. */
  #setVirtualHost(name: string, host: VirtualHost): void {
    const source = this.#context.routes.byName(name.slice(0, name.indexOf('/')));
    if (source.current !== undefined) source.current = source.current.withVirtualHosts([host]);
  }

  #setListener(message: Listener): void {
    // An empty API listener of gRPC has no address and is not for proxies.
    const snapshot = compileListener(message, this.#context);
    const missing = missingRoute(snapshot);
    if (missing !== undefined) {
      this.#warming.set(message.name, message);
      return;
    }
    this.#warming.delete(message.name);
    this.#awaited.add(snapshot, () => this.#bind(snapshot));
  }

  #bind(snapshot: ListenerSnapshot): void {
    this.#pendingBinds++;
    this.#binding = this.#binding.then(async () => {
      try {
        await this.#listeners.set(snapshot);
        this.#bindErrors.delete(snapshot.name);
      } catch (error) {
        this.#bindErrors.set(snapshot.name, (error as Error).message);
        this.#context.services.log.error('listener can not be bound', {
          listener: snapshot.name,
          address: `${snapshot.host}:${snapshot.port}`,
          reason: (error as Error).message,
        });
      } finally {
        this.#pendingBinds--;
      }
    });
  }

  #remove(typeUrl: string, name: string): void {
    const { services, routes } = this.#context;
    switch (typeUrl) {
      case TYPE_URL.cluster: {
        const cluster = services.clusters.get(name);
        if (cluster !== undefined) this.#discovery.forget(cluster);
        services.clusters.remove(name);
        return;
      }
      case TYPE_URL.endpoint:
        this.#assignments.delete(name);
        for (const cluster of services.clusters.all())
          if (cluster.settings.edsName === name && !cluster.warm) cluster.setHosts([]);
        return;
      case TYPE_URL.route:
        routes.set(name, undefined);
        return;
      case TYPE_URL.virtualHost: {
        const source = routes.byName(name.slice(0, name.indexOf('/')));
        source.current = source.current?.withVirtualHosts([], [name.slice(name.indexOf('/') + 1)]);
        return;
      }
      case TYPE_URL.listener:
        this.#warming.delete(name);
        this.#awaited.drop(name);
        this.#binding = this.#binding.then(() => this.#listeners.remove(name));
        return;
      default:
        return;
    }
  }

  #heldOf(typeUrl: string): Map<string, Held> {
    let held = this.#held.get(typeUrl);
    if (held === undefined) this.#held.set(typeUrl, (held = new Map()));
    return held;
  }
}

function missingRoute(snapshot: ListenerSnapshot): string | undefined {
  const chains = snapshot.defaultChain === undefined ? snapshot.chains : [...snapshot.chains, snapshot.defaultChain];
  for (const { terminal } of chains) {
    const routes = (terminal as { config?: { routes?: { name: string; current: unknown } } }).config?.routes;
    if (routes !== undefined && routes.current === undefined) return routes.name;
  }
  return undefined;
}
