// Closes a connection whose other half is gone: what is queued still goes out, what comes is thrown away, and neither for ever.

import { type Conn, type ConnHandler, Deadline } from '#base';
import type { ProxyServices } from '../services.ts';

/** Milliseconds within which a peer must take something of what is queued, or close once it has all. */
const LINGER_MS = 5000;

type Leaving = Pick<Conn, 'destroy' | 'end' | 'handler' | 'queuedBytes' | 'resume'>;

export class LastWords implements ConnHandler {
  readonly #conn: Leaving;
  readonly #services: ProxyServices;
  readonly #closed: () => void;
  readonly #deadline = new Deadline(() => this.#look());
  #left: number;

  constructor(conn: Leaving, services: ProxyServices, closed: () => void) {
    this.#conn = conn;
    this.#services = services;
    this.#closed = closed;
    this.#left = conn.queuedBytes;
    conn.handler = this;
    services.wheel.arm(this.#deadline, LINGER_MS, services.clock.now());
    conn.end();
    // Its end is only seen by who reads; and closed with bytes unread, it would take those that are under way back.
    conn.resume();
  }

  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}

  onClose(): void {
    this.#services.wheel.cancel(this.#deadline);
    this.#closed();
  }

  #look(): void {
    const queued = this.#conn.queuedBytes;
    if (queued === 0 || queued >= this.#left) {
      this.#conn.destroy();
      return;
    }
    this.#left = queued;
    this.#services.wheel.arm(this.#deadline, LINGER_MS, this.#services.clock.now());
  }
}
