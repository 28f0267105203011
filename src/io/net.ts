// Sockets over node:net and node:tls behind the Net interface.
import { lookup, Resolver } from 'node:dns/promises';
import { chmod, rm } from 'node:fs/promises';
import {
  connect as netConnect,
  createServer,
  isIP,
  type NetConnectOpts,
  type Server,
  Socket,
  type SocketConstructorOpts,
  type TcpNetConnectOpts,
} from 'node:net';
import { type ConnectionOptions, connect as tlsConnect, type TLSSocket } from 'node:tls';
import type {
  BoundListener,
  Conn,
  ConnectOptions,
  ConnError,
  ConnHandler,
  ListenOptions,
  Net,
  OriginalSource,
  TlsClientOptions,
} from '#base';
import { provideRoundEnd, provideRounds } from '#base';
import { acceptOn, closeWhenEmpty } from './accepting.ts';
import type { ListenerBook } from './listener-book.ts';
import type { HeldSocket, ListeningSockets } from './listening-sockets.ts';
import { connErrorOf } from './conn-error.ts';
import { SocketConn } from './socket-conn.ts';
import { forgetSession, knownSession, rememberSession, secureContext, sessionKey } from './tls-context.ts';
import { judgePeer } from './tls-peer.ts';
import { bindTransparent, socketFrom } from './transparent-sockets.ts';

/** What getaddrinfo does not tell; also the shortest that a resolver's answer is kept. */
const DNS_TTL_MS = 5000;

provideRoundEnd((run) => void setImmediate(run));
provideRounds({ next: (run) => void setImmediate(run), now: () => performance.now() });

const ignore: ConnHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

export class SystemNet implements Net {
  readonly #sockets: ListeningSockets | undefined;
  readonly #book: ListenerBook | undefined;
  /** Of listeners that close. */
  readonly #ports = new Map<number, Promise<unknown>>();

  /**
   * `sockets`: where listening sockets are the process's, for its threads and its successor. `book`: where only a
   * successor may need them, and until then they cost nothing.
   */
  constructor(sockets?: ListeningSockets, book?: ListenerBook) {
    this.#sockets = sockets;
    this.#book = book;
  }

