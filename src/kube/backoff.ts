// How long to wait before the next attempt: doubling up to a limit, with jitter so that replicas do not march in step.

import type { Random } from '#base';

export class Backoff {
  readonly #random: Random;
  readonly #firstMs: number;
  readonly #mostMs: number;
  #failures = 0;

  constructor(random: Random, firstMs: number, mostMs: number) {
    this.#random = random;
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Between half of the present wait and all of it; the next one is twice as long. */
  nextMs(): number {
    const full = Math.min(this.#mostMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return full / 2 + this.#random.float() * (full / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
