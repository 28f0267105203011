// The rest of a read that waits until others had their turn: nothing more is read meanwhile, and the peer's end stays behind it.
import { atOnce, type Conn, type Later, type Part } from '#base';

/**
 * For each so many streams that the peer has open already, the next part waits 1 ms: all of them are still work for this
 * process and for the endpoints. A process that is never idle gets its core late, and others see that in every request.
 */
const STREAMS_PER_MS = 64;

export class HeldRead {
  readonly #conn: Conn;
  readonly #later: Later;
  /** Reads the next part of it. True: there is more. */
  readonly #readOn: Part;
  readonly #streams: { readonly size: number };
  #waits = false;
  #ended = false;

  constructor(conn: Conn, later: Later | undefined, readOn: Part, streams: { readonly size: number }) {
    this.#conn = conn;
    this.#later = later ?? atOnce;
    this.#readOn = readOn;
    this.#streams = streams;
  }

  begin(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#conn.pause();
    this.#rest();
  }

  /** The peer has ended. True: the connection's `onEnd` is called again when all before it was read. */
  keepsEnd(): boolean {
    this.#ended = this.#waits;
    return this.#waits;
  }

  #rest(): void {
    this.#later(() => this.#goOn(), Math.floor(this.#streams.size / STREAMS_PER_MS));
  }

  #goOn(): false {
    if (this.#readOn()) this.#rest();
    else {
      this.#waits = false;
      this.#conn.resume();
      if (this.#ended) this.#conn.handler.onEnd();
    }
    return false;
  }
}
