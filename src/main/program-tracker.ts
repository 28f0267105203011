// Says of an object which connected proxies it concerns and which of them acknowledged it (design 6).
// A stream's watermark is the newest snapshot all of whose responses it acknowledged.
import type { ObjectId, ProgrammedJson } from '#api';
import type { Clock, ProxyNode } from '#base';
import { type ConfigView, objectKey } from '#config';
import { concerns, type Snapshot, type SnapshotDiff } from '#push';
import type { Rejection } from '#xds';

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

export interface StreamView {
  readonly node: ProxyNode;
  /** Newest snapshot that this stream acknowledged completely. */
  readonly watermark: number;
}

export class ProgramTracker {
  readonly #clock: Clock;
  readonly #streams: () => Iterable<StreamView>;
  readonly #current: () => Snapshot | undefined;
  /** Object key -> snapshot that first had its present form, and when that was made. */
  readonly #since = new Map<string, { readonly snapshot: number; readonly atMs: number }>();
  /** Object key -> proxy id -> what it said. */
  readonly #rejections = new Map<string, Map<string, { readonly detail: string; readonly snapshot: number }>>();
  readonly #watchers = new Set<() => void>();
  readonly #generations = new WeakMap<ConfigView, number>();

  constructor(options: {
    readonly clock: Clock;
    readonly streams: () => Iterable<StreamView>;
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
      this.#since.set(key, { snapshot: snapshot.number, atMs: this.#clock.now() });
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
      if (rejection.snapshot < (this.#since.get(key)?.snapshot ?? 0)) continue;
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
    const lagging: { proxy: string; reason: string }[] = [];
    const rejected: { proxy: string; reason: string }[] = [];
    let concerned = 0;
    let acknowledged = 0;
    const keys = ids
      .filter((id) => !NOT_FOR_PROXIES.has(id.kind))
      .map((id) => objectKey(id.kind, id.namespace, id.name));
    for (const stream of this.#streams()) {
      const mine = keys.filter((key) => isConcerned(key, stream.node, snapshot.mesh.rootNamespace));
      if (mine.length === 0) continue;
      concerned += 1;
      const refusal = mine
        .map((key) => this.#rejections.get(key)?.get(stream.node.id))
        .find((one) => one !== undefined);
      const wanted = Math.max(0, ...mine.map((key) => this.#since.get(key)?.snapshot ?? 0));
      if (refusal !== undefined) rejected.push({ proxy: displayName(stream.node), reason: refusal.detail });
      else if (stream.watermark >= wanted) acknowledged += 1;
      else lagging.push({ proxy: displayName(stream.node), reason: this.#lagReason(mine, stream.watermark, wanted) });
    }
    return { acknowledged, concerned, lagging, rejected };
  }

  #lagReason(keys: readonly string[], watermark: number, wanted: number): string {
    const since = Math.max(...keys.map((key) => this.#since.get(key)?.atMs ?? 0));
    const waited = this.#clock.now() - since;
    return `acknowledged snapshot ${watermark} of ${wanted}, ${(waited / 1000).toFixed(1)} s ${waited > LAG_MS ? 'late' : 'ago'}`;
  }
}

function isConcerned(key: string, node: ProxyNode, rootNamespace: string): boolean {
  return concerns({ objects: new Set([key]), endpoints: new Set(), configuration: true }, node, rootNamespace);
}

export function displayName(node: ProxyNode): string {
  return node.parsed === undefined ? node.id : `${node.parsed.workload}.${node.parsed.namespace}`;
}
