// Sockets as the rest of the program sees them; `io` implements this over node:net and node:tls.
//
// One `Conn` wraps one socket and calls methods of one handler: no event emitter, stream, promise
// or closure per event, because the proxy pays for each of these on every request.

import type { Draft } from './draft.ts';

/** Facts of a finished TLS handshake. Never changes during a connection's life. */
export interface TlsFacts {
  readonly protocol: string;
  readonly cipher: string;
  /** What the two sides agreed on; '' when nothing. */
  readonly alpn: string;
  /** Server name that the client asked for; '' when none. */
  readonly sni: string;
  readonly resumed: boolean;
  /** DER of the peer's leaf certificate; undefined when it showed none. */
  readonly peerCertificate: Uint8Array | undefined;
  /** What our own check of the peer said (design 12). `anonymous`: no certificate was shown and none was required. */
  readonly peer: PeerVerdict;
}

export type PeerVerdict =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'verified';
      /** The URI SANs, read from the DER. */
      readonly uriSans: readonly string[];
      readonly dnsSans: readonly string[];
      readonly ipSans?: readonly string[];
      /** The one SPIFFE id, when there is exactly one; else ''. */
      readonly spiffeId: string;
      readonly notAfterMs: number;
      readonly serial: string;
      readonly subject: string;
    };

export interface ConnHandler {
  /** `data` belongs to the handler until it returns; copy what must live longer, or pass it on to `write`. */
  onData(data: Buffer): void;
  /**
   * A short read, before `onData` gets a copy of it: the first `length` bytes of `lent`, which are the
   * handler's only during this call. False: not taken, `onData` follows.
   */
  onShortData?(lent: Buffer, length: number): boolean;
  /** The peer sent FIN; our side may still write. */
  onEnd(): void;
  /** Queued bytes fell below the low mark after `write` had returned false. */
  onDrain(): void;
  /** Always the last call, exactly once. */
  onClose(error: ConnError | undefined): void;
  /** Outbound connections only: TCP and TLS are up. */
  onConnected?(): void;
}

/** Why a connection could not be made or broke. `code` is Node's or OpenSSL's. */
export interface ConnError {
  readonly kind: 'refused' | 'timeout' | 'unreachable' | 'dns' | 'reset' | 'tls' | 'closed' | 'other';
  readonly code: string;
  readonly message: string;
}

export interface Conn {
  readonly id: number;
  handler: ConnHandler;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tls: TlsFacts | undefined;
  readonly destroyed: boolean;
  /** Bytes handed to `write` that the kernel has not taken yet. */
  readonly queuedBytes: number;
  /** So far, and still when it is closed; of TLS what it carries. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** The peer ended or broke it before we did. */
  readonly endedByPeer: boolean;
  /** Bytes have come that the handler was not told of yet: it is paused, they were `unread`, or they stand in line to be heard. */
  readonly holdsUnread: boolean;
  /** False when the queue is above the high mark: stop until `onDrain`. The buffer must not be changed afterwards. */
  write(data: Uint8Array): boolean;
  /** Writes latin1 text: the head and a small body in one system call. */
  writeText(text: string): boolean;
  /** As `write`, of bytes that are only lent: they are copied where the kernel does not take them at once. */
  writeDraft?(draft: Draft): boolean;
  cork(): void;
  uncork(): void;
  pause(): void;
  resume(): void;
  /** Sends FIN after what is queued. */
  end(): void;
  /** Closes at once; `onClose` follows. With `reset`, sends RST. */
  destroy(reset?: boolean): void;
  /** Puts bytes back in front of what is read next (after a listener filter peeked). */
  unread(data: Buffer): void;
  /** SO_ORIGINAL_DST; undefined when the connection was not redirected or the platform has none. */
  originalDestination(): { readonly address: string; readonly port: number } | undefined;
  /** Turns this connection into the server side of TLS; bytes already `unread` are part of the handshake. The result replaces this Conn. */
  startTlsServer(options: TlsServerOptions, done: (result: TlsServerResult) => void): void;
}

export type TlsServerResult =
  | { readonly ok: true; readonly conn: Conn }
  | { readonly ok: false; readonly error: ConnError };

