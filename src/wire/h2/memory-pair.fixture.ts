// Two connected in-memory connections for tests: bytes written on one arrive on the other when `pump` is called.
import type { Conn, ConnHandler } from '#base';

export class MemoryConn implements Conn {
  readonly id = 1;
  handler: ConnHandler = { onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} };
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  readonly tls = undefined;
  destroyed = false;
  readonly bytesRead = 0;
  readonly bytesWritten = 0;
  readonly endedByPeer = false;
  readonly holdsUnread = false;
  ended = false;
  readonly out: Buffer[] = [];
  /** Every byte ever written, for assertions on frames. */
  readonly sent: Buffer[] = [];

  get queuedBytes(): number {
    return this.out.reduce((n, b) => n + b.length, 0);
  }
  write(data: Uint8Array): boolean {
    this.out.push(Buffer.from(data));
    this.sent.push(Buffer.from(data));
    return true;
  }
  writeText(text: string): boolean {
    return this.write(Buffer.from(text, 'latin1'));
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.handler.onClose(undefined);
  }
  unread(): void {}
  originalDestination(): undefined {
    return undefined;
  }
  startTlsServer(): void {}
}

export class MemoryPair {
  readonly a = new MemoryConn();
  readonly b = new MemoryConn();
  readonly #deferred: (() => void)[] = [];
  readonly defer = (flush: () => void): void => void this.#deferred.push(flush);
  /** Bytes per delivery; small values cut frames apart. */
  chunk = Number.POSITIVE_INFINITY;

  /** Runs deferred flushes and carries bytes both ways until nothing moves. */
  pump(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const flush of this.#deferred.splice(0)) {
        flush();
        moved = true;
      }
      moved = this.#carry(this.a, this.b) || moved;
      moved = this.#carry(this.b, this.a) || moved;
    }
  }

  #carry(from: MemoryConn, to: MemoryConn): boolean {
    const bytes = Buffer.concat(from.out.splice(0));
    for (let at = 0; at < bytes.length && !to.destroyed; at += this.chunk) {
      to.handler.onData(bytes.subarray(at, Math.min(bytes.length, at + this.chunk)));
    }
    if (bytes.length > 0) from.handler.onDrain();
    return bytes.length > 0;
  }
}
