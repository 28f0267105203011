// The network of a thread that carries no traffic: its listeners take their places, and others accept there.
import type { BoundListener, Conn, ConnectOptions, ConnHandler, ListenOptions, Net } from '#base';
import type { ProcessSockets } from '#io';

export class HoldingNet implements Net {
  readonly #net: Net;
  readonly #sockets: ProcessSockets;

  constructor(net: Net, sockets: ProcessSockets) {
    this.#net = net;
    this.#sockets = sockets;
  }

  async listen(options: ListenOptions): Promise<BoundListener> {
    const { address, port, release } = await this.#sockets.hold(options);
    return { address, port, close: release };
  }

  connect(options: ConnectOptions, handler: ConnHandler): Conn {
    return this.#net.connect(options, handler);
  }

  resolve(host: string): ReturnType<Net['resolve']> {
    return this.#net.resolve(host);
  }
}
