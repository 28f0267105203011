// DNS over one TCP connection: messages with their length in front (RFC 1035 §4.2.2), answered as they come.
import type { Clock, Conn, ConnHandler, Timer } from '#base';
import { DNS_LIMITS } from './limits.ts';
import type { DnsProxy } from './dns-proxy.ts';

export class DnsTcpSession implements ConnHandler {
  readonly #conn: Conn;
  readonly #proxy: DnsProxy;
  readonly #clock: Clock;
  readonly #closed: () => void;
  #rest: Buffer = Buffer.alloc(0);
  #idle: Timer | undefined;
  #busy = false;

  constructor(conn: Conn, proxy: DnsProxy, clock: Clock, closed: () => void) {
    this.#conn = conn;
    this.#proxy = proxy;
    this.#clock = clock;
    this.#closed = closed;
    conn.handler = this;
    this.#arm();
  }

  onData(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    if (!this.#busy) void this.#work();
  }

  onEnd(): void {
    if (!this.#busy) this.#conn.end();
  }

  onDrain(): void {}

  onClose(): void {
    this.#idle?.cancel();
    this.#closed();
  }

  /** One question at a time: what waits is held back by not reading. */
  async #work(): Promise<void> {
    this.#busy = true;
    this.#conn.pause();
    for (let message = this.#next(); message !== undefined; message = this.#next()) {
      const answer = await this.#proxy.answer(message, 'tcp');
      if (this.#conn.destroyed) return;
      if (answer === undefined) return this.#conn.destroy();
      const framed = Buffer.allocUnsafe(answer.length + 2);
      framed.writeUInt16BE(answer.length, 0);
      framed.set(answer, 2);
      this.#conn.write(framed);
      this.#arm();
    }
    this.#busy = false;
    this.#conn.resume();
  }

  #next(): Uint8Array | undefined {
    if (this.#rest.length < 2) return undefined;
    const length = this.#rest.readUInt16BE(0);
    if (this.#rest.length < 2 + length) return undefined;
    const message = Uint8Array.from(this.#rest.subarray(2, 2 + length));
    this.#rest = this.#rest.subarray(2 + length);
    return message;
  }

  #arm(): void {
    this.#idle?.cancel();
    this.#idle = this.#clock.setTimer(DNS_LIMITS.tcpIdleMs, () => this.#conn.destroy(), { unref: true });
  }
}
