// Listening sockets that outlive who accepts on them: bound once by the process, accepted on through descriptors of
// their own by worker threads, and handed over to the process that takes this one's place. The queue of connections
// that nobody has accepted yet belongs to the socket: neither a worker's end nor the process's loses any of it.
//
// Node's own handles are private: their shape is checked, and another one stops the program.
import { chmod, rm } from 'node:fs/promises';
import process from 'node:process';
import type { ListenOptions } from '#base';
import { libc } from './libc.ts';
import { type HeldDescriptor, isPath, type ListenerBook, placeOf } from './listener-book.ts';
import { bindTransparent } from './transparent-sockets.ts';

/** A descriptor that is the caller's, on a socket that is the process's. */
export interface HeldSocket extends HeldDescriptor {
  readonly address: string;
  readonly port: number;
  /** The process's own descriptor goes with its last user's word: before the caller closes its one, who can still accept. */
  release(): Promise<void> | void;
}

export interface ListeningSockets {
  acquire(options: ListenOptions): Promise<HeldSocket>;
}

/** Node's TCP or Pipe. */
export interface ServerHandle {
  readonly fd: number;
  close(): void;
}

interface TcpHandle extends ServerHandle {
  open(fd: number): number;
  bind(address: string, port: number, flags?: number): number;
  bind6(address: string, port: number, flags?: number): number;
  getsockname(out: { address?: string; port?: number }): number;
}

interface PipeHandle extends ServerHandle {
  bind(path: string): number;
}

interface HandleBinding<K extends string, T> {
  readonly constants: { readonly SERVER: number };
  readonly make: new (type: number) => T;
  readonly name: K;
}

/** libuv's flags of bind. */
const IPV6_ONLY = 1;
const REUSE_PORT = 2;
const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;

interface Held {
  readonly handle: ServerHandle;
  readonly until: Promise<void> | undefined;
  readonly address: string;
  readonly port: number;
  users: number;
}

export interface ProcessSocketsOptions {
  /** Where sockets of the process before this one are found, and those of this one are written down. */
  readonly book?: ListenerBook;
  /** Makes the sockets of another namespace. */
  readonly bind?: (options: ListenOptions) => number;
}

export class ProcessSockets implements ListeningSockets {
  readonly #options: ProcessSocketsOptions;
  readonly #held = new Map<string, Promise<Held>>();
  readonly #accepting = Promise.withResolvers<void>();
  /** From the process before this one, until somebody listens there. */
  readonly #inherited = new Map<string, ServerHandle>();

  constructor(options: ProcessSocketsOptions = {}) {
    this.#options = options;
  }

  /** A listening socket of the process before: whoever listens at this place gets it. */
  inherit(place: string, handle: ServerHandle): void {
    this.#inherited.set(place, handle);
  }

  /** The configuration is whole: what is left are sockets of listeners that are gone from it. */
  dropInherited(): void {
    for (const handle of this.#inherited.values()) handle.close();
    this.#inherited.clear();
    this.#accepting.resolve();
  }

  async acquire(options: ListenOptions): Promise<HeldSocket> {
    const { handle, until, ...held } = await this.#hold(options);
    try {
      return { ...held, fd: duplicate(handle.fd), ...(until === undefined ? {} : { until }) };
    } catch (error) {
      void held.release();
      throw error;
    }
  }

  /** Keeps the place without accepting. */
  async hold(options: ListenOptions): Promise<Omit<HeldSocket, 'fd' | 'until'>> {
    const { address, port, release } = await this.#hold(options);
    return { address, port, release };
  }

  async #hold(options: ListenOptions): Promise<Omit<HeldSocket, 'fd' | 'until'> & Pick<Held, 'handle' | 'until'>> {
    const place = placeOf(options);
    let opening = this.#held.get(place);
    if (opening === undefined) {
      opening = this.#open(place, options);
      this.#held.set(place, opening);
      opening.catch(() => this.#held.delete(place));
    }
    const held = await opening;
    held.users++;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      if (--held.users > 0) return;
      this.#held.delete(place);
      this.#options.book?.closed(options, held.handle);
      held.handle.close();
    };
    return { handle: held.handle, until: held.until, address: held.address, port: held.port, release };
  }