/** One secret version and one trust version make one context; `io` caches it by identity of this object. */
export interface TlsContext {
  /** PEM chain and key; absent on clients that show no certificate. */
  readonly certChainPem?: string;
  readonly privateKeyPem?: string;
  /** Servers: further pairs, of another kind of key, for clients that take no other. */
  readonly morePairs?: readonly { readonly certChainPem: string; readonly privateKeyPem: string }[];
  /** PEM bundle of trusted roots; absent = the peer's chain is not checked. */
  readonly rootsPem?: string;
  readonly crlPem?: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
  readonly curves?: string;
  /** Changes whenever a certificate, key, root or revocation list does: session caches and ticket keys hang on it. */
  readonly version: string;
}

/** Judges a peer after every handshake, resumed or not. A refusal closes the connection with `reason`. */
export type PeerCheck = (peer: {
  /** DER chain, leaf first; empty when the peer showed none. */
  readonly chain: readonly Uint8Array[];
  readonly resumed: boolean;
  readonly sni: string;
  /** TLS itself found a path to the context's roots: Node shows a server only the client's leaf, not what stands above it. */
  readonly pathVerified?: boolean;
}) => { readonly ok: true; readonly verdict: PeerVerdict } | { readonly ok: false; readonly reason: string };

export interface TlsServerOptions {
  readonly context: TlsContext;
  /** Ask the client for a certificate. Whether one is required is `check`'s business. */
  readonly requestClientCertificate: boolean;
  /** In order of preference; the first that the client offers wins; with nothing in common its first is answered (design §3e). */
  readonly alpn: readonly string[];
  readonly check: PeerCheck;
  readonly handshakeTimeoutMs: number;
}

export interface TlsClientOptions {
  readonly context: TlsContext;
  readonly alpn: readonly string[];
  /** '' sends no server name. */
  readonly sni: string;
  readonly check: PeerCheck;
  /** Names the matcher in the session cache's key (design 12); sessions are never shared across different keys. */
  readonly checkKey: string;
}

export interface OriginalSource {
  readonly address: string;
  /** 0: any. */
  readonly port: number;
  /** By which the answers find their way here; 0 = none. */
  readonly mark: number;
}

export interface ConnectOptions {
  /** IP address, host name or, with a leading '/' or '@', a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsClientOptions;
  readonly timeoutMs: number;
  readonly localAddress?: string;
  /** The connection comes from this address, which is somebody else's: in the place of `localAddress`, without TLS only. */
  readonly source?: OriginalSource;
  readonly noDelay?: boolean;
  readonly keepAliveMs?: number;
  /** Sent first of all, ahead of TLS too (a PROXY header); short enough for an empty socket to take at once. */
  readonly preamble?: Uint8Array;
}

export interface ListenOptions {
  /** IP address, or a Unix socket path. */
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  readonly reusePort?: boolean;
  /** On `::`: IPv4 clients too, as mapped addresses; without it an IPv6 address takes IPv6 only. */
  readonly ipv4Too?: boolean;
  /** Takes connections to any address that TPROXY hands to it: their local address is where they were going. */
  readonly transparent?: boolean;
  /** Tells listeners on port 0 apart where several threads accept for one. */
  readonly label?: string;
  readonly backlog?: number;
  /** Mode of a Unix socket, default 0o600. */
  readonly mode?: number;
  /** What its connections' original destination is, where this listener stands for another place. */
  readonly redirectedFrom?: { readonly address: string; readonly port: number };
}

export interface BoundListener {
  readonly address: string;
  readonly port: number;
  /** Stops accepting; open connections live on. */
  close(): void;
  /** The same, and resolves when all that waited in the kernel's queue have been accepted. */
  empty?(): Promise<void>;
}

export interface Net {
  listen(options: ListenOptions, accept: (conn: Conn) => void): Promise<BoundListener>;
  /** Returns at once; `handler.onConnected` or `handler.onClose` follows. */
  connect(options: ConnectOptions, handler: ConnHandler): Conn;
  /** A and AAAA look-up with the answer's TTL. */
  resolve(host: string): Promise<{ readonly addresses: readonly string[]; readonly ttlMs: number }>;
}
