// Streams that wait to send: for a window to grow, or for queued output to drain. They take turns: who was first to use
// a window that grew is last the next time, or one long body would keep all others of its connection waiting.
//
// A list through the streams themselves: a Set that they enter and leave all the time makes itself anew, and what it was
// before still points to the streams of then, which outlive their time and cost a collection of everything.

export interface WaitingStream<S> {
  /** The list's own: its links, and what the stream waits for. */
  nextWaiting: S | undefined;
  previousWaiting: S | undefined;
  waitsForWindow: boolean;
  waitsForDrain: boolean;
  /** Sends what the windows allow; waits again where that is not all. */
  flushQueue(): void;
  /** True when it waits no longer. */
  drained(): boolean;
}

export class StreamWaiters<S extends WaitingStream<S>> {
  #first: S | undefined = undefined;
  #last: S | undefined = undefined;

  forWindow(stream: S): void {
    this.#enter(stream);
    stream.waitsForWindow = true;
  }

  forDrain(stream: S): void {
    this.#enter(stream);
    stream.waitsForDrain = true;
  }

  remove(stream: S): void {
    if (!stream.waitsForWindow && !stream.waitsForDrain) return;
    stream.waitsForWindow = stream.waitsForDrain = false;
    this.#unlink(stream);
  }

  /** The connection's window grew, or all streams' did. */
  windowGrew(): void {
    let first: S | undefined;
    for (const stream of this.#present()) {
      if (!stream.waitsForWindow) continue;
      first ??= stream;
      this.streamWindowGrew(stream);
    }
    if (first === undefined || !first.waitsForWindow) return;
    this.#unlink(first);
    this.#append(first);
  }

  streamWindowGrew(stream: S): void {
    stream.waitsForWindow = false;
    stream.flushQueue();
    this.#tellDrained(stream);
  }

  outputDrained(): void {
    for (const stream of this.#present()) this.#tellDrained(stream);
  }

  /** Told that it may go on it may have to wait again at once. */
  #tellDrained(stream: S): void {
    if (stream.waitsForDrain) {
      stream.waitsForDrain = false;
      if (!stream.drained()) stream.waitsForDrain = true;
    }
    if (!stream.waitsForWindow && !stream.waitsForDrain) this.#unlink(stream);
  }

  #enter(stream: S): void {
    if (!this.#has(stream)) this.#append(stream);
  }

  #has(stream: S): boolean {
    return stream.previousWaiting !== undefined || this.#first === stream;
  }

  #append(stream: S): void {
    const last = this.#last;
    stream.previousWaiting = last;
    if (last === undefined) this.#first = stream;
    else last.nextWaiting = stream;
    this.#last = stream;
  }

  #unlink(stream: S): void {
    if (!this.#has(stream)) return;
    const { nextWaiting: next, previousWaiting: previous } = stream;
    if (previous === undefined) this.#first = next;
    else previous.nextWaiting = next;
    if (next === undefined) this.#last = previous;
    else next.previousWaiting = previous;
    stream.nextWaiting = stream.previousWaiting = undefined;
  }

  /** Whoever enters or leaves meanwhile changes nothing of it. */
  #present(): S[] {
    const streams: S[] = [];
    for (let one = this.#first; one !== undefined; one = one.nextWaiting) streams.push(one);
    return streams;
  }
}
