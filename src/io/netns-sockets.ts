// Sockets of another network namespace, made without entering it: a socket belongs to the namespace of the listener that
// accepted it, so a pair inside it breeds others. `spare` connects to `seed`; what `seed` accepts is dissolved
// (connect to AF_UNSPEC) and is then a fresh socket of that namespace. No process has to stay behind in it.
import type { SocketCalls } from './netns-libc.ts';

/** Foreign connections in front of ours in the queue that are thrown away; the application is the only one who could make them. */
const STRANGERS_MAX = 512;
/** On loopback the handshake is over when connect(2) returns; a kernel that is very busy finishes it in another thread. */
const HANDSHAKE_MS = 1000;

/** A handle received over IPC; it must stay referenced, or the descriptor is closed. */
export interface DescriptorHandle {
  readonly fd: number;
  close?(): void;
}

export class NamespaceSockets {
  readonly #calls: SocketCalls;
  readonly #seed: DescriptorHandle;
  readonly #spare: DescriptorHandle;
  readonly #seedPort: number;

  constructor(
    calls: SocketCalls,
    parts: { readonly seed: DescriptorHandle; readonly spare: DescriptorHandle; readonly seedPort: number },
  ) {
    this.#calls = calls;
    this.#seed = parts.seed;
    this.#spare = parts.spare;
    this.#seedPort = parts.seedPort;
    calls.disconnect(parts.spare.fd);
  }

  /** An unbound, unconnected, non-blocking TCP socket. Throws when the namespace yields none. */
  make(): number {
    const calls = this.#calls;
    const spare = this.#spare.fd;
    const started = calls.connect(spare, { address: '127.0.0.1', port: this.#seedPort });
    const made = this.#accept(calls.localPort(spare));
    calls.disconnect(spare);
    if (made < 0)
      throw new Error(`the captured namespace gives no sockets (connect: errno ${started}, accept: errno ${-made})`);
    calls.disconnect(made);
    return made;
  }

  close(): void {
    this.#seed.close?.();
    this.#spare.close?.();
  }

  #accept(port: number): number {
    const from = { port: 0 };
    let strangers = 0;
    let made = this.#calls.accept(this.#seed.fd, from);
    while (made >= 0 ? from.port !== port : this.#calls.awaitReadable(this.#seed.fd, HANDSHAKE_MS)) {
      if (made >= 0) {
        this.#calls.close(made);
        if (++strangers > STRANGERS_MAX) return -1;
      }
      made = this.#calls.accept(this.#seed.fd, from);
    }
    return made;
  }
}
