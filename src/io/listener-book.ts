// Listening sockets of one process by the place they listen at: those that came from the process before this one, and
// those that are open, for the process after it. Who accepts is somebody else's matter: a socket and the connections that
// wait in it live as long as anybody has a descriptor of it.
import { closeSync } from 'node:fs';
import type { Server } from 'node:net';
import type { ListenOptions } from '#base';

export type PlacedDescriptor = readonly [place: string, fd: number];

/** Connections wait there until the configuration is whole: one listener may need another to say where one goes. */
export interface PlacedSocket {
  readonly fd: number;
  readonly until: Promise<void>;
}

export class ListenerBook {
  readonly #accepting = Promise.withResolvers<void>();
  readonly #inherited: Map<string, number>;
  readonly #open = new Map<string, { readonly owner: object; readonly fd: () => number | undefined }>();

  constructor(inherited: Iterable<PlacedDescriptor> = []) {
    this.#inherited = new Map(inherited);
  }

  /** The socket that listens there already; the caller's from now on, to accept on when all is in force. */
  take(options: ListenOptions): PlacedSocket | undefined {
    const place = placeOf(options);
    const fd = this.#inherited.get(place);
    this.#inherited.delete(place);
    return fd === undefined ? undefined : { fd, until: this.#accepting.promise };
  }

  /** A server that accepts, or will. The path of a Unix socket goes with whoever bound it: those are bound anew. */
  opened(options: ListenOptions, server: Server, waiting?: number): void {
    if (isPath(options.host)) return;
    const handle = server as unknown as { readonly _handle?: { readonly fd?: number } | null };
    this.#open.set(placeOf(options), { owner: server, fd: () => handle._handle?.fd ?? waiting });
  }

  /** A socket that is the process's. */
  held(options: ListenOptions, handle: { readonly fd: number }): void {
    const place = placeOf(options);
    this.#open.set(place, { owner: handle, fd: () => handle.fd });
  }

  closed(options: ListenOptions, owner: object): void {
    const place = placeOf(options);
    if (this.#open.get(place)?.owner === owner) this.#open.delete(place);
  }

  /** Of all that listens, also of what nobody has taken yet. */
  descriptors(): readonly PlacedDescriptor[] {
    const open = [...this.#open].flatMap(([place, one]): readonly PlacedDescriptor[] => {
      const fd = one.fd();
      return fd === undefined || fd < 0 ? [] : [[place, fd]];
    });
    return [...this.#inherited, ...open];
  }

  /** The configuration is whole: what is left are sockets of listeners that are gone from it. */
  dropInherited(): void {
    for (const fd of this.#inherited.values()) closeSync(fd);
    this.#inherited.clear();
    this.#accepting.resolve();
  }
}

export interface HeldDescriptor {
  readonly fd: number;
  /** Nobody accepts before. */
  readonly until?: Promise<void> | undefined;
}

export function placeOf({ host, port, label }: ListenOptions): string {
  return port === 0 && !isPath(host) ? `${host}|0|${label ?? ''}` : `${host}|${port}`;
}

export function isPath(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@');
}
