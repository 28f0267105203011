// Streams that wait to send: for a window to grow, or for queued output to drain. They take turns: who was first to use
// a window that grew is last the next time, or one long body would keep all others of its connection waiting.

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
    const first = waiting[0];
    if (first !== undefined && this.#window.delete(first)) this.#window.add(first);
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
