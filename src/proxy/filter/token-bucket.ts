// A token bucket that fills in steps, computed when it is asked: no timer runs for it (envoy.type.v3.TokenBucket).

import type { TokenBucket as BucketConfig } from '#proto/envoy/type/v3/token_bucket_pb.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';

export interface BucketSettings {
  readonly max: number;
  readonly perFill: number;
  readonly intervalMs: number;
}

export function readBucket(config: BucketConfig, field: string): BucketSettings {
  const intervalMs = millisOf(config.fillInterval) ?? 0;
  if (intervalMs < 50) throw new ConfigError('proxy.field-invalid', `${field}.fill_interval`, 'must be at least 50 ms');
  return { max: config.maxTokens, perFill: config.tokensPerFill ?? 1, intervalMs };
}

export class TokenBucket {
  readonly settings: BucketSettings;
  #tokens: number;
  #filledMs: number;

  constructor(settings: BucketSettings, nowMs: number) {
    this.settings = settings;
    this.#tokens = settings.max;
    this.#filledMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  remaining(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens;
  }

  msToNextFill(nowMs: number): number {
    return Math.max(0, this.#filledMs + this.settings.intervalMs - nowMs);
  }

  /** Nobody keeps it any more; whoever still has it at hand may go on asking. */
  release(): void {}

  #fill(nowMs: number): void {
    const { intervalMs, perFill, max } = this.settings;
    const steps = Math.floor((nowMs - this.#filledMs) / intervalMs);
    if (steps <= 0) return;
    this.#filledMs += steps * intervalMs;
    this.#tokens = Math.min(max, this.#tokens + steps * perFill);
  }
}
