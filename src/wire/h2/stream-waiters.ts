// Streams that wait to send: for a window to grow, or for queued output to drain. They take turns in the order in which they began to wait.

export interface WaitingStream {
  /** Sends what the windows allow. */
  flushQueue(): void;
  /** True when it waits no longer. */
  drained(): boolean;
}

export class StreamWaiters<S extends WaitingStream> {
  readonly #window = new Set<S>();
  readonly #drain = new Set<S>();

  forWindow(stream: S): void {
    this.#window.add(stream);
  }

  forDrain(stream: S): void {
    this.#drain.add(stream);
  }

  remove(stream: S): void {
    this.#window.delete(stream);
    this.#drain.delete(stream);
  }

  /** The connection's window grew, or all streams' did. */
  windowGrew(): void {
    const waiting = [...this.#window];
    this.#window.clear();
    for (const stream of waiting) this.#wake(stream);
  }

  streamWindowGrew(stream: S): void {
    this.#window.delete(stream);
    this.#wake(stream);
  }

  outputDrained(): void {
    for (const stream of [...this.#drain]) if (stream.drained()) this.#drain.delete(stream);
  }

  #wake(stream: S): void {
    stream.flushQueue();
    if (stream.drained()) this.#drain.delete(stream);
  }
}
