// A gRPC server's transport over node:http2: TLS with a client certificate that is asked for and judged by us,
// plaintext, or a Unix socket.
import { chmod, rm } from 'node:fs/promises';
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import type { Logger, PeerCheck, Timer, TlsContext } from '#base';
import {
  fairDeadline,
  type GrpcPeer,
  type Metadata,
  type ServerTransportStream,
  type TransportHandler,
} from '#wire/grpc';
import { SystemClock } from './clock.ts';
import { Http2GrpcStream } from './grpc-http2-stream.ts';
import { judgePeer } from './tls-peer.ts';

export interface GrpcListenOptions {
  /** IP address, or the path of a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** Mode of a Unix socket, 0600 unless told. */
  readonly mode?: number;
  readonly tls?: { readonly context: TlsContext; readonly check: PeerCheck };
  readonly log: Logger;
  /** Connections beyond are closed at once; 10,000 unless told. */
  readonly connectionsMax?: number;
  /** A PING every so often, and the connection ends when none comes back in `keepaliveTimeoutMs`; Istio's 30 s and 10 s unless told. */
  readonly keepaliveMs?: number;
  readonly keepaliveTimeoutMs?: number;
  /** After so long (±10 %) the client is told to reconnect, 10 s later the connection ends; 0 = never. */
  readonly connectionAgeMs?: number;
}

export interface GrpcListener {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  /** New handshakes use this certificate; connections that are up live on. */
  setTls(context: TlsContext): void;
  /** Stops accepting, lets open calls finish for `graceMs`, then cuts them. */
  close(graceMs?: number): Promise<void>;
}

const HANDSHAKE_MS = 10_000;
const AGE_GRACE_MS = 10_000;
/** What a peer that is given up has for taking the reason. */
const FAREWELL_MS = 1000;
const clock = new SystemClock();
const SESSION_OPTIONS = {
  /** MB; pushes of whole configurations wait here. */
  maxSessionMemory: 64,
  maxHeaderListPairs: 64,
  settings: {
    maxConcurrentStreams: 128,
    initialWindowSize: 256 * 1024,
    maxHeaderListSize: 16 * 1024,
    enablePush: false,
  },
};

export async function listenGrpc(
  options: GrpcListenOptions,
  accept: (stream: ServerTransportStream) => void,
): Promise<GrpcListener> {
  const host = new GrpcHost(options, accept);
  await host.bind();
  return host;
}

class GrpcHost implements GrpcListener {
  readonly #options: GrpcListenOptions;
  readonly #accept: (stream: ServerTransportStream) => void;
  readonly #server: NetServer | TlsServer;
  readonly #sockets = new Set<Socket>();
  /** With the open calls of each. */
  readonly #sessions = new Map<ServerHttp2Session, Set<Http2GrpcServerStream>>();
  #context: TlsContext | undefined;
  address = '';
  port = 0;

