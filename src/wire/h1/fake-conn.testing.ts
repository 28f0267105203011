// A Conn without a socket for tests: records what was written and lets the test play the peer.

import type { Conn, ConnHandler } from '#base';

const nobody: ConnHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

export class FakeConn implements Conn {
  readonly id = 1;
  handler: ConnHandler = nobody;
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 40000;
  readonly localAddress = '192.0.2.2';
  readonly localPort = 80;
  readonly tls = undefined;
  destroyed = false;
  queuedBytes = 0;
  bytesRead = 0;
  bytesWritten = 0;
  endedByPeer = false;
  holdsUnread = false;
  ended = false;
  paused = false;
  written = '';

  write(data: Uint8Array): boolean {
    this.written += Buffer.from(data).toString('latin1');
    return true;
  }
  writeText(text: string): boolean {
    this.written += text;
    return true;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
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

  /** The peer sends. */
  receive(text: string): void {
    if (!this.destroyed) this.handler.onData(Buffer.from(text, 'latin1'));
  }
}
