// Turns configuration changes and health reports into numbered snapshots: endpoints at once, all else after a short quiet.

import type { Clock, Timer } from '#base';
import type { ConfigDiff, ConfigView } from '#config';
import { type EndpointChange, type PodChange, Registry, type Service, type ServiceEndpoints } from '#registry';
import { buildSnapshot, withEndpoints, withSettledModes } from './build-snapshot.ts';
import { Debounce, type DebounceLimits, STANDALONE_DEBOUNCE } from './debounce.ts';
import { changedKeys, isEndpointOnly, type SnapshotDiff, touchesRegistry } from './diff.ts';
import type { Retained, SettledPlugins, Snapshot } from './snapshot.ts';

export type SnapshotSubscriber = (snapshot: Snapshot, diff: SnapshotDiff) => void;

export interface PusherOptions {
  readonly clock: Clock;
  /** DNS suffix of services, "cluster.local". */
  readonly domain: string;
  readonly cluster: string;
  /** The authority's; absent: MeshConfig's. */
  readonly trustDomain?: string;
  readonly debounce?: DebounceLimits;
  /** Last good references from before a restart. */
  readonly retained?: Retained;
  /** Virtual addresses that hosts were given before, or by another replica. */
  readonly given?: () => ReadonlyMap<string, string>;
}

/** How long receivers accept both plaintext and TLS for senders that do not acknowledge (design 5). */
const SENDERS_SWITCH_MS = 30_000;

export class Pusher {
  readonly #options: PusherOptions;
  readonly #registry: Registry;
  readonly #debounce: Debounce;
  readonly #subscribers = new Set<SnapshotSubscriber>();
  #waiting: { config: ConfigView; keys: Set<string> } | undefined;
  #snapshot: Snapshot | undefined;
  #keySets: ReadonlyMap<string, string> = new Map();
  #plugins: SettledPlugins = new Map();
  /** The snapshot in which receivers began to accept former modes too, and when they stop at the latest. */
  #settling: { readonly since: number; readonly timer: Timer } | undefined;

  constructor(options: PusherOptions) {
    this.#options = options;
    const { domain, cluster, given } = options;
    this.#registry = new Registry({ domain, cluster, ...(given === undefined ? {} : { given }) });
    this.#debounce = new Debounce(options.clock, options.debounce ?? STANDALONE_DEBOUNCE, () => this.#build());
  }

  get registry(): Registry {
    return this.#registry;
  }

  /** Undefined until the first configuration was taken in. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  subscribe(subscriber: SnapshotSubscriber): { close(): void } {
    this.#subscribers.add(subscriber);
    return { close: () => void this.#subscribers.delete(subscriber) };
  }

  /** The first call builds at once; later ones after the quiet, unless only endpoints changed. */
  configChanged(config: ConfigView, diff: ConfigDiff): void {
    const keys = changedKeys(diff);
    if (this.#snapshot === undefined) {
      this.#waiting = { config, keys: new Set(keys) };
      this.#build();
      return;
    }
    if (isEndpointOnly(keys)) {
      const waiting = this.#waiting;
      this.#publishEndpoints(
        this.#registry.updateEndpoints(config, keys),
        keys,
        waiting === undefined ? config : undefined,
      );
      if (waiting !== undefined) waiting.config = config;
      return;
    }
    if (this.#waiting === undefined) this.#waiting = { config, keys: new Set(keys) };
    else {
      this.#waiting.config = config;
      for (const key of keys) this.#waiting.keys.add(key);
    }
    this.#debounce.touch();
  }

