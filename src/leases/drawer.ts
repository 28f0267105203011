// The proxy's end, one for each thread: buckets that hold what the control plane has granted, and this proxy's share of a
// limit for the time in which nobody grants. A request is answered at once, except by a bucket of which nothing is known yet.

import { atTurnEnd, type Clock, type Timer } from '#base';
import { ANSWER_MS, FEWER_AFTER_MS } from './limits.ts';
import { type BucketOwner, LeasedBucket } from './leased-bucket.ts';
import type { Ask, Reply, SharedLimit } from './messages.ts';

export class Drawer implements BucketOwner {
  readonly clock: Clock;
  /** Takes what is asked for; set by who can carry it. */
  onAsks: (asks: readonly Ask[]) => void = () => {};
  /** Called when the first limit is there: until then nobody has to carry anything. */
  onFirstLimit: () => void = () => {};
  /** Weak: a limit lives as long as some filter has it. */
  readonly #limits = new Map<string, WeakRef<DrawnLimit>>();
  readonly #shares = new Map<string, { readonly drawers: number; readonly atMs: number }>();
  /** Asked and not answered, the oldest first. */
  readonly #asked = new Map<number, { readonly bucket: LeasedBucket; readonly atMs: number }>();
  #unsent: Ask[] = [];
  #nextId = 1;
  #timer: Timer | undefined;
  #silent = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The same one for all filters that count by it, while its settings are the same. */
  limit(limit: SharedLimit): DrawnLimit {
    const known = this.#limits.get(limit.id)?.deref();
    if (known !== undefined && JSON.stringify(known.limit) === JSON.stringify(limit)) return known;
    const isFirst = this.#limits.size === 0;
    for (const [id, one] of this.#limits) if (one.deref() === undefined) this.#limits.delete(id);
    const drawn = new DrawnLimit(limit, this);
    this.#limits.set(limit.id, new WeakRef(drawn));
    if (isFirst) this.onFirstLimit();
    return drawn;
  }

  get hasLimits(): boolean {
    return this.#limits.size > 0;
  }

  /** Nobody answers: shares decide. */
  get silent(): boolean {
    return this.#silent;
  }

  /** Undefined: nobody has said. */
  drawersOf(limit: string): number | undefined {
    return this.#shares.get(limit)?.drawers;
  }

  ask(bucket: LeasedBucket, limit: string, key: string, tokens: number): void {
    const id = this.#nextId++;
    this.#asked.set(id, { bucket, atMs: this.clock.now() });
    if (this.#unsent.push({ id, limit, key, tokens }) === 1) atTurnEnd(() => this.#send());
    this.#watch();
  }

  /** An answer of the control plane. */
  take({ grants, shares }: Reply): void {
    const now = this.clock.now();
    this.#silent = false;
    for (const { limit, drawers } of shares) {
      const known = this.#shares.get(limit);
      if (known === undefined || drawers >= known.drawers || now - known.atMs > FEWER_AFTER_MS)
        this.#shares.set(limit, { drawers: Math.max(1, drawers), atMs: now });
    }
    for (const { id, tokens, againMs } of grants) {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      asked?.bucket.granted(tokens, againMs, asked.atMs, now);
    }
  }

  /** There is no way to the control plane: nothing that was asked is answered any more. */
  lost(): void {
    this.#silent = true;
    this.#unsent = [];
    const unanswered = [...this.#asked.values()];
    this.#asked.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { bucket } of unanswered) bucket.unanswered(this.clock.now());
  }

  #send(): void {
    const asks = this.#unsent;
    this.#unsent = [];
    if (asks.length > 0) this.onAsks(asks);
  }

  #watch(): void {
    if (this.#timer !== undefined) return;
    const [oldest] = this.#asked.values();
    if (oldest === undefined) return;
    const leftMs = oldest.atMs + ANSWER_MS - this.clock.now();
    this.#timer = this.clock.setTimer(leftMs, () => this.#late(), { unref: true });
  }

  #late(): void {
    this.#timer = undefined;
    const [oldest] = this.#asked.values();
    if (oldest !== undefined && this.clock.now() >= oldest.atMs + ANSWER_MS) this.lost();
    else this.#watch();
  }
}

/** The buckets of one limit in this thread, the one not used for longest going first. */
export class DrawnLimit {
  readonly limit: SharedLimit;
  readonly #drawer: Drawer;
  readonly #byKey = new Map<string, LeasedBucket>();

  constructor(limit: SharedLimit, drawer: Drawer) {
    this.limit = limit;
    this.#drawer = drawer;
  }

  bucket(key: string): LeasedBucket {
    const known = this.#byKey.get(key);
    if (known !== undefined && this.#byKey.size === 1) return known;
    this.#byKey.delete(key);
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size < this.limit.bucketsMax) break;
      this.#byKey.delete(oldest);
    }
    const bucket = known ?? new LeasedBucket(this.limit, key, this.#drawer);
    this.#byKey.set(key, bucket);
    return bucket;
  }
}
