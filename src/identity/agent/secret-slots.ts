// A SecretSource whose values are put in by whoever has them; unknown names answer with an error at once.

import { IdentityError } from '../errors.ts';
import type { SecretSource, SecretValue } from '../secret-source.ts';

export class SecretSlots implements SecretSource {
  readonly #values = new Map<string, SecretValue>();
  readonly #subscribers = new Map<string, Set<(value: SecretValue) => void>>();

  /** `names` may be subscribed to before they have a value. */
  constructor(names: readonly string[]) {
    for (const name of names) this.#subscribers.set(name, new Set());
  }

  subscribe(name: string, changed: (value: SecretValue) => void): () => void {
    const subscribers = this.#subscribers.get(name);
    if (subscribers === undefined) {
      const error = new IdentityError('secret_not_found', name);
      changed({ kind: 'error', code: error.code, message: error.message });
      return () => undefined;
    }
    // One entry a subscription, even when the same function subscribes twice.
    const entry = (value: SecretValue): void => changed(value);
    subscribers.add(entry);
    const value = this.#values.get(name);
    if (value !== undefined) changed(value);
    return () => void subscribers.delete(entry);
  }

  get(name: string): SecretValue | undefined {
    return this.#values.get(name);
  }

  /** All subscribers see the new value before `set` returns: no moment has a key without its certificate. */
  set(name: string, value: SecretValue): void {
    const subscribers = this.#subscribers.get(name) ?? new Set();
    this.#subscribers.set(name, subscribers);
    this.#values.set(name, value);
    for (const changed of [...subscribers]) changed(value);
  }
}
