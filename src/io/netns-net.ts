// Listens and connects inside another network namespace from this process; what is accepted and connected are ordinary Conns.
import { createServer, Socket } from 'node:net';
import type { BoundListener, Conn, ConnectOptions, ConnError, ConnHandler, ListenOptions } from '#base';
import { acceptOn } from './accepting.ts';
import type { ListenerBook } from './listener-book.ts';
import type { ListeningSockets } from './listening-sockets.ts';
import { ERRNO, loadSocketCalls, type SocketCalls } from './netns-libc.ts';
import { type DescriptorHandle, NamespaceSockets } from './netns-sockets.ts';
import { SocketConn } from './socket-conn.ts';

/** How often a connect that was not over at once is looked at: inside one namespace it takes microseconds. */
const LOOK_MS = 2;

const LOOPBACK = '127.0.0.1';

const ignore: ConnHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

export interface NamespaceParts {
  /** A listening TCP socket of the namespace on 127.0.0.1, on which nobody accepts. */
  readonly seed: DescriptorHandle;
  readonly seedPort: number;
  /** Any connected TCP socket of the namespace. */
  readonly spare: DescriptorHandle;
}

/** The same as numbers: they are whoever's has been told of them. */
export interface NamespaceDescriptors {
  readonly seed: number;
  readonly seedPort: number;
  readonly spare: number;
}

export interface NamespaceListening {
  /** Where listening sockets are the process's, for its threads. */
  readonly sockets?: ListeningSockets | undefined;
  /** Where a successor may need them. */
  readonly book?: ListenerBook | undefined;
}

export class NamespaceNet {
  readonly #calls: SocketCalls = loadSocketCalls();
  readonly #parts: NamespaceParts;
  readonly #sockets: NamespaceSockets;
  readonly #listening: NamespaceListening;

  constructor(parts: NamespaceParts, listening: NamespaceListening = {}) {
    this.#parts = parts;
    this.#sockets = new NamespaceSockets(this.#calls, parts);
    this.#listening = listening;
  }

  /** What this one makes sockets with. */
  get descriptors(): NamespaceDescriptors {
    return { seed: this.#parts.seed.fd, seedPort: this.#parts.seedPort, spare: this.#parts.spare.fd };
  }

  /** The same for another user: two of one pair would take each other's sockets. */
  breed(): NamespaceDescriptors {
    const seed = this.bind({ host: LOOPBACK, port: 0 });
    const errno = this.#calls.listen(seed, 16);
    if (errno !== 0) {
      this.#calls.close(seed);
      throw new Error(`the captured namespace gives no sockets (listen: errno ${errno})`);
    }
    return { seed, seedPort: this.#calls.localPort(seed), spare: this.#sockets.make() };
  }

  /** A bound socket on which nobody listens yet. */
  bind(options: ListenOptions): number {
    const fd = this.#sockets.make();
    const errno = this.#calls.bind(fd, { address: options.host, port: options.port });
    if (errno === 0) return fd;
    this.#calls.close(fd);
    throw new Error(`${options.host}:${options.port} can't be bound in the captured namespace (errno ${errno})`);
  }

  async listen(options: ListenOptions, accept: (conn: Conn) => void): Promise<BoundListener> {
    const { sockets, book } = this.#listening;
    const held = await sockets?.acquire(options);
    const socket = held ?? book?.take(options) ?? { fd: this.bind(options) };
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const conn = new SocketConn(socket, ignore);
      accept(conn);
      conn.open();
    });
    const port = options.port === 0 ? this.#calls.localPort(socket.fd) : options.port;
    const close = await acceptOn(server, options, socket);
    book?.opened(options, server, socket.fd);
    const empty = async (): Promise<void> => {
      book?.closed(options, server);
      await held?.release();
      await close();
    };
    return { address: options.host, port, close: () => void empty(), empty };
  }

  /** Without TLS: inside the namespace there is only the application. */
  connect(options: ConnectOptions, handler: ConnHandler): Conn {
    const to = { address: options.host, port: options.port };
    const fd = this.#sockets.make();
    this.#calls.bind(fd, { address: options.localAddress ?? '0.0.0.0', port: 0 });
    const errno = this.#calls.connect(fd, to);
    const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    socket.setNoDelay(options.noDelay ?? true);
    const conn = new SocketConn(socket, handler);
    // Nothing is written before the connection is up; the caller has not got its Conn yet.
    conn.cork();
    queueMicrotask(() =>
      this.#settle(socket, conn, errno, { fd, options, until: performance.now() + options.timeoutMs }),
    );
    return conn;
  }

  close(): void {
    this.#sockets.close();
  }

  #settle(
    socket: Socket,
    conn: SocketConn,
    errno: number,
    ask: { readonly fd: number; readonly options: ConnectOptions; readonly until: number },
  ): void {
    if (socket.destroyed) return;
    const { options } = ask;
    const again = errno === ERRNO.EINPROGRESS || errno === ERRNO.EALREADY;
    const now = again ? this.#calls.connect(ask.fd, { address: options.host, port: options.port }) : errno;
    if (now === 0 || now === ERRNO.EISCONN) {
      conn.uncork();
      conn.handler.onConnected?.();
      if (!socket.destroyed) conn.open();
    } else if (now === ERRNO.EALREADY && performance.now() < ask.until) {
      setTimeout(() => this.#settle(socket, conn, now, ask), LOOK_MS);
    } else {
      conn.blame(connectError(now, `${options.host}:${options.port}`));
      socket.destroy();
    }
  }
}

function connectError(errno: number, where: string): ConnError {
  if (errno === ERRNO.ECONNREFUSED)
    return { kind: 'refused', code: 'ECONNREFUSED', message: `connect ECONNREFUSED ${where} (captured)` };
  if (errno === ERRNO.EALREADY)
    return { kind: 'timeout', code: 'CONNECT_TIMEOUT', message: `no connection to ${where} in time (captured)` };
  return { kind: 'unreachable', code: `E${errno}`, message: `no connection to ${where}: errno ${errno} (captured)` };
}
