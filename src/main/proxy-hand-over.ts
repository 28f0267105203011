// `--hand-over-socket PATH`: this proxy takes its listening sockets from the one that serves there now, begins to
// accept on them, and only then has the other drain; and it waits at PATH for the one after it.
import type { Clock, Logger } from '#base';
import { type Predecessor, type ProcessSockets, serveHandOver, takeOver } from '#io';

/** A configuration that has not come by then is not coming: the old proxy goes on. */
const READY_MS = 60_000;
const LOOK_MS = 20;

export interface ProxyHandOverOptions {
  readonly path: string;
  readonly sockets: ProcessSockets;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ProxyHandOver {
  readonly #options: ProxyHandOverOptions;
  readonly #predecessor: Predecessor | undefined;
  #offer: { close(): void } | undefined = undefined;

  private constructor(options: ProxyHandOverOptions, predecessor: Predecessor | undefined) {
    this.#options = options;
    this.#predecessor = predecessor;
  }

  /** Before anything is bound. */
  static async begin(options: ProxyHandOverOptions): Promise<ProxyHandOver> {
    const predecessor = await takeOver(options.path);
    for (const [place, handle] of predecessor?.sockets ?? []) options.sockets.inherit(place, handle);
    if (predecessor !== undefined)
      options.log.info('taking over', { socket: options.path, listeners: predecessor.sockets.length });
    return new ProxyHandOver(options, predecessor);
  }

  get hasPredecessor(): boolean {
    return this.#predecessor !== undefined;
  }

  /** Throws an Error when `ready` does not come true: the old proxy goes on then. */
  async serving(ready: () => boolean): Promise<void> {
    const { clock, sockets } = this.#options;
    const end = clock.now() + READY_MS;
    while (!ready()) {
      if (clock.now() > end) {
        this.#predecessor?.abandon();
        throw new Error(`no whole configuration within ${READY_MS / 1000} s: the proxy that serves now goes on`);
      }
      await new Promise<void>((resolve) => void clock.setTimer(LOOK_MS, resolve));
    }
    sockets.dropInherited();
    await this.#predecessor?.serving();
  }

  /** `leave` gives up what only one proxy can have, and begins the drain. */
  async offer(leave: () => void): Promise<void> {
    const { path, sockets, log } = this.#options;
    this.#offer = await serveHandOver({
      path,
      sockets: () => sockets.all(),
      leave: async () => {
        log.info('handed over', { socket: path });
        this.close();
        leave();
      },
      failed: (reason) => log.warn('a hand-over broke off', { reason }),
    });
  }

  close(): void {
    this.#offer?.close();
    this.#offer = undefined;
  }
}
