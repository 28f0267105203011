// Texts with how often and when each was seen last; of more than it may hold, the one seen longest ago goes.
import { MAX_SEEN_PER_EDGE } from './limits.ts';

interface Seen {
  count: number;
  lastMs: number;
}

export class LastSeen {
  /** The one seen longest ago first. */
  readonly #texts = new Map<string, Seen>();

  add(text: string, count: number, nowMs: number): void {
    const known = this.#texts.get(text);
    if (known === undefined && this.#texts.size >= MAX_SEEN_PER_EDGE) {
      const oldest = this.#texts.keys().next().value;
      if (oldest !== undefined) this.#texts.delete(oldest);
    }
    this.#texts.delete(text);
    this.#texts.set(text, { count: (known?.count ?? 0) + count, lastMs: nowMs });
  }

  /** Seen since then, the latest first. */
  since(ms: number): readonly (readonly [text: string, count: number])[] {
    return [...this.#texts]
      .filter(([, { lastMs }]) => lastMs >= ms)
      .map(([text, { count }]) => [text, count] as const)
      .reverse();
  }
}
