// A transport without sockets, for tests and the simulator: every step is a timer of the given clock.
import type { Clock, PeerVerdict } from '#base';
import type {
  GrpcConnection,
  GrpcConnectionHandler,
  GrpcDialer,
  GrpcPeer,
  Metadata,
  ServerTransportStream,
  TransportError,
  TransportHandler,
  TransportStream,
} from './transport.ts';

export interface MemoryLink {
  readonly dialer: GrpcDialer;
  /** Cuts every connection; while `refuse` is set, new ones fail. */
  cut(reason?: string): void;
  refuse: boolean;
  /** Bytes that a side may have under way before `write` returns false. */
  highMark: number;
  /** While set, nothing that the server sends arrives. */
  stalled: boolean;
}

export interface MemoryLinkOptions {
  readonly clock: Clock;
  readonly accept: (stream: ServerTransportStream) => void;
  readonly peer?: GrpcPeer;
  readonly delayMs?: number;
}

const anonymous: PeerVerdict = { kind: 'anonymous' };
const ignore: TransportHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

export function memoryLink(options: MemoryLinkOptions): MemoryLink {
  const connections = new Set<MemoryConnection>();
  const link: MemoryLink = {
    refuse: false,
    highMark: 1 << 20,
    stalled: false,
    dialer: {
      target: 'memory',
      authority: 'memory',
      scheme: 'http',
      dial: (handler) => {
        const connection = new MemoryConnection(options, link, handler, () => connections.delete(connection));
        connections.add(connection);
        return connection;
      },
    },
    cut: (reason = 'the link was cut') => {
      for (const connection of [...connections]) connection.fail(reason);
    },
  };
  return link;
}

class MemoryConnection implements GrpcConnection {
  readonly peer: GrpcPeer = { kind: 'plaintext', address: 'memory', verdict: anonymous };
  readonly #options: MemoryLinkOptions;
  readonly #link: MemoryLink;
  readonly #handler: GrpcConnectionHandler;
  readonly #gone: () => void;
  readonly #streams = new Set<MemorySide>();
  #open = true;

  constructor(options: MemoryLinkOptions, link: MemoryLink, handler: GrpcConnectionHandler, gone: () => void) {
    this.#options = options;
    this.#link = link;
    this.#handler = handler;
    this.#gone = gone;
    options.clock.setTimer(options.delayMs ?? 0, () => {
      if (link.refuse) this.fail('refused');
      else if (this.#open) handler.onReady();
    });
  }

  openStream(headers: Metadata, handler: TransportHandler): TransportStream | undefined {
    if (!this.#open) return undefined;
    const delay = this.#options.delayMs ?? 0;
    const client = new MemorySide(this.#options.clock, this.#link, delay, false, handler, {}, this.peer);
    const server = new MemorySide(
      this.#options.clock,
      this.#link,
      delay,
      true,
      ignore,
      headers,
      this.#options.peer ?? this.peer,
    );
    client.other = server;
    server.other = client;
    this.#streams.add(client);
    this.#options.clock.setTimer(delay, () => {
      if (this.#open && !client.closed) this.#options.accept(server);
    });
    return client;
  }

  ping(answered: () => void): void {
    if (this.#open) this.#options.clock.setTimer(0, answered);
  }

  close(): void {
    this.#open = false;
  }

  destroy(reason = 'closed'): void {
    this.fail(reason);
  }

  fail(reason: string): void {
    if (!this.#open && this.#streams.size === 0) return;
    this.#open = false;
    this.#gone();
    const error: TransportError = { kind: 'closed', http2Code: 8, message: reason };
    for (const stream of this.#streams) {
      stream.close(error);
      stream.other?.close(error);
    }
    this.#streams.clear();
    this.#options.clock.setTimer(0, () => this.#handler.onClose(reason));
  }
}

class MemorySide implements ServerTransportStream {
  handler: TransportHandler;
  readonly headers: Metadata;
  readonly peer: GrpcPeer;
  other: MemorySide | undefined;
  closed = false;
  queuedBytes = 0;
  readonly #clock: Clock;
  readonly #link: MemoryLink;
  readonly #delay: number;
  readonly #server: boolean;
  #headersSent = false;
  #ended = false;
  #blocked = false;
  #outbox: (() => void)[] = [];
  #scheduled = false;

  constructor(
    clock: Clock,
    link: MemoryLink,
    delay: number,
    server: boolean,
    handler: TransportHandler,
    headers: Metadata,
    peer: GrpcPeer,
  ) {
    this.#clock = clock;
    this.#link = link;
    this.#delay = delay;
    this.#server = server;
    this.handler = handler;
    this.headers = headers;
    this.peer = peer;
  }

  sendHeaders(headers: Metadata): void {
    this.#headersSent = true;
    this.#later((other) => other.handler.onHeaders?.(headers, false));
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.closed || this.#ended) return false;
    const data = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      data.set(chunk, at);
      at += chunk.length;
    }
    this.queuedBytes += data.length;
    this.#later((other) => {
      this.queuedBytes -= data.length;
      other.handler.onData(data);
      if (this.#blocked && this.queuedBytes === 0) {
        this.#blocked = false;
        this.handler.onDrain();
      }
    });
    this.#blocked ||= this.queuedBytes > this.#link.highMark;
    return !this.#blocked;
  }

  end(trailers?: Metadata): void {
    if (this.closed || this.#ended) return;
    this.#ended = true;
    const only = this.#server && !this.#headersSent;
    this.#later((other) => {
      if (only && trailers !== undefined) other.handler.onHeaders?.(trailers, true);
      else if (trailers !== undefined) other.handler.onTrailers?.(trailers);
      other.handler.onEnd();
      if (!this.#server) return;
      other.close(undefined);
      this.close(undefined);
    });
  }

  reset(http2Code: number): void {
    if (this.closed || (this.#ended && http2Code === 0)) return;
    this.#later((other) => other.close({ kind: 'reset', http2Code, message: `reset with code ${http2Code}` }));
    this.close(undefined);
  }

  pause(): void {}

  resume(): void {}

  close(error: TransportError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClose(error);
  }

  #later(action: (other: MemorySide) => void): void {
    this.#outbox.push(() => {
      const other = this.other;
      if (other !== undefined && !other.closed) action(other);
    });
    this.#schedule(this.#delay);
  }

  #schedule(delay: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.setTimer(delay, () => {
      this.#scheduled = false;
      if (this.#server && this.#link.stalled) {
        this.#schedule(10);
        return;
      }
      const batch = this.#outbox;
      this.#outbox = [];
      for (const action of batch) action();
    });
  }
}
