// Takes encoded resources and puts each that is good in force at once: sockets own no configuration (design 4).
// A listener whose routes are missing waits for them; a cluster without its endpoints waits for those.
// Everything is made in steps beside what is in force, so that a large push never holds up the traffic (design 3b).

import type { TypedExtensionConfig } from '#proto/envoy/config/core/v3/extension_pb.ts';
import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { Listener } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import { runAtOnce, type Steps, TYPE_URL } from '#base';
import type { ListenerManager } from '../listener/listener-manager.ts';
import { chainsOf, disposeSnapshot, type ListenerSnapshot } from '../listener/listener-snapshot.ts';
import type { ClusterDiscovery } from '../upstream/cluster-discovery.ts';
import { DISCOVERY } from '../upstream/cluster-settings.ts';
import { AwaitedSecrets } from './awaited-secrets.ts';
import { compileListener } from './compile-listener.ts';
import type { CompileContext } from './compile-manager.ts';
import { decodeInSteps } from './decode.ts';
import { DiscoveredFilters, MissingFilter } from './discovered-filters.ts';
import type { Held, NamedResource, ResourceReject } from './named-resource.ts';

export class ConfigStore {
  readonly #context: CompileContext;
  readonly #listeners: ListenerManager;
  readonly #discovery: ClusterDiscovery;
  readonly #held = new Map<string, Map<string, Held>>();
  /** Listeners that wait for a route configuration or, where none is named, for a filter. */
  readonly #warming = new Map<string, { readonly message: Listener; readonly route: string | undefined }>();
  readonly #filters = new DiscoveredFilters();
  /** Listeners with filters that come by themselves, in force or waiting, and which. */
  readonly #followers = new Map<string, { readonly message: Listener; readonly names: ReadonlySet<string> }>();
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

  /** Applies what is good and names the rest, in this turn. */
  apply(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): ResourceReject[] {
    return runAtOnce(this.applyInSteps(typeUrl, added, removed));
  }

  /** As `apply`, pausing. Each resource is in force as a whole or not at all. */
  *applyInSteps(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): Steps<ResourceReject[]> {
    const held = this.#heldOf(typeUrl);
    const changed = added.filter((resource) => !this.#isHeld(held, resource));
    const rejects =
      typeUrl === TYPE_URL.virtualHost
        ? yield* this.#setVirtualHosts(changed, removed)
        : yield* this.#setEach(typeUrl, changed);
    for (const name of removed) {
      held.delete(name);
      this.#remove(typeUrl, name);
      if (typeUrl === TYPE_URL.extensionConfig) yield* this.#withoutFilter(name);
    }
    this.onWants?.();
    return rejects;
  }

  *#setEach(typeUrl: string, resources: readonly NamedResource[]): Steps<ResourceReject[]> {
    const rejects: ResourceReject[] = [];
    for (const resource of resources) {
      try {
        yield* this.#set(typeUrl, resource);
        this.#hold(typeUrl, resource);
      } catch (error) {
        rejects.push({ name: resource.name, detail: (error as Error).message });
      }
      yield;
    }
    return rejects;
  }

