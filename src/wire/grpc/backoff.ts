// Waiting times between connection attempts (grpc's connection-backoff): exponential, with jitter.
import type { Random } from '#base';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** 0.2 spreads the wait over ±20 %, so that clients of a server that came back do not come together. */
  readonly jitter: number;
}

export const GRPC_BACKOFF: BackoffOptions = { initialMs: 1000, maxMs: 120_000, factor: 1.6, jitter: 0.2 };

export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #current: number;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#current = options.initialMs;
  }

  next(): number {
    const base = this.#current;
    this.#current = Math.min(this.#options.maxMs, base * this.#options.factor);
    return base * (1 + this.#options.jitter * (2 * this.#random.float() - 1));
  }

  reset(): void {
    this.#current = this.#options.initialMs;
  }
}