  /** An agent's HealthInformation about a WorkloadEntry (`objectKey`). */
  healthChanged(workloadKey: string, healthy: boolean): void {
    const change = this.#registry.setHealth(workloadKey, healthy);
    if (change !== undefined && this.#snapshot !== undefined) this.#publishEndpoints(change, new Set(), undefined);
  }

  /** Pods that came, changed or went, where a cluster says so. */
  podsChanged(changes: Iterable<PodChange>): void {
    const change = this.#registry.setPods(changes);
    if (change !== undefined && this.#snapshot !== undefined) this.#publishEndpoints(change, new Set(), undefined);
  }

  /** Key sets were fetched anew and differ; `keys` are the RequestAuthentications that use them. */
  keySetsChanged(keySets: ReadonlyMap<string, string>, keys: Iterable<string>): void {
    this.#keySets = keySets;
    this.#fetched(keys);
  }

  /** Modules of these WasmPlugins are settled, or settled anew. */
  pluginsChanged(plugins: SettledPlugins, keys: Iterable<string>): void {
    this.#plugins = plugins;
    this.#fetched(keys);
  }

  #fetched(keys: Iterable<string>): void {
    if (this.#snapshot !== undefined)
      this.configChanged(this.#waiting?.config ?? this.#snapshot.config, {
        from: 0,
        to: 0,
        added: new Set(),
        changed: new Set(keys),
        removed: new Set(),
      });
  }

  /** Receivers accept former modes until senders acknowledged. */
  get settling(): boolean {
    return this.#settling !== undefined;
  }

  /** Every connected sender acknowledged snapshot `number`: receivers need no longer accept former mTLS modes. */
  sendersAcknowledged(number: number): void {
    if (this.#settling !== undefined && number >= this.#settling.since) this.#settle();
  }

  /** Builds what waits, at once. */
  flush(): void {
    this.#debounce.flush();
  }

  close(): void {
    this.#debounce.cancel();
    this.#settling?.timer.cancel();
    this.#subscribers.clear();
  }

  #build(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    const change = this.#registryChange(waiting.config, waiting.keys);
    const { domain, retained, trustDomain } = this.#options;
    const former = this.#snapshot;
    const next = buildSnapshot({
      config: waiting.config,
      registry: change.view,
      domain,
      former,
      keySets: this.#keySets,
      plugins: this.#plugins,
      ...(retained === undefined ? {} : { retained }),
      ...(trustDomain === undefined ? {} : { trustDomain }),
    });
    this.#awaitSenders(former, next);
    this.#publish(next, { objects: waiting.keys, endpoints: change.changed, configuration: true });
  }

  /** Services and workloads are read anew only when something of theirs changed. */
  #registryChange(config: ConfigView, keys: ReadonlySet<string>): EndpointChange {
    const view = this.#registry.view;
    if (view === undefined || touchesRegistry(keys)) return this.#registry.rebuild(config);
    return { view, changed: new Set() };
  }

  /** A new identity among a service's endpoints changes what its clients verify: that reaches clusters too. */
  #publishEndpoints(change: EndpointChange, keys: ReadonlySet<string>, config: ConfigView | undefined): void {
    const former = this.#snapshot as Snapshot;
    if (change.changed.size === 0 && config === undefined) return;
    const identities = [...change.changed].some(
      (key) =>
        carriesEndpoints(change.view.services.all.get(key)) ||
        identitiesOf(former.endpoints.get(key)) !== identitiesOf(change.view.endpoints.get(key)),
    );
    const next = withEndpoints(former, change.view);
    const snapshot = Object.freeze<Snapshot>({
      ...next,
      config: config ?? former.config,
      ...(identities ? { configNumber: next.number, epoch: {} } : {}),
    });
    if (change.changed.size === 0) this.#snapshot = Object.freeze({ ...snapshot, number: former.number });
    else this.#publish(snapshot, { objects: keys, endpoints: change.changed, configuration: identities });
  }

  #settle(): void {
    this.#settling?.timer.cancel();
    this.#settling = undefined;
    const former = this.#snapshot;
    if (former?.formerPeerAuthentications === undefined) return;
    const keys = former.config.list('PeerAuthentication').map((policy) => policy.key);
    this.#publish(withSettledModes(former), { objects: new Set(keys), endpoints: new Set(), configuration: true });
  }

  #awaitSenders(former: Snapshot | undefined, next: Snapshot): void {
    if (next.formerPeerAuthentications === undefined || former?.peerAuthentications === next.peerAuthentications)
      return;
    this.#settling?.timer.cancel();
    const timer = this.#options.clock.setTimer(SENDERS_SWITCH_MS, () => this.#settle(), { unref: true });
    this.#settling = { since: next.number, timer };
  }

  #publish(snapshot: Snapshot, diff: SnapshotDiff): void {
    this.#snapshot = snapshot;
    for (const subscriber of [...this.#subscribers]) subscriber(snapshot, diff);
  }
}

/** Clusters that resolve names carry their endpoints themselves; names and listeners of headless services are their pods'. */
function carriesEndpoints(service: Service | undefined): boolean {
  return service?.resolution === 'dns' || service?.resolution === 'dns-round-robin' || service?.headless === true;
}

function identitiesOf(endpoints: ServiceEndpoints | undefined): string {
  const found = new Set<string>();
  for (const list of endpoints?.byPort.values() ?? [])
    for (const e of list) found.add(`${e.namespace}/${e.serviceAccount}/${e.tlsMode}`);
  return [...found].sort().join(' ');
}
