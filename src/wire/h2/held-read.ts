// The rest of a read that waits until others had their turn: nothing more is read meanwhile, and the peer's end stays behind it.
import { atOnce, type Conn, type Part } from '#base';

export class HeldRead {
  readonly #conn: Conn;
  readonly #later: (part: Part) => void;
  /** Reads the next part of it. True: there is more. */
  readonly #readOn: Part;
  #waits = false;
  #ended = false;

  constructor(conn: Conn, later: ((part: Part) => void) | undefined, readOn: Part) {
    this.#conn = conn;
    this.#later = later ?? atOnce;
    this.#readOn = readOn;
  }

  begin(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#conn.pause();
    this.#later(() => this.#goOn());
  }

  /** The peer has ended. True: the connection's `onEnd` is called again when all before it was read. */
  keepsEnd(): boolean {
    this.#ended = this.#waits;
    return this.#waits;
  }

  #goOn(): boolean {
    if (this.#readOn()) return true;
    this.#waits = false;
    this.#conn.resume();
    if (this.#ended) this.#conn.handler.onEnd();
    return false;
  }
}