  /** What can be handed over. The path of a Unix socket is removed with whoever bound it: those are bound anew. */
  async all(): Promise<readonly (readonly [place: string, handle: ServerHandle])[]> {
    const places = [...this.#held].filter(([place]) => !isPath(place));
    return await Promise.all(places.map(async ([place, held]) => [place, (await held).handle] as const));
  }

  async #open(place: string, options: ListenOptions): Promise<Held> {
    const known = this.#inherited.get(place);
    this.#inherited.delete(place);
    if (isPath(options.host))
      return { handle: await bindPath(options), until: undefined, address: options.host, port: 0, users: 0 };
    const { book, bind } = this.#options;
    const placed = known === undefined ? book?.take(options) : undefined;
    const fd =
      known === undefined
        ? (placed?.fd ?? (options.transparent === true ? bindTransparent(options) : bind?.(options)))
        : undefined;
    const until = known === undefined ? placed?.until : this.#accepting.promise;
    const handle = (known as TcpHandle | undefined) ?? (fd === undefined ? bindTcp(options) : openTcp(fd, place));
    const bound: { address?: string; port?: number } = {};
    handle.getsockname(bound);
    // libuv tells of a taken address only when one listens: the socket then has no port.
    if (bound.port === undefined || bound.port === 0) {
      handle.close();
      throw Object.assign(new Error(`listen EADDRINUSE: address already in use ${options.host}:${options.port}`), {
        code: 'EADDRINUSE',
      });
    }
    book?.held(options, handle);
    return { handle, until, address: bound.address ?? options.host, port: bound.port, users: 0 };
  }
}

function bindTcp({ host, port, reusePort, ipv4Too }: ListenOptions): TcpHandle {
  const { make, constants } = binding<'TCP', TcpHandle>('tcp_wrap', 'TCP');
  const handle = new make(constants.SERVER);
  const flags = reusePort === true ? REUSE_PORT : 0;
  const only = ipv4Too === true ? 0 : IPV6_ONLY;
  const errno = host.includes(':') ? handle.bind6(host, port, flags | only) : handle.bind(host, port, flags);
  if (errno !== 0) {
    handle.close();
    throw new Error(`${host}:${port} can not be bound (errno ${-errno})`);
  }
  return handle;
}

function openTcp(fd: number, place: string): TcpHandle {
  const { make, constants } = binding<'TCP', TcpHandle>('tcp_wrap', 'TCP');
  const handle = new make(constants.SERVER);
  if (handle.open(fd) !== 0) throw new Error(`descriptor ${fd} is no socket (${place})`);
  return handle;
}

async function bindPath({ host, mode }: ListenOptions): Promise<ServerHandle> {
  const { make, constants } = binding<'Pipe', PipeHandle>('pipe_wrap', 'Pipe');
  const handle = new make(constants.SERVER);
  if (host.startsWith('/')) await rm(host, { force: true });
  const errno = handle.bind(host.startsWith('@') ? `\0${host.slice(1)}` : host);
  if (errno !== 0) {
    handle.close();
    throw new Error(`${host} can not be bound (errno ${-errno})`);
  }
  if (host.startsWith('/')) await chmod(host, mode ?? 0o600);
  return handle;
}

function binding<K extends string, T>(module: string, name: K): HandleBinding<K, T> {
  const found = (process as unknown as { binding?: (name: string) => Record<string, unknown> }).binding?.(module);
  const make = found?.[name] as HandleBinding<K, T>['make'] | undefined;
  const constants = found?.['constants'] as HandleBinding<K, T>['constants'] | undefined;
  if (typeof make !== 'function' || typeof constants?.SERVER !== 'number')
    throw new Error(`Sockets: this Node (${process.version}) has no longer ${module}.${name}; use the pinned Node`);
  return { make, constants, name };
}

type Fcntl = (fd: number, command: number, type: 'int', value: number) => number;
let fcntl: Fcntl | undefined;

/** A second descriptor of the same socket, not for children. */
export function duplicate(fd: number): number {
  const made = control(fd, F_DUPFD_CLOEXEC);
  if (made < 0) throw new Error(`a listening socket can not be shared: no descriptor is left (fcntl of ${fd} failed)`);
  return made;
}

/** A second descriptor of the same socket, which stays open when this process becomes another program. */
export function duplicateForExec(fd: number): number {
  const made = control(fd, F_DUPFD);
  if (made < 0) throw new Error(`a socket can not be handed on: no descriptor is left (fcntl of ${fd} failed)`);
  return made;
}

function control(fd: number, command: number): number {
  if (fcntl === undefined) {
    if (process.platform !== 'linux')
      throw new Error(
        'listening sockets are shared and handed over on Linux only: leave --concurrency and --hand-over-socket out',
      );
    fcntl = libc().define<Fcntl>('int fcntl(int fd, int cmd, ...)');
  }
  return fcntl(fd, command, 'int', 0);
}
