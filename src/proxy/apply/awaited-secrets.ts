// Listeners whose secrets have not come yet: the former version goes on until they have, or the time is up (then each
// chain without its secret refuses connections by itself).

import { Deadline } from '#base';
import { chainsOf, disposeSnapshot, type ListenerSnapshot } from '../listener/listener-snapshot.ts';
import type { ProxyServices } from '../services.ts';

/** As long as a step of a push. */
const LIMIT_MS = 5000;
const LOOK_MS = 10;

interface Awaiting {
  readonly snapshot: ListenerSnapshot;
  readonly untilMs: number;
  readonly ready: () => void;
}

export class AwaitedSecrets {
  readonly #services: ProxyServices;
  readonly #listeners = new Map<string, Awaiting>();
  readonly #look = new Deadline(() => this.#lookAgain());

  constructor(services: ProxyServices) {
    this.#services = services;
  }

  names(): Iterable<string> {
    return this.#listeners.keys();
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Calls `ready` once all is there, or late; at once where nothing is missing. A newer version of the listener takes the place of one that waits. */
  add(snapshot: ListenerSnapshot, ready: () => void): void {
    this.drop(snapshot.name);
    if (isSettled(snapshot)) return ready();
    const { clock } = this.#services;
    this.#listeners.set(snapshot.name, { snapshot, untilMs: clock.now() + LIMIT_MS, ready });
    this.#arm();
  }

  /** A waiting version that nobody wants any more. */
  drop(name: string): void {
    const waiting = this.#listeners.get(name);
    if (waiting === undefined) return;
    this.#listeners.delete(name);
    disposeSnapshot(waiting.snapshot);
  }

  #lookAgain(): void {
    const now = this.#services.clock.now();
    for (const [name, { snapshot, untilMs, ready }] of [...this.#listeners]) {
      if (!isSettled(snapshot) && now < untilMs) continue;
      if (!isSettled(snapshot))
        this.#services.log.warn('a listener goes on without its secrets: connections that need them are refused', {
          listener: name,
        });
      this.#listeners.delete(name);
      ready();
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#listeners.size > 0 && !this.#look.armed)
      this.#services.wheel.arm(this.#look, LOOK_MS, this.#services.clock.now());
  }
}

function isSettled(snapshot: ListenerSnapshot): boolean {
  return chainsOf(snapshot).every(({ tls }) => tls === undefined || tls.settled);
}