  constructor(options: GrpcListenOptions, accept: (stream: ServerTransportStream) => void) {
    this.#options = options;
    this.#accept = accept;
    this.#context = options.tls?.context;
    if (options.tls === undefined) {
      const kind = isUnix(options.host) ? 'unix' : 'plaintext';
      this.#server = createNetServer({ noDelay: true }, (socket) => {
        this.#admit(socket);
        if (!socket.destroyed)
          this.#serve(socket, { kind, address: socket.remoteAddress ?? '', verdict: { kind: 'anonymous' } });
      });
    } else {
      const tls = createTlsServer({
        ...secureOptions(options.tls.context),
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ['h2'],
        handshakeTimeout: HANDSHAKE_MS,
        noDelay: true,
      });
      tls.on('connection', (socket: Socket) => this.#admit(socket));
      tls.on('secureConnection', (socket: TLSSocket) => this.#secured(socket));
      tls.on('tlsClientError', (error: Error, socket: TLSSocket) => {
        options.log.debug('TLS handshake failed', { peer: socket.remoteAddress ?? '', error: error.message });
        socket.destroy();
      });
      this.#server = tls;
    }
  }

  get connections(): number {
    return this.#sessions.size;
  }

  async bind(): Promise<void> {
    const { host, port } = this.#options;
    if (isUnix(host)) await rm(host, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      if (isUnix(host)) this.#server.listen({ path: host }, resolve);
      else this.#server.listen({ host, port }, resolve);
    });
    this.#server.removeAllListeners('error');
    // Accept errors (EMFILE) end single accepts, not the listener.
    this.#server.on('error', () => {});
    if (isUnix(host)) await chmod(host, this.#options.mode ?? 0o600);
    const bound = this.#server.address();
    this.address = bound === null || typeof bound === 'string' ? host : bound.address;
    this.port = bound === null || typeof bound === 'string' ? 0 : bound.port;
  }

  setTls(context: TlsContext): void {
    this.#context = context;
    (this.#server as TlsServer).setSecureContext(secureOptions(context));
  }

  async close(graceMs = 0): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const session of this.#sessions.keys()) session.close();
    const cut = setTimeout(() => {
      for (const session of this.#sessions.keys()) session.destroy();
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
    if (isUnix(this.#options.host)) await rm(this.#options.host, { force: true });
  }

  #admit(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#sockets.size >= (this.#options.connectionsMax ?? 10_000)) {
      this.#options.log.warn('a gRPC connection was closed: too many are open', { open: this.#sockets.size });
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #secured(socket: TLSSocket): void {
    const { tls, log } = this.#options;
    const address = socket.remoteAddress ?? '';
    socket.on('error', () => {});
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return;
    }
    const sni = typeof socket.servername === 'string' ? socket.servername : '';
    const judged = judgePeer(socket, this.#context as TlsContext, (tls as { check: PeerCheck }).check, sni);
    if (!judged.ok) {
      log.warn('a gRPC connection was refused', { peer: address, reason: judged.error.message });
      socket.destroy();
      return;
    }
    this.#serve(socket, { kind: 'tls', address, verdict: judged.facts.peer });
  }

  #serve(socket: Socket, peer: GrpcPeer): void {
    const session = performServerHandshake(socket, SESSION_OPTIONS);
    const calls = new Set<Http2GrpcServerStream>();
    let broken = '';
    this.#sessions.set(session, calls);
    const stopWatching = this.#watch(session, (reason) => {
      this.#options.log.warn('a gRPC connection is ended', { peer: peer.address, calls: calls.size, reason });
      for (const call of [...calls]) call.handler.onGivenUp?.(reason);
    });
    session.on('error', (error: Error) => {
      broken = error.message;
      this.#options.log.debug('a gRPC connection broke', { peer: peer.address, error: error.message });
    });
    session.on('close', () => {
      this.#sessions.delete(session);
      stopWatching();
    });
    session.on('stream', (stream: ServerHttp2Stream, headers: Metadata) => {
      const call = new Http2GrpcServerStream(stream, headers, peer, () => broken);
      calls.add(call);
      stream.once('close', () => calls.delete(call));
      this.#accept(call);
    });
  }

  /** Keepalive and age of one connection; the result ends both. `farewell` tells the open calls why they end. */
  #watch(session: ServerHttp2Session, farewell: (reason: string) => void): () => void {
    const { keepaliveMs = 30_000, keepaliveTimeoutMs = 10_000, connectionAgeMs = 0 } = this.#options;
    const timers = new Set<Timer>();
    const after = (ms: number, fire: () => void): void => {
      const timer = clock.setTimer(
        ms,
        () => {
          timers.delete(timer);
          if (!session.destroyed) fire();
        },
        { unref: true },
      );
      timers.add(timer);
    };
    const giveUp = (reason: string): void => {
      farewell(reason);
      // Not closed before: Node ends a session with its last stream, and with it what that had to say.
      after(FAREWELL_MS, () => session.destroy());
    };
    const ping = (): void => {
      const dead = fairDeadline(clock, keepaliveTimeoutMs, () => {
        timers.delete(dead);
        if (!session.destroyed) giveUp(`no answer to a PING within ${keepaliveTimeoutMs} ms`);
      });
      timers.add(dead);
      session.ping(() => {
        dead.cancel();
        timers.delete(dead);
        if (!session.destroyed) after(keepaliveMs, ping);
      });
    };
    if (keepaliveMs > 0) after(keepaliveMs, ping);
    if (connectionAgeMs > 0) {
      after(connectionAgeMs * (0.9 + 0.2 * Math.random()), () => {
        session.close();
        after(AGE_GRACE_MS, () => giveUp('the connection reached its age; connect again'));
      });
    }
    return () => {
      for (const timer of timers) timer.cancel();
    };
  }
}

const ignore: TransportHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

class Http2GrpcServerStream extends Http2GrpcStream implements ServerTransportStream {
  readonly headers: Metadata;
  readonly peer: GrpcPeer;

  constructor(stream: ServerHttp2Stream, headers: Metadata, peer: GrpcPeer, connectionReason: () => string) {
    super(stream, ignore, connectionReason);
    this.headers = headers;
    this.peer = peer;
  }
}

function isUnix(host: string): boolean {
  return host.startsWith('/');
}

function secureOptions(context: TlsContext): SecureContextOptions {
  return {
    minVersion: context.minVersion,
    maxVersion: context.maxVersion,
    allowPartialTrustChain: true,
    ...(context.certChainPem === undefined ? {} : { cert: context.certChainPem }),
    ...(context.privateKeyPem === undefined ? {} : { key: context.privateKeyPem }),
    ...(context.rootsPem === undefined ? {} : { ca: context.rootsPem }),
    ...(context.crlPem === undefined || context.crlPem === '' ? {} : { crl: context.crlPem }),
    ...(context.ciphers === undefined ? {} : { ciphers: context.ciphers }),
    ...(context.curves === undefined ? {} : { ecdhCurve: context.curves }),
  };
}
