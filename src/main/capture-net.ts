// The network as a captured workload's proxy sees it: it listens and meets the application inside the namespace, everything else is outside.
import { CAPTURE_PORTS, PROXY_SOURCE } from '#agent';
import type { BoundListener, BoundPort, Conn, ConnectOptions, ConnHandler, ListenOptions, Net } from '#base';
import type { NamespaceNet } from '#io';

const LOOPBACK = '127.0.0.1';

export interface CaptureNetOptions {
  readonly outside: Net;
  readonly inside: Pick<NamespaceNet, 'listen' | 'connect'>;
  readonly boundPorts: readonly BoundPort[];
  /** Peers come to the namespace's own address; otherwise to ports of the host that stand for it. */
  readonly reachable: boolean;
}

export class CaptureNet implements Net {
  readonly #options: CaptureNetOptions;
  readonly #appPorts: ReadonlyMap<number, number>;

  constructor(options: CaptureNetOptions) {
    this.#options = options;
    this.#appPorts = new Map(options.boundPorts.map(({ port, appPort }) => [port, appPort]));
  }

  async listen(options: ListenOptions, accept: (conn: Conn) => void): Promise<BoundListener> {
    const { inside, reachable } = this.#options;
    if (options.port !== CAPTURE_PORTS.inbound || reachable) return await inside.listen(options, accept);
    return await this.#listenOutside(options, accept);
  }

  /** The proxy speaks to its application from one address only; applications on 127.0.0.1 and on all addresses both hear it. */
  connect(options: ConnectOptions, handler: ConnHandler): Conn {
    const { inside, outside } = this.#options;
    if (options.localAddress !== PROXY_SOURCE) return outside.connect(options, handler);
    return inside.connect(
      { ...options, host: LOOPBACK, port: this.#appPorts.get(options.port) ?? options.port },
      handler,
    );
  }

  resolve(host: string): ReturnType<Net['resolve']> {
    return this.#options.outside.resolve(host);
  }

  /** One port of the host for each declared one: a connection there was meant for the declared port, as if redirected. */
  async #listenOutside(options: ListenOptions, accept: (conn: Conn) => void): Promise<BoundListener> {
    const { outside, boundPorts } = this.#options;
    const made: BoundListener[] = [];
    for (const { port, boundPort } of boundPorts) {
      made.push(
        await outside.listen(
          { ...options, host: LOOPBACK, port: boundPort, redirectedFrom: { address: LOOPBACK, port } },
          accept,
        ),
      );
    }
    return {
      address: LOOPBACK,
      port: options.port,
      close: () => {
        for (const one of made) one.close();
      },
      empty: async () => {
        await Promise.all(made.map(async (one) => await (one.empty?.() ?? one.close())));
      },
    };
  }
}