  async listen(options: ListenOptions, accept: (conn: Conn) => void): Promise<BoundListener> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false }, (socket) => {
      const conn = new SocketConn(socket, ignore, options.redirectedFrom);
      accept(conn);
      conn.open(true);
    });
    if (this.#sockets !== undefined) return await listenOnHeld(server, await this.#sockets.acquire(options), options);
    const known =
      this.#book?.take(options) ?? (options.transparent === true ? { fd: bindTransparent(options) } : undefined);
    if (known !== undefined) {
      const close = await acceptOn(server, options, known);
      this.#book?.opened(options, server, known.fd);
      return { address: options.host, port: options.port, ...this.#closing(options, options.port, server, close) };
    }
    await this.#ports.get(options.port);
    const unix = options.host.startsWith('/') || options.host.startsWith('@');
    if (unix && options.host.startsWith('/')) await rm(options.host, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const backlog = options.backlog ?? 1024;
      if (unix) server.listen({ path: unixPath(options.host), backlog }, resolve);
      else
        server.listen(
          {
            host: options.host,
            port: options.port,
            backlog,
            ipv6Only: options.ipv4Too !== true,
            ...(options.reusePort === true ? { reusePort: true } : {}),
          },
          resolve,
        );
    });
    server.removeAllListeners('error');
    // Accept errors (EMFILE) end single accepts, not the listener.
    server.on('error', () => {});
    if (unix && options.host.startsWith('/')) await chmod(options.host, options.mode ?? 0o600);
    this.#book?.opened(options, server);
    const bound = server.address();
    const [address, port] =
      bound === null || typeof bound === 'string' ? [options.host, 0] : [bound.address, bound.port];
    return { address, port, ...this.#closing(options, port, server, () => closeWhenEmpty(server)) };
  }

  #closing(
    options: ListenOptions,
    port: number,
    server: Server,
    close: () => Promise<void>,
  ): Pick<BoundListener, 'close' | 'empty'> {
    const empty = async (): Promise<void> => {
      this.#book?.closed(options, server);
      // Whoever wants the port meanwhile waits for it.
      const over = Promise.all([this.#ports.get(port), close()]);
      this.#ports.set(port, over);
      await over;
      if (this.#ports.get(port) === over) this.#ports.delete(port);
    };
    return { close: () => void empty(), empty };
  }

  connect(options: ConnectOptions, handler: ConnHandler): Conn {
    if (options.tls !== undefined) return connectTls(options, options.tls, handler);
    let socket: Socket;
    try {
      socket = options.source === undefined ? netConnect(socketOptions(options)) : connectFrom(options.source, options);
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      return failedConn(handler, { kind: 'other', code, message });
    }
    if (options.preamble !== undefined) socket.write(options.preamble);
    const conn = new SocketConn(socket, handler);
    watchConnect(socket, conn, options, 'connect', () => {
      conn.connected();
      conn.handler.onConnected?.();
      if (!socket.destroyed) conn.open();
    });
    return conn;
  }

  async resolve(host: string): Promise<{ readonly addresses: readonly string[]; readonly ttlMs: number }> {
    if (isIP(host) !== 0) return { addresses: [host], ttlMs: Number.POSITIVE_INFINITY };
    const found = await lookup(host, { all: true, verbatim: true });
    const addresses = [...new Set(found.map((f) => f.address))];
    return { addresses, ttlMs: await answerTtl(host) };
  }
}

async function listenOnHeld(server: Server, held: HeldSocket, options: ListenOptions): Promise<BoundListener> {
  try {
    const close = await acceptOn(server, options, held);
    const empty = async (): Promise<void> => {
      await held.release();
      await close();
    };
    return { address: held.address, port: held.port, close: () => void empty(), empty };
  } catch (error) {
    void held.release();
    throw error;
  }
}

function connectTls(options: ConnectOptions, tls: TlsClientOptions, handler: ConnHandler): Conn {
  const key = sessionKey(tls.context, tls.sni, tls.checkKey);
  const known = knownSession(key);
  let socket: TLSSocket;
  try {
    socket = tlsConnect({
      ...(options.preamble === undefined
        ? (socketOptions(options) as ConnectionOptions)
        : { socket: socketAfter(options.preamble, options) }),
      secureContext: secureContext(tls.context, 'client'),
      ALPNProtocols: [...tls.alpn],
      servername: tls.sni,
      // The verdict is judgePeer's, also on resumed sessions (design 12).
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(known === undefined ? {} : { session: known.session }),
    });
  } catch (error) {
    return failedConn(handler, {
      kind: 'tls',
      code: (error as NodeJS.ErrnoException).code ?? '',
      message: (error as Error).message,
    });
  }
  const conn = new SocketConn(socket, handler);
  let fresh: Buffer | undefined;
  let chain: readonly Uint8Array[] | undefined;
  socket.on('session', (ticket: Buffer) => {
    // TLS 1.3 tickets may arrive before the verdict: they are kept only for peers that passed.
    if (chain !== undefined) rememberSession(key, { session: ticket, chain });
    else fresh = ticket;
  });
  // Reached, and then reset before the handshake was over: the peer does not speak TLS, or refuses this one.
  let reached = false;
  socket.once('connect', () => (reached = true));
  socket.prependListener('error', (error) => {
    if (reached && chain === undefined) conn.blame({ ...connErrorOf(error), kind: 'tls' });
  });
  watchConnect(socket, conn, options, 'secureConnect', () => {
    const judged = judgePeer(socket, tls.context, tls.check, tls.sni, known?.chain);
    if (!judged.ok) {
      forgetSession(key);
      conn.blame(judged.error);
      socket.destroy();
      return;
    }
    chain = judged.chain;
    if (fresh !== undefined) rememberSession(key, { session: fresh, chain });
    conn.tls = judged.facts;
    conn.connected();
    conn.handler.onConnected?.();
    if (!socket.destroyed) conn.open();
  });
  return conn;
}

/** TLS begins behind these bytes: they wait for the connection before the handshake does. */
function socketAfter(preamble: Uint8Array, options: ConnectOptions): Socket {
  const socket = netConnect(socketOptions(options));
  socket.write(preamble);
  return socket;
}

function connectFrom(source: OriginalSource, options: ConnectOptions): Socket {
  // `manualStart` is Node's own word for a socket that is not read before it is connected.
  const made = { fd: socketFrom(source), allowHalfOpen: true, manualStart: true };
  return new Socket(made as SocketConstructorOpts).connect(socketOptions(options) as TcpNetConnectOpts);
}

function watchConnect(
  socket: Socket,
  conn: SocketConn,
  options: ConnectOptions,
  event: 'connect' | 'secureConnect',
  up: () => void,
): void {
  const deadline = setTimeout(() => {
    conn.blame({
      kind: 'timeout',
      code: 'CONNECT_TIMEOUT',
      message: `no connection to ${options.host}:${options.port} within ${options.timeoutMs} ms`,
    });
    socket.destroy();
  }, options.timeoutMs);
  socket.once(event, () => {
    clearTimeout(deadline);
    if (!socket.destroyed) up();
  });
  socket.once('close', () => clearTimeout(deadline));
}

function socketOptions(options: ConnectOptions): NetConnectOpts {
  if (options.host.startsWith('/') || options.host.startsWith('@'))
    return { path: unixPath(options.host), allowHalfOpen: true };
  return {
    host: options.host,
    port: options.port,
    allowHalfOpen: true,
    noDelay: options.noDelay ?? true,
    ...(options.localAddress === undefined || options.source !== undefined
      ? {}
      : { localAddress: options.localAddress }),
    ...(options.keepAliveMs === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: options.keepAliveMs }),
  };
}

/** '@name' is Linux' abstract socket. */
function unixPath(host: string): string {
  return host.startsWith('@') ? `\0${host.slice(1)}` : host;
}

/** A connection that could not even begin; it still owes its handler one onClose. */
function failedConn(handler: ConnHandler, error: ConnError): Conn {
  const socket = netConnect({ path: '\0topsail-never', allowHalfOpen: true });
  const conn = new SocketConn(socket, handler);
  conn.blame(error);
  socket.destroy();
  return conn;
}

async function answerTtl(host: string): Promise<number> {
  try {
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    const records = await resolver.resolve4(host, { ttl: true });
    const shortest = Math.min(...records.map((r) => r.ttl * 1000));
    return Number.isFinite(shortest) ? Math.max(DNS_TTL_MS, shortest) : DNS_TTL_MS;
  } catch {
    return DNS_TTL_MS;
  }
}
