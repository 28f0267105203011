// PINGs on an HTTP/2 connection, and its end when nothing comes back (Envoy: connection_keepalive).

import { type Clock, Deadline, type Random, type TimerWheel } from '#base';

export interface H2KeepAliveSettings {
  readonly intervalMs: number;
  /** Without a byte from the peer after a PING. */
  readonly timeoutMs: number;
  /** Share of the interval by which it varies, so that connections do not ask in step. */
  readonly jitter: number;
}

/** What of a connection this needs. */
export interface PingedConnection {
  readonly closing: boolean;
  /** Grows with all that the peer sends. */
  readonly chunksReceived: number;
  readonly writer: { ping(payload: Uint8Array, ack: boolean): void };
  pong: ((payload: Buffer) => void) | undefined;
}

const PAYLOAD = Buffer.from('keepaliv', 'latin1');

export class H2KeepAlive {
  readonly #settings: H2KeepAliveSettings;
  readonly #connection: PingedConnection;
  readonly #services: { readonly clock: Clock; readonly wheel: TimerWheel; readonly random: Random };
  readonly #next = new Deadline(() => this.#ping());
  readonly #late = new Deadline(() => this.#judge());
  readonly #dead: () => void;
  #chunks = 0;

  /** `dead` is called once, when the peer has not said anything in time. */
  constructor(
    settings: H2KeepAliveSettings,
    connection: PingedConnection,
    services: { readonly clock: Clock; readonly wheel: TimerWheel; readonly random: Random },
    dead: () => void,
  ) {
    this.#settings = settings;
    this.#connection = connection;
    this.#services = services;
    this.#dead = dead;
    connection.pong = (payload) => {
      if (!this.#late.armed || !payload.equals(PAYLOAD)) return;
      services.wheel.cancel(this.#late);
      this.#wait();
    };
    this.#wait();
  }

  /** The connection is over. */
  stop(): void {
    this.#services.wheel.cancel(this.#next);
    this.#services.wheel.cancel(this.#late);
  }

  #wait(): void {
    const { intervalMs, jitter } = this.#settings;
    const { wheel, clock, random } = this.#services;
    wheel.arm(this.#next, intervalMs * (1 + jitter * random.float()), clock.now());
  }

  #ping(): void {
    if (this.#connection.closing) return;
    this.#connection.writer.ping(PAYLOAD, false);
    this.#await();
  }

  #await(): void {
    this.#chunks = this.#connection.chunksReceived;
    this.#services.wheel.arm(this.#late, this.#settings.timeoutMs, this.#services.clock.now());
  }

  /** Other frames before the answer show that it is only behind them. */
  #judge(): void {
    if (this.#connection.chunksReceived !== this.#chunks) this.#await();
    else this.#dead();
  }
}
