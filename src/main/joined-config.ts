// Adds a WorkloadEntry for every workload that joined through xDS to the configuration from files (design §3c).
// An entry lives as long as its connection and a grace; it is kept in state/ so that a restarted control plane
// knows its workloads before they are back.
import type { BoundPort, Clock, Logger, Timer } from '#base';
import {
  byAge,
  type ConfigDiff,
  type ConfigObject,
  type ConfigSubscriber,
  type ConfigView,
  type KindName,
  objectKey,
  type SpecOf,
} from '#config';
import { BOUND_PORTS_ANNOTATION } from '#registry';

/** Istio's WORKLOAD_ENTRY_CLEANUP_GRACE_PERIOD. */
const GRACE_MS = 10_000;
/** After a restart: longer than the agents' longest pause between two attempts. */
const RESTORED_GRACE_MS = 60_000;
const MOST_WORKLOADS = 10_000;
const NO_FILE = { file: '', line: 0, document: 0 };

/** What is kept of a workload that joined. */
export interface Joined {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  /** By name; ports without one are found by their number. */
  readonly ports: Readonly<Record<string, number>>;
  readonly boundPorts: readonly BoundPort[];
  readonly joinedMs: number;
}

interface Entry {
  readonly joined: Joined;
  readonly object: ConfigObject;
  connections: number;
  /** Its agent said that it ends: nobody waits for it. */
  going: boolean;
  leaving: Timer | undefined;
}

export interface JoinedConfigOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly changed: ConfigSubscriber;
  /** Called after every change with all that is to be kept. */
  readonly save: (joined: readonly Joined[]) => void;
  readonly restored: readonly Joined[];
}

export class JoinedConfig {
  readonly #options: JoinedConfigOptions;
  readonly #entries = new Map<string, Entry>();
  #base: ConfigView | undefined;
  #view: ConfigView | undefined;
  #generation = 0;
  #closed = false;

  constructor(options: JoinedConfigOptions) {
    this.#options = options;
    for (const joined of options.restored) {
      const entry = this.#put(joined);
      entry.leaving = options.clock.setTimer(RESTORED_GRACE_MS, () => this.#leave(joined), { unref: true });
    }
  }

  /** Files and joined workloads together; undefined before the first configuration. */
  get view(): ConfigView | undefined {
    return this.#view;
  }

  has(namespace: string, name: string): boolean {
    return this.#entries.has(objectKey('WorkloadEntry', namespace, name));
  }

  isConnected(namespace: string, name: string): boolean {
    return (this.#entries.get(objectKey('WorkloadEntry', namespace, name))?.connections ?? 0) > 0;
  }

  baseChanged(view: ConfigView, diff: ConfigDiff): void {
    this.#base = view;
    this.#publish(diff);
  }

  connected(joined: Joined): void {
    const key = objectKey('WorkloadEntry', joined.namespace, joined.name);
    const known = this.#entries.get(key);
    known?.leaving?.cancel();
    if (known === undefined && this.#entries.size >= MOST_WORKLOADS) {
      this.#options.log.error('a workload was not registered: too many are', {
        workload: joined.name,
        most: MOST_WORKLOADS,
      });
      return;
    }
    const same =
      known !== undefined &&
      JSON.stringify({ ...known.joined, joinedMs: 0 }) === JSON.stringify({ ...joined, joinedMs: 0 });
    if (same) {
      known.going = false;
      known.leaving = undefined;
      known.connections += 1;
      return;
    }
    this.#put(joined).connections = (known?.connections ?? 0) + 1;
    this.#saveAll();
    this.#publish({
      from: 0,
      to: 0,
      added: new Set(known === undefined ? [key] : []),
      changed: new Set(known === undefined ? [] : [key]),
      removed: new Set(),
    });
  }

  /** It will disconnect, and not come back. */
  goes(namespace: string, name: string): void {
    const entry = this.#entries.get(objectKey('WorkloadEntry', namespace, name));
    if (entry !== undefined) entry.going = true;
  }

  disconnected(namespace: string, name: string): void {
    const entry = this.#entries.get(objectKey('WorkloadEntry', namespace, name));
    if (entry === undefined || entry.connections === 0 || this.#closed) return;
    entry.connections -= 1;
    if (entry.connections > 0) return;
    if (entry.going) this.#leave(entry.joined);
    else entry.leaving = this.#options.clock.setTimer(GRACE_MS, () => this.#leave(entry.joined), { unref: true });
  }

  /** Nothing leaves any more: what is kept is what the next start finds. */
  close(): void {
    for (const entry of this.#entries.values()) entry.leaving?.cancel();
    this.#closed = true;
  }

  all(): readonly Joined[] {
    return [...this.#entries.values()].map((entry) => entry.joined);
  }

  /** Without those that are on their way out. */
  staying(): readonly Joined[] {
    return [...this.#entries.values()].filter((entry) => !entry.going).map((entry) => entry.joined);
  }

  #put(joined: Joined): Entry {
    const entry: Entry = { joined, object: workloadEntry(joined), connections: 0, going: false, leaving: undefined };
    this.#entries.set(entry.object.key, entry);
    return entry;
  }

  #leave(joined: Joined): void {
    const key = objectKey('WorkloadEntry', joined.namespace, joined.name);
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.connections > 0 || !this.#entries.delete(key)) return;
    entry.leaving?.cancel();
    this.#saveAll();
    this.#publish({ from: 0, to: 0, added: new Set(), changed: new Set(), removed: new Set([key]) });
  }

  #saveAll(): void {
    this.#options.save(this.all());
  }

  #publish(diff: ConfigDiff): void {
    if (this.#base === undefined) return;
    const from = this.#generation++;
    this.#view = joinViews(
      this.#base,
      [...this.#entries.values()].map((entry) => entry.object),
      this.#generation,
    );
    this.#options.changed(this.#view, { ...diff, from, to: this.#generation });
  }
}

