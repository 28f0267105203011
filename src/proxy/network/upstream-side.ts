// The endpoint's connection of a TCP session, as its handler: each event goes to the session by its own name.

import type { ConnError, ConnHandler } from '#base';

export interface UpstreamOwner {
  upstreamConnected(): void;
  upstreamData(data: Buffer): void;
  upstreamEnd(): void;
  upstreamDrain(): void;
  upstreamClosed(error: ConnError | undefined): void;
}

export class UpstreamSide implements ConnHandler {
  readonly #session: UpstreamOwner;
  constructor(session: UpstreamOwner) {
    this.#session = session;
  }
  onConnected(): void {
    this.#session.upstreamConnected();
  }
  onData(data: Buffer): void {
    this.#session.upstreamData(data);
  }
  onEnd(): void {
    this.#session.upstreamEnd();
  }
  onDrain(): void {
    this.#session.upstreamDrain();
  }
  onClose(error: ConnError | undefined): void {
    this.#session.upstreamClosed(error);
  }
}