  *#setVirtualHosts(resources: readonly NamedResource[], removed: readonly string[]): Steps<ResourceReject[]> {
    const rejects = yield* this.#context.routes.setHosts(resources, removed);
    const bad = new Set(rejects.map(({ name }) => name));
    for (const resource of resources) if (!bad.has(resource.name)) this.#hold(TYPE_URL.virtualHost, resource);
    yield* this.#warmListeners();
    return rejects;
  }

  /** Compared by version, then by bytes: a server that was started again numbers anew what has not changed. */
  #isHeld(held: Map<string, Held>, resource: NamedResource): boolean {
    const known = held.get(resource.name);
    if (known === undefined) return false;
    if (known.version === resource.version && resource.version !== '') return true;
    if (!sameBytes(known.bytes, resource.bytes)) return false;
    held.set(resource.name, { ...known, version: resource.version });
    return true;
  }

  #hold(typeUrl: string, { name, version, bytes }: NamedResource): void {
    const updatedWallMs = this.#context.services.clock.wallTime();
    this.#heldOf(typeUrl).set(name, { version, bytes, updatedWallMs });
  }

  /** Resolves when every listener change so far is bound; gives what could not be. */
  async settled(): Promise<ReadonlyMap<string, string>> {
    await this.#binding;
    return this.#bindErrors;
  }

  /** Names to ask for by type: endpoints of EDS clusters, routes and filters of listeners. */
  wants(): {
    readonly endpoints: ReadonlySet<string>;
    readonly routes: ReadonlySet<string>;
    readonly filters: ReadonlySet<string>;
  } {
    const endpoints = new Set(this.#context.services.clusters.wantedEndpoints());
    const filters = new Set([...this.#followers.values()].flatMap(({ names }) => [...names]));
    return { endpoints, routes: new Set(this.#context.routes.names()), filters };
  }

  /** All resources by type, for config_dump. */
  held(): ReadonlyMap<string, ReadonlyMap<string, Held>> {
    return this.#held;
  }

  /** Clusters and listeners came, every cluster has its endpoints, every listener its routes and socket. */
  get ready(): boolean {
    if (!this.#held.has(TYPE_URL.cluster) || !this.#held.has(TYPE_URL.listener) || !this.listening) return false;
    for (const _ of this.#context.services.clusters.missingEndpoints()) return false;
    return true;
  }

  /** No listener waits for a certificate, its routes or its port. */
  get listening(): boolean {
    return this.#warming.size === 0 && this.#awaited.size === 0 && this.#pendingBinds === 0;
  }

  get warmingListeners(): readonly string[] {
    return [...this.#warming.keys(), ...this.#awaited.names()];
  }

  *#set(typeUrl: string, { name, bytes }: NamedResource): Steps<void> {
    const { services, routes } = this.#context;
    switch (typeUrl) {
      case TYPE_URL.cluster:
        return yield* this.#setCluster(
          yield* decodeInSteps<ClusterMessage>(typeUrl, bytes, `cluster "${name}"`),
          bytes,
        );
      case TYPE_URL.endpoint:
        return yield* services.clusters.setAssignment(name, bytes);
      case TYPE_URL.route:
        yield* routes.set(yield* decodeInSteps<RouteConfiguration>(typeUrl, bytes, `route configuration "${name}"`));
        return yield* this.#warmListeners();
      case TYPE_URL.listener:
        return yield* this.#setListener(yield* decodeInSteps<Listener>(typeUrl, bytes, `listener "${name}"`));
      case TYPE_URL.extensionConfig:
        return yield* this.#setFilter(
          name,
          yield* decodeInSteps<TypedExtensionConfig>(typeUrl, bytes, `extension "${name}"`),
        );
      default:
        return;
    }
  }

  /** Its listeners are made anew around it; where one cannot be, all keep the former filter. */
  *#setFilter(name: string, { typedConfig }: TypedExtensionConfig): Steps<void> {
    const former = this.#filters.get(name);
    this.#filters.set(name, typedConfig);
    try {
      yield* this.#remake(name);
    } catch (error) {
      this.#filters.set(name, former);
      yield* this.#remake(name);
      throw error;
    }
  }

  /** Listeners in force keep it: without, they would refuse everything or nothing. Those that wait may have a default. */
  *#withoutFilter(name: string): Steps<void> {
    this.#filters.set(name, undefined);
    for (const { message, route } of [...this.#warming.values()])
      if (route === undefined) yield* this.#setListener(message);
  }

  *#remake(filter: string): Steps<void> {
    for (const { message, names } of [...this.#followers.values()])
      if (names.has(filter)) yield* this.#setListener(message);
  }

  *#setCluster(message: ClusterMessage, bytes: Uint8Array): Steps<void> {
    const { clusters } = this.#context.services;
    const { name } = message;
    const before = clusters.edsNameOf(name);
    const cluster = clusters.set(message, bytes);
    const edsName = clusters.edsNameOf(name) as string;
    if (cluster !== undefined) {
      this.#discovery.follow(cluster);
      if (cluster.settings.discovery !== DISCOVERY.EDS) return;
    }
    if (clusters.isWarm(name) && edsName === before) return;
    const known = this.#heldOf(TYPE_URL.endpoint).get(edsName);
    if (known === undefined) return;
    yield* clusters.setAssignment(edsName, known.bytes);
  }

  *#warmListeners(): Steps<void> {
    for (const { message, route } of [...this.#warming.values()])
      if (route !== undefined && this.#context.routes.byName(route).current !== undefined)
        yield* this.#setListener(message);
  }

  *#setListener(message: Listener): Steps<void> {
    // An empty API listener of gRPC has no address and is not for proxies.
    const look = this.#filters.look();
    let snapshot: ListenerSnapshot;
    try {
      snapshot = yield* compileListener(message, this.#context, look);
    } catch (error) {
      if (!(error instanceof MissingFilter)) throw error;
      this.#follow(message, look.names);
      this.#warming.set(message.name, { message, route: undefined });
      return;
    }
    this.#follow(message, look.names);
    const route = missingRoute(snapshot);
    if (route !== undefined) {
      disposeSnapshot(snapshot);
      this.#warming.set(message.name, { message, route });
      return;
    }
    this.#warming.delete(message.name);
    this.#awaited.add(snapshot, () => this.#bind(snapshot));
  }

  #follow(message: Listener, names: ReadonlySet<string>): void {
    if (names.size > 0) this.#followers.set(message.name, { message, names });
    else this.#followers.delete(message.name);
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
        const cluster = services.clusters.live(name);
        const edsName = services.clusters.edsNameOf(name);
        if (cluster !== undefined) this.#discovery.forget(cluster);
        services.clusters.remove(name);
        // Nobody asks for them any more, and so nobody will say when they are gone.
        if (edsName !== undefined && !services.clusters.followsEndpoints(edsName))
          this.#heldOf(TYPE_URL.endpoint).delete(edsName);
        return;
      }
      case TYPE_URL.endpoint:
        services.clusters.withoutAssignment(name);
        return;
      case TYPE_URL.route:
        routes.remove(name);
        return;
      case TYPE_URL.listener:
        this.#warming.delete(name);
        this.#followers.delete(name);
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
  for (const { terminal } of chainsOf(snapshot)) {
    const routes = (terminal as { config?: { routes?: { name: string; current: unknown } } }).config?.routes;
    if (routes !== undefined && routes.current === undefined) return routes.name;
  }
  return undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
