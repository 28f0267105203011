// A gRPC client's transport over node:http2, to a TCP address with or without TLS, or to a Unix socket.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as http2Connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as netConnect, isIP, type Socket } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { PeerVerdict, TlsClientOptions } from '#base';
import type {
  GrpcConnection,
  GrpcConnectionHandler,
  GrpcDialer,
  GrpcPeer,
  Metadata,
  TransportHandler,
  TransportStream,
} from '#wire/grpc';
import { Http2GrpcStream, outgoing } from './grpc-http2-stream.ts';
import { secureContext } from './tls-context.ts';
import { judgePeer } from './tls-peer.ts';

export interface GrpcDialOptions {
  /** IP address, host name, or a Unix socket's path. */
  readonly host: string;
  readonly port: number;
  /** Asked for at every attempt, so that rotated certificates and roots are taken. `alpn` is h2 whatever it says. */
  readonly tls?: () => TlsClientOptions;
  /** ':authority'; host and port unless told. */
  readonly authority?: string;
  /** For TCP, TLS and HTTP/2 settings together; 20 s unless told. */
  readonly timeoutMs?: number;
}

const END_STREAM = 1;
/** Bytes in flight per stream and connection: one round trip for a usual configuration. */
const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 4 * 1024 * 1024;

export function grpcDialer(options: GrpcDialOptions): GrpcDialer {
  const unix = options.host.startsWith('/');
  const target = unix
    ? `unix:${options.host}`
    : `${isIP(options.host) === 6 ? `[${options.host}]` : options.host}:${options.port}`;
  return {
    target,
    authority: options.authority ?? (unix ? 'localhost' : target),
    scheme: options.tls === undefined ? 'http' : 'https',
    dial: (handler) => new Http2GrpcConnection(options, handler),
  };
}

class Http2GrpcConnection implements GrpcConnection {
  peer: GrpcPeer;
  readonly #handler: GrpcConnectionHandler;
  readonly #socket: Socket;
  readonly #deadline: NodeJS.Timeout;
  #session: ClientHttp2Session | undefined;
  #reason = '';
  #draining = false;
  #done = false;

  constructor(options: GrpcDialOptions, handler: GrpcConnectionHandler) {
    this.#handler = handler;
    this.peer = {
      kind: options.host.startsWith('/') ? 'unix' : 'plaintext',
      address: options.host,
      verdict: { kind: 'anonymous' },
    };
    const timeoutMs = options.timeoutMs ?? 20_000;
    this.#deadline = setTimeout(() => this.#fail(`no connection within ${timeoutMs} ms`), timeoutMs);
    this.#socket = this.#open(options);
    this.#socket.on('error', (error) => {
      this.#reason ||= error.message;
    });
    this.#socket.on('close', () => this.#closed());
  }

  openStream(headers: Metadata, handler: TransportHandler): TransportStream | undefined {
    const session = this.#session;
    if (session === undefined || session.closed || session.destroyed || this.#draining) return undefined;
    const stream: ClientHttp2Stream = session.request(outgoing(headers), { endStream: false });
    const adapted = new Http2GrpcStream(stream, handler, () => this.#reason);
    stream.on('response', (response: IncomingHttpHeaders, flags: number) => {
      adapted.handler.onHeaders?.(withTextStatus(response), (flags & END_STREAM) !== 0);
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => adapted.handler.onTrailers?.(trailers));
    return adapted;
  }

  ping(answered: () => void): void {
    this.#session?.ping((error) => {
      if (error === null) answered();
    });
  }

  close(): void {
    this.#draining = true;
    if (this.#session === undefined) this.destroy();
    else this.#session.close();
  }

  destroy(reason = ''): void {
    this.#reason ||= reason;
    this.#session?.destroy();
    this.#socket.destroy();
  }

  #open(options: GrpcDialOptions): Socket {
    if (options.tls === undefined) {
      const socket = options.host.startsWith('/')
        ? netConnect({ path: options.host })
        : netConnect({ host: options.host, port: options.port, noDelay: true });
      socket.once('connect', () => this.#handshake(socket));
      return socket;
    }
    const tls = options.tls();
    const socket: TLSSocket = tlsConnect({
      ...(options.host.startsWith('/') ? { path: options.host } : { host: options.host, port: options.port }),
      secureContext: secureContext(tls.context, 'client'),
      ALPNProtocols: ['h2'],
      servername: tls.sni,
      // The verdict is judgePeer's (design 12); no session is kept, a control-plane connection lives long.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    socket.once('secureConnect', () => {
      const judged = judgePeer(socket, tls.context, tls.check, tls.sni);
      if (!judged.ok) this.#fail(judged.error.message);
      else if (socket.alpnProtocol !== 'h2') this.#fail('the server does not speak HTTP/2 (ALPN h2)');
      else this.#handshake(socket, judged.facts.peer);
    });
    return socket;
  }

  #handshake(socket: Socket, verdict?: PeerVerdict): void {
    if (verdict !== undefined) this.peer = { kind: 'tls', address: this.peer.address, verdict };
    const session = http2Connect(verdict === undefined ? 'http://localhost' : 'https://localhost', {
      createConnection: () => socket,
      maxSessionMemory: 64,
      settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
    });
    this.#session = session;
    session.on('error', (error: Error) => {
      this.#reason ||= error.message;
    });
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
    session.once('remoteSettings', () => {
      clearTimeout(this.#deadline);
      if (!this.#done) this.#handler.onReady();
    });
    session.on('goaway', () => {
      this.#draining = true;
      if (!this.#done) this.#handler.onGoaway();
    });
    session.on('close', () => {
      this.#closed();
      socket.destroy();
    });
  }

  #fail(reason: string): void {
    this.#reason ||= reason;
    this.destroy();
  }

  #closed(): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#deadline);
    this.#handler.onClose(this.#reason === '' ? 'the connection was closed' : this.#reason);
  }
}

/** Node gives ':status' as a number. */
function withTextStatus(headers: IncomingHttpHeaders): Metadata {
  return { ...headers, ':status': String(headers[':status']) };
}
