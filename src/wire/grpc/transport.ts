// What gRPC needs of HTTP/2, and nothing more: `io` implements it over node:http2, later over our own codec.
import type { PeerVerdict } from '#base';

/** Lower-case names. A name sent more than once has a list. Values of names that end in -bin are base64. */
export type Metadata = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Who is at the other end of a connection. */
export interface GrpcPeer {
  /** `tls`: `verdict` is what our check of its certificate said. `unix` and `plaintext` have no identity. */
  readonly kind: 'tls' | 'plaintext' | 'unix';
  readonly address: string;
  readonly verdict: PeerVerdict;
}

export const HTTP2_CODE = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
} as const;

export interface TransportError {
  /** `reset`: this stream only, with `http2Code`. `closed`: the connection went away. `refused`: the request was certainly not processed. */
  readonly kind: 'reset' | 'closed' | 'refused';
  readonly http2Code: number;
  readonly message: string;
}

export interface TransportHandler {
  /** Clients only: the response's head. `endStream` marks a response that is nothing but trailers. */
  onHeaders?(headers: Metadata, endStream: boolean): void;
  /** Clients only. */
  onTrailers?(trailers: Metadata): void;
  /** `data` belongs to the handler. */
  onData(data: Uint8Array): void;
  /** The peer will send no more data. */
  onEnd(): void;
  /** Follows a `write` that returned false. */
  onDrain(): void;
  /** Servers only: this side is about to end the connection, and now is the time to tell the client why. */
  onGivenUp?(reason: string): void;
  /** The last call, exactly once. */
  onClose(error: TransportError | undefined): void;
}

export interface TransportStream {
  handler: TransportHandler;
  /** Bytes handed to `write` that are still in this process. */
  readonly queuedBytes: number;
  /** Servers only, once, before any `write`. */
  sendHeaders(headers: Metadata): void;
  /** The chunks must not be changed afterwards; they may be shared between streams. False: stop until `onDrain`. */
  write(chunks: readonly Uint8Array[]): boolean;
  /** Half-closes; a server gives its trailers (and, when it sent no headers yet, a response of trailers only). */
  end(trailers?: Metadata): void;
  reset(http2Code: number): void;
  pause(): void;
  resume(): void;
}

export interface ServerTransportStream extends TransportStream {
  /** `:path` and the others, pseudo-headers included. */
  readonly headers: Metadata;
  readonly peer: GrpcPeer;
}

/** One connection of a client. */
export interface GrpcConnection {
  /** Undefined when the connection is closing. */
  openStream(headers: Metadata, handler: TransportHandler): TransportStream | undefined;
  /** Calls `answered` when the PING came back; never, if it does not. */
  ping(answered: () => void): void;
  /** Lets open streams finish. */
  close(): void;
  /** Open streams end at once; `reason` is what they and `onClose` are told. */
  destroy(reason?: string): void;
  readonly peer: GrpcPeer;
}

export interface GrpcConnectionHandler {
  /** TCP, TLS and HTTP/2 settings are through. */
  onReady(): void;
  /** The server sent GOAWAY: open streams go on, new ones need a new connection. */
  onGoaway(): void;
  /** The last call, exactly once; also when the connection could never be made. */
  onClose(reason: string): void;
}

/** Opens connections to one target; every call is a new attempt. */
export interface GrpcDialer {
  readonly target: string;
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  dial(handler: GrpcConnectionHandler): GrpcConnection;
}