function workloadEntry(joined: Joined): ConfigObject<SpecOf<'WorkloadEntry'>> {
  const bound = joined.boundPorts.map(({ port, boundPort }) => `${port}:${boundPort}`).join(',');
  return deepFreeze({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    key: objectKey('WorkloadEntry', joined.namespace, joined.name),
    metadata: {
      name: joined.name,
      namespace: joined.namespace,
      labels: { ...joined.labels },
      annotations: {
        ...(bound === '' ? {} : { [BOUND_PORTS_ANNOTATION]: bound }),
        'istio.io/autoRegistration': 'true',
      },
      creationTimestampMs: joined.joinedMs,
      generation: 1,
      resourceVersion: '',
    },
    spec: {
      address: joined.address,
      ports: { ...joined.ports },
      labels: { ...joined.labels },
      serviceAccount: joined.serviceAccount,
    },
    source: NO_FILE,
  });
}

/** A joined workload stands in front of a file's entry of the same name: it is what really runs. */
function joinViews(base: ConfigView, joined: readonly ConfigObject[], generation: number): ConfigView {
  const keys = new Set(joined.map((one) => one.key));
  const entries = [...base.list('WorkloadEntry').filter((one) => !keys.has(one.key)), ...joined].sort(byAge);
  const byKey = new Map(joined.map((one) => [one.key, one]));
  const list = (kind: KindName, namespace?: string): readonly ConfigObject[] => {
    if (kind !== 'WorkloadEntry') return namespace === undefined ? base.list(kind) : base.list(kind, namespace);
    return namespace === undefined ? entries : entries.filter((one) => one.metadata.namespace === namespace);
  };
  return Object.freeze<ConfigView>({
    generation,
    complaints: base.complaints,
    statusInputs: base.statusInputs,
    list: list as ConfigView['list'],
    get: ((kind: KindName, namespace: string, name: string) =>
      byKey.get(objectKey(kind, namespace, name)) ?? base.get(kind, namespace, name)) as ConfigView['get'],
    *all() {
      for (const one of base.all()) if (!keys.has(one.key)) yield one;
      yield* joined;
    },
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  return Object.freeze(value);
}
