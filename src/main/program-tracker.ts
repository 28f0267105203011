// Says of an object which connected proxies it concerns and which of them acknowledged it (design 6).
// A stream's watermark is the newest snapshot all of whose responses it acknowledged.
import type { ObjectId, ProgrammedJson } from '#api';
import type { Clock, ProxyNode } from '#base';
import { type ConfigView, isKind, objectKey } from '#config';
import type { Snapshot, SnapshotDiff } from '#push';
import { EVERYBODY, isReached, type Reach, reachOf } from '#registry';
import type { Rejection } from '#xds';
import { type ConnectedProxy, type IndexedProxy, ProxyIndex } from './proxy-index.ts';

/** Kinds that no proxy ever sees by themselves. */
const NOT_FOR_PROXIES: ReadonlySet<string> = new Set([
  'Namespace',
  'ServiceAccount',
  'ConfigMap',
  'WorkloadGroup',
  'MeshNetworks',
]);
/** After so long without an answer a proxy is called lagging. */
const LAG_MS = 5000;
const MOST_REJECTIONS = 1000;
/** Former selectors of one object that are remembered while somebody still has something of them; with more, whoever is behind counts. */
const MOST_FORMER = 4;

interface Form {
  /** That first had it. */
  readonly snapshot: number;
  readonly atMs: number;
  /** The last one's, where it is gone. */
  readonly reach: Reach;
  /** Whom it was for before: they have something of it until they acknowledge this form. */
  readonly former: readonly Reach[];
  /** Receivers accept the former mTLS mode too, until their clients have switched: that is not the form that was written. */
  readonly settling: boolean;
}

interface Asked extends Form {
  readonly refusals: ReadonlyMap<string, { readonly detail: string }>;
}

export class ProgramTracker {
  readonly #clock: Clock;
  readonly #streams: () => readonly ConnectedProxy[];
  readonly #current: () => Snapshot | undefined;
  /** By object key. */
  readonly #forms = new Map<string, Form>();
  /** Object key -> proxy id -> what it said. */
  readonly #rejections = new Map<string, Map<string, { readonly detail: string; readonly snapshot: number }>>();
  readonly #watchers = new Set<() => void>();
  readonly #generations = new WeakMap<ConfigView, number>();
  #index: { readonly of: readonly ConnectedProxy[]; readonly proxies: ProxyIndex } | undefined;

  constructor(options: {
    readonly clock: Clock;
    /** The same array until a proxy comes or goes. */
    readonly streams: () => readonly ConnectedProxy[];
    readonly snapshot: () => Snapshot | undefined;
  }) {
    this.#clock = options.clock;
    this.#streams = options.streams;
    this.#current = options.snapshot;
  }

  /** `view` is what the snapshot will be made of, `generation` what the API's callers know it by. */
  viewMade(view: ConfigView, generation: number): void {
    this.#generations.set(view, generation);
  }

  snapshotMade(snapshot: Snapshot, diff: SnapshotDiff): void {
    for (const key of diff.objects) {
      this.#forms.set(key, this.#formOf(key, snapshot));
      this.#rejections.delete(key);
    }
    this.progressed();
  }

