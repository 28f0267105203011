// Which shared buckets a worker keeps: at most so many, of which those of the settings with most go first, the one not used for longest.

import type { BucketSettings } from '../filter/token-bucket.ts';

interface Keepable {
  readonly settings: BucketSettings;
  release(): void;
}

/** Clients of one limit can choose as many values as they like: what they push out is their own. */
export class KeptBuckets<Bucket extends Keepable = Keepable> {
  readonly #most: number;
  /** All values of one descriptor have the same settings object. The one used last stands last. */
  readonly #bySettings = new Map<BucketSettings, Set<Bucket>>();
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(bucket: Bucket): void {
    const group = this.#bySettings.get(bucket.settings);
    if (group === undefined) this.#bySettings.set(bucket.settings, new Set([bucket]));
    else group.add(bucket);
    this.#count++;
  }

  used(bucket: Bucket): void {
    const group = this.#bySettings.get(bucket.settings);
    if (group === undefined || group.size === 1 || !group.delete(bucket)) return;
    group.add(bucket);
  }

  delete(bucket: Bucket): void {
    const group = this.#bySettings.get(bucket.settings);
    if (group?.delete(bucket) !== true) return;
    this.#count--;
    if (group.size === 0) this.#bySettings.delete(bucket.settings);
  }

  /** A bucket that is the only one of its settings stays: nobody makes it anew. */
  makeRoom(): void {
    if (this.#count < this.#most) return;
    let largest: Set<Bucket> | undefined;
    for (const group of this.#bySettings.values()) if (group.size > (largest?.size ?? 1)) largest = group;
    for (const oldest of largest ?? []) return oldest.release();
  }
}
