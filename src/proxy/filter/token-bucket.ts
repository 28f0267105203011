// A token bucket that fills evenly, computed when it is asked: no timer runs for it (envoy.type.v3.TokenBucket, as Envoy 1.40 fills it).

import type { TokenBucket as BucketConfig } from '#proto/envoy/type/v3/token_bucket_pb.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';

export interface BucketSettings {
  readonly max: number;
  readonly perFill: number;
  readonly intervalMs: number;
}

/** Of what divisions lose: a token that is due at this instant is there. */
export const ROUNDING_MS = 0.001;

export function readBucket(config: BucketConfig, field: string): BucketSettings {
  const intervalMs = millisOf(config.fillInterval) ?? 0;
  if (intervalMs < 50) throw new ConfigError('proxy.field-invalid', `${field}.fill_interval`, 'must be at least 50 ms');
  if (config.tokensPerFill === 0)
    throw new ConfigError('proxy.field-invalid', `${field}.tokens_per_fill`, 'must be above 0');
  return { max: config.maxTokens, perFill: config.tokensPerFill ?? 1, intervalMs };
}

export class TokenBucket {
  readonly settings: BucketSettings;
  /** Until one more is there. */
  protected readonly tokenMs: number;
  /** When it would have been empty, had it filled ever since: never, at the beginning. */
  #emptyMs = Number.NEGATIVE_INFINITY;

  constructor(settings: BucketSettings) {
    this.settings = settings;
    this.tokenMs = settings.intervalMs / settings.perFill;
  }

  take(nowMs: number): boolean {
    const next = this.afterOne(this.#emptyMs, nowMs);
    if (next > nowMs + ROUNDING_MS) return false;
    this.#emptyMs = next;
    return true;
  }

  remaining(nowMs: number): number {
    return this.tokensSince(this.#emptyMs, nowMs);
  }

  /** 0 when there is one. */
  msToNextToken(nowMs: number): number {
    return Math.max(0, this.afterOne(this.#emptyMs, nowMs) - nowMs);
  }

  /** Nobody keeps it any more; whoever still has it at hand may go on asking. */
  release(): void {}

  get isReleased(): boolean {
    return false;
  }

  protected afterOne(emptyMs: number, nowMs: number): number {
    return Math.max(emptyMs, nowMs - this.settings.max * this.tokenMs) + this.tokenMs;
  }

  protected tokensSince(emptyMs: number, nowMs: number): number {
    return Math.min(this.settings.max, Math.floor((nowMs + ROUNDING_MS - emptyMs) / this.tokenMs));
  }
}
