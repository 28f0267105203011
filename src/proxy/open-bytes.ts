// Bytes of connections that are open: counted when somebody reads the statistics, and when one ends. Sockets count them
// anyway, so traffic pays nothing.

import type { Clock, Conn } from '#base';
import type { StatBlock } from '#telemetry';

/** Where a kind of connection counts. */
export interface ByteSlots {
  readonly read: number;
  readonly written: number;
}

/** In one turn of the loop: some 2 ms. */
const COUNTED_PER_TURN = 1_000;

export class OpenBytes {
  readonly #clock: Pick<Clock, 'setTimer'>;
  readonly #open = new Set<CountedConn>();
  #counting = false;
  readonly #over = (counted: CountedConn): void => void this.#open.delete(counted);

  constructor(clock: Pick<Clock, 'setTimer'>) {
    this.#clock = clock;
  }

  /** From now on until `end` is called. */
  add(conn: Conn, stats: StatBlock, slots: ByteSlots): CountedConn {
    const counted = new CountedConn(conn, stats, slots, this.#over);
    this.#open.add(counted);
    return counted;
  }

  /** Before statistics are read. Of more connections than one turn counts the others follow in the next ones. */
  update(): void {
    if (!this.#counting) this.#count(this.#open.values());
  }

  #count(from: Iterator<CountedConn>): void {
    this.#counting = true;
    for (let i = 0; i < COUNTED_PER_TURN; i++) {
      const next = from.next();
      if (next.done === true) {
        this.#counting = false;
        return;
      }
      next.value.count();
    }
    this.#clock.setTimer(0, () => this.#count(from), { unref: true });
  }
}

export class CountedConn {
  readonly conn: Conn;
  #stats: StatBlock;
  readonly #slots: ByteSlots;
  readonly #over: (counted: CountedConn) => void;
  #read = 0;
  #written = 0;

  constructor(conn: Conn, stats: StatBlock, slots: ByteSlots, over: (counted: CountedConn) => void) {
    this.conn = conn;
    this.#stats = stats;
    this.#slots = slots;
    this.#over = over;
  }

  get stats(): StatBlock {
    return this.#stats;
  }

  /** What it carried since the last time. */
  count(): void {
    const { bytesRead, bytesWritten } = this.conn;
    if (bytesRead > this.#read) this.#stats.add(this.#slots.read, bytesRead - this.#read);
    if (bytesWritten > this.#written) this.#stats.add(this.#slots.written, bytesWritten - this.#written);
    this.#read = bytesRead;
    this.#written = bytesWritten;
  }

  /** What it carries from now on counts elsewhere. */
  move(stats: StatBlock): void {
    this.count();
    this.#stats = stats;
  }

  end(): void {
    this.count();
    this.#over(this);
  }
}
