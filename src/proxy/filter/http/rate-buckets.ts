// The token buckets of a local rate limit: one for all requests, one for each descriptor that is written out, and one for each
// value that came where a descriptor leaves the value open (Envoy's wildcard descriptors), the ones not used for longest going first.

import { hash } from 'node:crypto';
import { KEY_CHARS_MAX } from '../limits.ts';
import type { BucketSettings, TokenBucket } from '../token-bucket.ts';
import type { DescriptorEntry } from '../rate-descriptors.ts';

export interface DescriptorSettings {
  readonly entries: readonly DescriptorEntry[];
  readonly bucket: BucketSettings;
}

export interface BucketsSettings {
  readonly bucket: BucketSettings | undefined;
  readonly descriptors: readonly DescriptorSettings[];
  /** Values kept at a time, for each open descriptor. */
  readonly valuesMax: number;
}

/** `holder` lives as long as the bucket is kept. */
export type MakeBucket = (settings: BucketSettings, key: string, holder: object) => TokenBucket;

export class RateBuckets {
  readonly main: TokenBucket | undefined;
  readonly #exact = new Map<string, TokenBucket>();
  readonly #open: OpenDescriptor[] = [];

  constructor(settings: BucketsSettings, make: MakeBucket) {
    this.main = settings.bucket === undefined ? undefined : make(settings.bucket, '', this);
    for (const descriptor of settings.descriptors) {
      const key = keyOf(descriptor.entries);
      if (descriptor.entries.some(([, value]) => value === ''))
        this.#open.push(new OpenDescriptor(descriptor, settings.valuesMax, make));
      else this.#exact.set(key, make(descriptor.bucket, key, this));
    }
  }

  /** What is written out goes before what is left open; of open ones the first that fits. */
  of(entries: readonly DescriptorEntry[]): TokenBucket | undefined {
    const key = keyOf(entries);
    const exact = this.#exact.get(key);
    if (exact !== undefined) return exact;
    return this.#open.find((one) => one.fits(entries))?.bucket(key);
  }
}

class OpenDescriptor {
  readonly #settings: DescriptorSettings;
  readonly #most: number;
  readonly #make: MakeBucket;
  /** The one used last stands last. */
  readonly #values = new Map<string, { readonly bucket: TokenBucket; readonly holder: object }>();

  constructor(settings: DescriptorSettings, most: number, make: MakeBucket) {
    this.#settings = settings;
    this.#most = most;
    this.#make = make;
  }

  fits(entries: readonly DescriptorEntry[]): boolean {
    const pattern = this.#settings.entries;
    return (
      pattern.length === entries.length &&
      pattern.every(([key, value], i) => {
        const entry = entries[i] as DescriptorEntry;
        return key === entry[0] && (value === '' || value === entry[1]);
      })
    );
  }

  bucket(key: string): TokenBucket {
    const known = this.#values.get(key);
    this.#values.delete(key);
    // What workers share has a bound of its own, for which this one may have been forgotten.
    if (known !== undefined && !known.bucket.isReleased) {
      this.#values.set(key, known);
      return known.bucket;
    }
    for (const [oldest, { bucket }] of this.#values) {
      if (this.#values.size < this.#most) break;
      this.#values.delete(oldest);
      bucket.release();
    }
    const holder = {};
    const bucket = this.#make(this.#settings.bucket, key, holder);
    this.#values.set(key, { bucket, holder });
    return bucket;
  }
}

/** Descriptors are the same when their entries are, in order. Clients choose how long values are: of a long key the digest is kept. */
export function keyOf(entries: readonly DescriptorEntry[]): string {
  const key = JSON.stringify(entries);
  // A digest never begins with the bracket that every key begins with.
  return key.length > KEY_CHARS_MAX ? hash('sha256', key, 'base64') : key;
}
