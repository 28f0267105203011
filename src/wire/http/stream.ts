// The one shape of an HTTP stream, whatever codec carries it (design §3a).
//
// Calls, not events. Order on each side: head, data*, trailers?; `end` on the last of them; or one
// reset at any time. After a reset or after both sides ended no call arrives. Back-pressure: a
// `send` that returns false is followed by one `onDrain`; `pause`/`resume` stop the other direction.

import type { HeaderBlock } from './headers.ts';

export type HttpVersion = '1.0' | '1.1' | '2';

export interface RequestHead {
  method: string;
  /** Origin form with query ("/a?b"), "*" for OPTIONS, '' for CONNECT without a path. Absolute-form is split into scheme, authority, path. */
  path: string;
  /** Host header or :authority as sent; '' when absent. Not repeated in `headers`. */
  authority: string;
  scheme: 'http' | 'https';
  version: HttpVersion;
  /** `upgrade` of HTTP/1.1 or `:protocol` of extended CONNECT, lower case; '' when none. */
  protocol: string;
  headers: HeaderBlock;
}

export interface ResponseHead {
  status: number;
  headers: HeaderBlock;
}

export type ResetReason =
  | 'local-reset'
  | 'remote-reset'
  | 'refused-stream'
  | 'connection-failure'
  | 'connection-timeout'
  | 'connection-termination'
  | 'tls-failure'
  | 'overflow'
  | 'protocol-error'
  | 'timeout';

/** Our end of a request that a client sent. */
export interface ServerStream {
  readonly version: HttpVersion;
  sendInformational(status: number, headers: HeaderBlock): void;
  sendHead(head: ResponseHead, end: boolean): void;
  sendData(data: Uint8Array, end: boolean): boolean;
  sendTrailers(trailers: HeaderBlock): void;
  /** h1: closes the connection. */
  reset(reason: ResetReason): void;
  pause(): void;
  resume(): void;
  readonly queuedBytes: number;
}

export interface ServerStreamHandler {
  onData(data: Buffer, end: boolean): void;
  onTrailers(trailers: HeaderBlock): void;
  onDrain(): void;
  /** The client went away or broke the protocol; nothing more can be sent. */
  onReset(reason: ResetReason, detail: string): void;
}

/** How large the head of a message may be. */
export interface HeadBounds {
  readonly headBytesMax: number;
  readonly fieldsMax: number;
}

/** Made once per connection; called by the codec for each request. */
export interface RequestAcceptor {
  onRequest(stream: ServerStream, head: RequestHead, end: boolean): ServerStreamHandler;
  /** What to say with the codec's own answer of this status; undefined: its reason phrase. */
  refusalBody?(status: number, detail: string): string | undefined;
  /** The codec refused bytes before a request could be made; it already answered (400, 431, …) or closed. */
  onProtocolError(status: number, detail: string): void;
}

/** Our end of a request that we send to an upstream. */
export interface ClientStream {
  readonly version: HttpVersion;
  sendHead(head: RequestHead, end: boolean): void;
  sendData(data: Uint8Array, end: boolean): boolean;
  sendTrailers(trailers: HeaderBlock): void;
  reset(reason: ResetReason): void;
  pause(): void;
  resume(): void;
  readonly queuedBytes: number;
}

export interface ClientStreamHandler {
  onInformational(status: number, headers: HeaderBlock): void;
  onHead(head: ResponseHead, end: boolean): void;
  onData(data: Buffer, end: boolean): void;
  onTrailers(trailers: HeaderBlock): void;
  onDrain(): void;
  /** `processed: false` when the upstream provably did nothing (refused stream, above GOAWAY's id, never sent). */
  onReset(reason: ResetReason, detail: string, processed: boolean): void;
}