  /** A proxy acknowledged something, came or went. */
  progressed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  onProgress(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  rejected(rejection: Rejection): void {
    for (const origin of rejection.origins) {
      const key = objectKey(origin.kind, origin.namespace, origin.name);
      // Told late: the object has another form by now, on which the proxy has said nothing yet.
      if (rejection.snapshot < (this.#forms.get(key)?.snapshot ?? 0)) continue;
      let byProxy = this.#rejections.get(key);
      if (byProxy === undefined) {
        if (this.#rejections.size >= MOST_REJECTIONS) continue;
        this.#rejections.set(key, (byProxy = new Map()));
      }
      byProxy.set(rejection.node.id, { detail: rejection.detail, snapshot: rejection.snapshot });
    }
    this.progressed();
  }

  /** Undefined while the configuration of `generation` is in no snapshot yet. */
  programmed(ids: readonly ObjectId[], generation = 0): ProgrammedJson | undefined {
    const snapshot = this.#current();
    // A view that changes nothing for proxies becomes the snapshot's without a new number.
    if (snapshot === undefined || (this.#generations.get(snapshot.config) ?? 0) < generation) return undefined;
    const proxies = this.#proxies();
    const asked = ids.flatMap((id) => this.#asked(id));
    const rejected = new Map<IndexedProxy, string>();
    for (const { refusals } of asked)
      for (const [id, { detail }] of refusals)
        for (const one of proxies.withId(id)) if (!rejected.has(one)) rejected.set(one, detail);
    const lagging = new Map<IndexedProxy, string>();
    const late = asked.some(({ settling }) => settling) ? proxies.all : proxies.behind(snapshot.number);
    for (const one of late) {
      const reason = rejected.has(one) ? undefined : this.#lagReason(asked, one);
      if (reason !== undefined) lagging.set(one, reason);
    }
    const meant = meantBy(asked, proxies);
    const others = [...rejected.keys(), ...lagging.keys()].filter((one) => !asked.some((a) => isReached(a.reach, one)));
    const concerned = meant + others.length;
    return {
      acknowledged: concerned - rejected.size - lagging.size,
      concerned,
      lagging: named(lagging),
      rejected: named(rejected),
    };
  }

  #proxies(): ProxyIndex {
    const of = this.#streams();
    if (this.#index?.of !== of) this.#index = { of, proxies: new ProxyIndex(of) };
    return this.#index.proxies;
  }

  #asked(id: ObjectId): readonly Asked[] {
    if (NOT_FOR_PROXIES.has(id.kind)) return [];
    const key = objectKey(id.kind, id.namespace, id.name);
    return [{ ...(this.#forms.get(key) ?? UNKNOWN), refusals: this.#rejections.get(key) ?? NO_REFUSALS }];
  }

  #formOf(key: string, snapshot: Snapshot): Form {
    const [kind = '', namespace = '', name = ''] = key.split('/');
    const object = isKind(kind) ? snapshot.config.get(kind, namespace, name) : undefined;
    const before = this.#forms.get(key);
    const reach = object === undefined ? (before?.reach ?? EVERYBODY) : reachOf(object, snapshot.mesh.rootNamespace);
    return {
      snapshot: snapshot.number,
      atMs: this.#clock.now(),
      reach,
      former: before === undefined ? [] : this.#stillHeld(before, reach),
      settling: kind === 'PeerAuthentication' && snapshot.formerPeerAuthentications !== undefined,
    };
  }

  /** Reaches of former forms, of which somebody has not let go. */
  #stillHeld({ snapshot, reach, former }: Form, next: Reach): readonly Reach[] {
    const changed = reach !== next && JSON.stringify(reach) !== JSON.stringify(next);
    const pending = former.length === 0 ? [] : this.#proxies().behind(snapshot);
    const held = former.filter((one) => pending.some((proxy) => isReached(one, proxy)));
    const all = changed ? [reach, ...held] : held;
    return all.length > MOST_FORMER ? [EVERYBODY] : all;
  }

  /** Undefined where the proxy has all that is asked about and is for it. */
  #lagReason(asked: readonly Asked[], proxy: IndexedProxy): string | undefined {
    const { watermark } = proxy.stream;
    let wanted = -1;
    let sinceMs = 0;
    let settling = false;
    for (const one of asked) {
      const late = one.snapshot > watermark;
      if (!late && !one.settling) continue;
      if (!isReached(one.reach, proxy) && !(late && one.former.some((reach) => isReached(reach, proxy)))) continue;
      wanted = Math.max(wanted, one.snapshot);
      sinceMs = Math.max(sinceMs, one.atMs);
      settling ||= !late;
    }
    if (wanted < 0) return undefined;
    if (settling && wanted <= watermark) return 'accepts the former mTLS mode too, until its clients have switched';
    const waited = this.#clock.now() - sinceMs;
    return `acknowledged snapshot ${watermark} of ${wanted}, ${(waited / 1000).toFixed(1)} s ${waited > LAG_MS ? 'late' : 'ago'}`;
  }
}

const NO_REFUSALS: ReadonlyMap<string, { readonly detail: string }> = new Map();
/** In every snapshot, for all that is known. */
const UNKNOWN: Form = { snapshot: 0, atMs: 0, reach: EVERYBODY, former: [], settling: false };

/** How many proxies the objects are for, each once. */
function meantBy(asked: readonly Asked[], proxies: ProxyIndex): number {
  const lists = asked.map(({ reach }) => proxies.reachedBy(reach));
  const [longest = []] = [...lists].sort((a, b) => b.length - a.length);
  if (lists.length <= 1 || longest.length === proxies.all.length) return longest.length;
  return new Set(lists.flat()).size;
}

function named(proxies: ReadonlyMap<IndexedProxy, string>): { proxy: string; reason: string }[] {
  return [...proxies].map(([{ stream }, reason]) => ({ proxy: displayName(stream.node), reason }));
}

export function displayName(node: ProxyNode): string {
  return node.parsed === undefined ? node.id : `${node.parsed.workload}.${node.parsed.namespace}`;
}
