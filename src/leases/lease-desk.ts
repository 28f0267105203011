// The control plane's end: the one count of each limit and key, from which proxies draw tokens ahead of their requests.
//
// Who asks gets his part of what is there, by how many asked lately, and at least one token while there is one. So
// where demand exceeds the limit, the bucket stays as full as the parts take out what comes in, and all get alike.

import type { Random } from '#base';
import { AGAIN_MAX_MS, AGAIN_MIN_MS, AGAIN_SHARED_MS, COUNTED_MAX, EPOCH_MS, TOKENS_MAX } from './limits.ts';
import { type FillRate, FillingBucket } from './filling-bucket.ts';
import type { SharedLimit } from './messages.ts';

type DeskLimit = Omit<SharedLimit, 'deny'>;

export class LeaseDesk {
  readonly #random: Random;
  readonly #limits = new Map<string, LimitBuckets>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** All that there are. Of a limit that stays, the counts stay. */
  setLimits(limits: Iterable<DeskLimit>): void {
    const gone = new Set(this.#limits.keys());
    for (const limit of limits) {
      gone.delete(limit.id);
      const known = this.#limits.get(limit.id);
      if (known === undefined) this.#limits.set(limit.id, new LimitBuckets(limit));
      else known.limit = limit;
    }
    for (const id of gone) this.#limits.delete(id);
  }

  /** `asker` names who asks; `replicas` control planes count the limit, each its part of it. No tokens of a limit that is not known. */
  draw(
    ask: { readonly limit: string; readonly key: string; readonly tokens: number },
    asker: string,
    replicas: number,
    nowMs: number,
  ): { readonly tokens: number; readonly againMs: number } {
    const known = this.#limits.get(ask.limit);
    if (known === undefined) return { tokens: 0, againMs: AGAIN_MAX_MS };
    const { limit } = known;
    const rate: FillRate = {
      max: Math.max(1, Math.floor(limit.max / replicas)),
      tokenMs: (limit.intervalMs / limit.perFill) * replicas,
    };
    const { bucket, askers } = known.of(ask.key);
    const among = askers.count(asker, nowMs);
    const part = Math.max(1, Math.floor(bucket.available(rate, nowMs) / among));
    const wanted = Math.max(0, Math.min(TOKENS_MAX, Math.floor(ask.tokens)));
    const tokens = bucket.take(Math.min(wanted, part), rate, nowMs);
    if (tokens >= wanted || bucket.available(rate, nowMs) >= 1) return { tokens, againMs: 0 };
    const turnMs = Math.min(AGAIN_SHARED_MS, (rate.tokenMs * among) / 2);
    const nextMs = Math.max(AGAIN_MIN_MS, turnMs, bucket.msToNextToken(rate, nowMs));
    // Nobody's turn is always the first one.
    return { tokens, againMs: Math.min(AGAIN_MAX_MS, nextMs * (1 + this.#random.float() / 2)) };
  }
}

interface Counted {
  readonly bucket: FillingBucket;
  readonly askers: Askers;
}

/** The buckets of one limit, the one not used for longest going first: it begins full when it comes again. */
class LimitBuckets {
  limit: DeskLimit;
  readonly #byKey = new Map<string, Counted>();

  constructor(limit: DeskLimit) {
    this.limit = limit;
  }

  of(key: string): Counted {
    const known = this.#byKey.get(key);
    this.#byKey.delete(key);
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size < this.limit.bucketsMax) break;
      this.#byKey.delete(oldest);
    }
    const counted = known ?? { bucket: new FillingBucket(), askers: new Askers() };
    this.#byKey.set(key, counted);
    return counted;
  }
}

/** How many asked lately: in this epoch or the one before, whichever had more. */
class Askers {
  #untilMs = Number.NEGATIVE_INFINITY;
  #former = 0;
  #now = new Set<string>();

  count(asker: string, nowMs: number): number {
    if (nowMs >= this.#untilMs) {
      this.#former = nowMs < this.#untilMs + EPOCH_MS ? this.#now.size : 0;
      this.#now = new Set();
      this.#untilMs = nowMs + EPOCH_MS;
    }
    if (this.#now.size < COUNTED_MAX) this.#now.add(asker);
    return Math.max(1, this.#former, this.#now.size);
  }
}
