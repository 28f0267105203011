// What the threads of one proxy have in common. A proxy that serves with one thread has none of it.

import type { EjectionCause } from '../cluster/outlier-settings.ts';
import type { BucketSettings, TokenBucket } from '../filter/token-bucket.ts';
import { HealthBoard, type ToldHealth } from './health-board.ts';
import { KeptBuckets } from './kept-buckets.ts';
import { SHARED_BUCKETS_MAX } from './limits.ts';
import type { SharedTable } from './shared-table.ts';
import { SharedTokenBucket } from './shared-token-bucket.ts';

export interface SharingOptions {
  readonly table: SharedTable;
  /** Added to this thread's clock it gives the time that all agree on. */
  readonly offsetMs: number;
  /** The leader checks and ejects hosts and carries no traffic; workers are told. */
  readonly role: 'leader' | 'worker';
  /** Leader: to all workers. */
  readonly tell?: (cluster: string, host: string, bits: ToldHealth) => void;
  /** Buckets that this worker keeps; without it its part of what there may be. */
  readonly bucketsMax?: number;
  /** Worker: a host failed as often in a row as is allowed. */
  readonly askEjection?: (cluster: string, host: string, cause: EjectionCause) => void;
}

export class Sharing {
  readonly table: SharedTable;
  readonly role: 'leader' | 'worker';
  readonly board = new HealthBoard();
  readonly #options: SharingOptions;
  readonly #kept: KeptBuckets;

  constructor(options: SharingOptions) {
    this.#options = options;
    this.table = options.table;
    this.role = options.role;
    const workers = Math.max(1, this.table.lanes - 1);
    this.#kept = new KeptBuckets(options.bucketsMax ?? Math.floor(SHARED_BUCKETS_MAX / workers));
  }

  tell(cluster: string, host: string, bits: ToldHealth): void {
    this.board.set(cluster, host, bits);
    this.#options.tell?.(cluster, host, bits);
  }

  askEjection(cluster: string, host: string, cause: EjectionCause): void {
    this.#options.askEjection?.(cluster, host, cause);
  }

  /**
   * The bucket of that name; undefined when there is no room for another one: this worker then counts alone. Another one
   * of the settings that have most may be forgotten for it.
   */
  bucket(name: string, settings: BucketSettings, owner: object): TokenBucket | undefined {
    const { offsetMs } = this.#options;
    this.#kept.makeRoom();
    const record = this.table.acquire(name, SharedTokenBucket.fillFirst);
    if (record === undefined) return undefined;
    const bucket = new SharedTokenBucket(settings, record, offsetMs, {
      giveBack: () => {
        if (this.#owners.unregister(bucket)) this.#drop(bucket);
      },
      used: () => this.#kept.used(bucket),
    });
    this.#kept.add(bucket);
    this.#owners.register(owner, bucket, bucket);
    return bucket;
  }

  #drop(bucket: SharedTokenBucket): void {
    this.#kept.delete(bucket);
    this.table.release(bucket.record);
  }

  /** Route configurations have no end that is told: a bucket that nobody released goes with what holds it. */
  readonly #owners = new FinalizationRegistry<SharedTokenBucket>((bucket) => this.#drop(bucket));
}
