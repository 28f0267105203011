// One bucket as one thread of a proxy has it: tokens that were granted and end soon, and its share of the limit for when nobody grants.

import { type FillRate, FillingBucket } from './filling-bucket.ts';
import { AHEAD_MS, ANSWER_MS, LEASE_MS, LOW_MS, PROBE_MS, TOKENS_MAX, WAITING_MAX } from './limits.ts';
import type { SharedLimit } from './messages.ts';

/** What a bucket is told by the thread's drawer. */
export interface BucketOwner {
  /** Nobody answers. */
  readonly silent: boolean;
  drawersOf(limit: string): number | undefined;
  ask(bucket: LeasedBucket, limit: string, key: string, tokens: number): void;
}

/** A request that waits; told once, unless it was forgotten. */
export type Waiter = (admitted: boolean) => void;

/** How often the demand is measured, and how much the last measure counts. */
const MEASURE_MS = 200;

interface Lease {
  tokens: number;
  readonly untilMs: number;
}

export class LeasedBucket {
  readonly limit: SharedLimit;
  readonly #key: string;
  readonly #owner: BucketOwner;
  readonly #leases: Lease[] = [];
  readonly #share = new FillingBucket();
  #waiting: { readonly waiter: Waiter; readonly sinceMs: number }[] = [];
  #asking = false;
  /** Empty, as the control plane says, until then. */
  #againMs = Number.NEGATIVE_INFINITY;
  #probeMs = Number.NEGATIVE_INFINITY;
  /** For as many drawers as `#shareAmong`. */
  #rate: FillRate | undefined;
  #shareAmong = 0;
  #taken = 0;
  #measuredMs: number | undefined;
  #perMs = 0;

  constructor(limit: SharedLimit, key: string, owner: BucketOwner) {
    this.limit = limit;
    this.#key = key;
    this.#owner = owner;
  }

  /** `wait`: give `join` somebody who is told within WAIT_MS. */
  take(nowMs: number): 'yes' | 'no' | 'wait' {
    this.#measure(nowMs);
    if (this.#use(nowMs)) {
      if (this.#stock(nowMs) <= this.#perMs * LOW_MS) this.#ask(nowMs);
      return 'yes';
    }
    if (this.#owner.silent) {
      this.#probe(nowMs);
      return this.#useShare(nowMs) ? 'yes' : 'no';
    }
    if (nowMs < this.#againMs || this.#waiting.length >= WAITING_MAX) return 'no';
    return 'wait';
  }

  /** After `take` said `wait`. */
  join(waiter: Waiter, nowMs: number): void {
    this.#waiting.push({ waiter, sinceMs: nowMs });
    this.#ask(nowMs);
  }

  forget(waiter: Waiter): void {
    const at = this.#waiting.findIndex((one) => one.waiter === waiter);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  granted(tokens: number, againMs: number, askedMs: number, nowMs: number): void {
    this.#asking = false;
    // By our clock, and from before the grant: it is never used later than the control plane counts on.
    if (tokens > 0) this.#leases.push({ tokens, untilMs: askedMs + LEASE_MS });
    if (againMs > 0) this.#againMs = nowMs + againMs;
    while (this.#waiting.length > 0 && this.#use(nowMs)) this.#waiting.shift()?.waiter(true);
    if (againMs > 0 || tokens === 0) this.#tellAll(() => false);
    while ((this.#waiting[0]?.sinceMs ?? nowMs) + ANSWER_MS <= nowMs) this.#waiting.shift()?.waiter(false);
    if (this.#waiting.length > 0) this.#ask(nowMs);
  }

  unanswered(nowMs: number): void {
    this.#asking = false;
    this.#tellAll(() => this.#use(nowMs) || this.#useShare(nowMs));
  }

  /** Whole tokens at hand: what was granted, or what is left of the share. */
  remaining(nowMs: number): number {
    const rate = this.#owner.silent ? this.#shareRate() : undefined;
    return this.#stock(nowMs) + (rate === undefined ? 0 : this.#share.available(rate, nowMs));
  }

  /** 0 when there is one at hand; else when it is worth coming back. */
  msToNextToken(nowMs: number): number {
    if (this.remaining(nowMs) > 0) return 0;
    const rate = this.#owner.silent ? this.#shareRate() : undefined;
    if (rate !== undefined) return this.#share.msToNextToken(rate, nowMs);
    return Math.max(0, this.#againMs - nowMs, this.limit.intervalMs / this.limit.perFill);
  }

  #tellAll(verdict: () => boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { waiter } of waiting) waiter(verdict());
  }

  #use(nowMs: number): boolean {
    const leases = this.#leases;
    while (leases.length > 0) {
      const first = leases[0] as Lease;
      if (first.untilMs > nowMs && first.tokens > 0) {
        first.tokens--;
        // What was used counts against the share too: losing the control plane gives nobody a fresh bucket.
        const rate = this.#shareRate();
        if (rate !== undefined) this.#share.take(1, rate, nowMs);
        return true;
      }
      leases.shift();
    }
    return false;
  }

  #useShare(nowMs: number): boolean {
    const rate = this.#shareRate();
    return rate !== undefined && this.#share.take(1, rate, nowMs) === 1;
  }

  /** Undefined: there is none, or nobody has said among how many it is shared. */
  #shareRate(): FillRate | undefined {
    const drawers = this.#owner.drawersOf(this.limit.id);
    if (drawers === undefined || this.limit.deny) return undefined;
    if (this.#rate === undefined || drawers !== this.#shareAmong) {
      const { max, intervalMs, perFill } = this.limit;
      this.#shareAmong = drawers;
      this.#rate = { max: Math.max(1, Math.floor(max / drawers)), tokenMs: (intervalMs / perFill) * drawers };
    }
    return this.#rate;
  }

  #stock(nowMs: number): number {
    let tokens = 0;
    for (const lease of this.#leases) if (lease.untilMs > nowMs) tokens += lease.tokens;
    return tokens;
  }

  #measure(nowMs: number): void {
    this.#taken++;
    this.#measuredMs ??= nowMs;
    const passedMs = nowMs - this.#measuredMs;
    if (passedMs < MEASURE_MS) return;
    const perMs = this.#taken / passedMs;
    this.#perMs = passedMs > 5 * MEASURE_MS ? perMs : (this.#perMs + perMs) / 2;
    this.#taken = 0;
    this.#measuredMs = nowMs;
  }

  #ask(nowMs: number): void {
    if (this.#asking || nowMs < this.#againMs || this.#owner.silent) return;
    const ahead = Math.max(0, Math.floor(this.#perMs * AHEAD_MS) - this.#stock(nowMs));
    const tokens = Math.min(TOKENS_MAX, this.#waiting.length + ahead);
    if (tokens === 0) return;
    this.#asking = true;
    this.#owner.ask(this, this.limit.id, this.#key, tokens);
  }

  /** The answer tells all buckets that somebody is there again. */
  #probe(nowMs: number): void {
    if (this.#asking || nowMs < this.#probeMs) return;
    this.#probeMs = nowMs + PROBE_MS;
    this.#asking = true;
    this.#owner.ask(this, this.limit.id, this.#key, 1);
  }
}
