// The simulated network: machines with addresses, connections between them, and in front of each proxy the redirection
// that captures its workload's traffic.
import { CAPTURE_PORTS, PROXY_SOURCE } from '#agent';
import type { BoundListener, Clock, Conn, ConnectOptions, ConnHandler, ListenOptions, Net, Random } from '#base';
import type { MachineClock, SimClock } from './sim-clock.ts';
import { SimConn, Wire } from './sim-conn.ts';

const LATENCY_MS = 0.4;
const FIRST_EPHEMERAL = 40_000;

export class SimNetwork {
  readonly clock: SimClock;
  readonly #random: Random;
  readonly #machines = new Map<string, SimNet>();
  readonly wires = new Set<Wire>();
  /** Every latency times this. */
  slowness = 1;

  constructor(clock: SimClock, random: Random) {
    this.clock = clock;
    this.#random = random;
  }

  join(address: string, clock: MachineClock): SimNet {
    const machine = new SimNet(this, address, clock);
    this.#machines.set(address, machine);
    return machine;
  }

  at(address: string): SimNet | undefined {
    return this.#machines.get(address);
  }

  wire(): Wire {
    const wire = new Wire(this.clock, this.#random, () => LATENCY_MS * this.slowness);
    this.wires.add(wire);
    return wire;
  }
}

type Accept = (conn: Conn) => void;

export class SimNet implements Net {
  readonly address: string;
  readonly connections = new Set<SimConn>();
  readonly #network: SimNetwork;
  readonly #clock: MachineClock;
  readonly #listeners = new Map<number, Accept>();
  /** Ports of the application itself, which only its own machine reaches. */
  readonly #appPorts = new Map<number, Accept>();
  #ephemeral = FIRST_EPHEMERAL;

  constructor(network: SimNetwork, address: string, clock: MachineClock) {
    this.#network = network;
    this.address = address;
    this.#clock = clock;
  }

  get clock(): Clock {
    return this.#clock;
  }

  async listen(options: ListenOptions, accept: Accept): Promise<BoundListener> {
    const port = options.port === 0 ? this.#ephemeral++ : options.port;
    this.#listeners.set(port, accept);
    return { address: options.host, port, close: () => void this.#listeners.delete(port) };
  }

  listenAsApp(port: number, accept: Accept): void {
    this.#appPorts.set(port, accept);
  }

  closeApp(): void {
    this.#appPorts.clear();
  }

  /** The proxy's own connections are not captured. */
  connect(options: ConnectOptions, handler: ConnHandler): Conn {
    const { host, port, localAddress } = options;
    if (localAddress === PROXY_SOURCE) return this.#open(options, handler, this, this.#appPorts.get(port));
    const target = this.#network.at(host);
    const accept = target?.inboundFor(port);
    return this.#open(options, handler, target, accept, CAPTURE_PORTS.inbound);
  }

  /** What the application opens enters its own proxy. */
  connectAsApp(host: string, port: number, handler: ConnHandler): Conn {
    const options = { host, port, timeoutMs: 10_000 };
    const { outbound } = CAPTURE_PORTS;
    return this.#open(options, handler, this, this.#listeners.get(outbound), outbound);
  }

  async resolve(host: string): Promise<{ addresses: readonly string[]; ttlMs: number }> {
    throw new Error(`nobody knows ${host}`);
  }

  inboundFor(port: number): Accept | undefined {
    return this.#clock.stopped ? undefined : (this.#listeners.get(CAPTURE_PORTS.inbound) ?? this.#listeners.get(port));
  }

  /** Everything that ran here is gone. */
  stop(): void {
    this.#clock.stopped = true;
    this.#listeners.clear();
    this.#appPorts.clear();
    for (const conn of [...this.connections]) conn.vanish();
    this.connections.clear();
  }

  #open(
    options: ConnectOptions,
    handler: ConnHandler,
    target: SimNet | undefined,
    accept: Accept | undefined,
    /** The proxy's port, where the connection was meant for another place. */
    redirectedTo?: number,
  ): Conn {
    const { host, port, tls } = options;
    const wire = this.#network.wire();
    const own = { address: options.localAddress ?? this.address, port: this.#ephemeral++, clock: this.#clock };
    const forget = (machine: SimNet) => (conn: SimConn) => {
      machine.connections.delete(conn);
      if (conn === wire.client) this.#network.wires.delete(wire);
    };
    wire.client = new SimConn({ wire, own, peer: { address: host, port }, closed: forget(this) });
    const there = target ?? this;
    const far = { address: there.address, port: redirectedTo ?? port, clock: there.clock };
    wire.server = new SimConn({
      wire,
      own: far,
      peer: own,
      ...(redirectedTo === undefined ? {} : { original: { address: host, port } }),
      closed: forget(there),
    });
    wire.client.handler = handler;
    this.connections.add(wire.client);
    const late = this.#clock.setTimer(options.timeoutMs, () => {
      wire.client.lost({ kind: 'timeout', code: 'ETIMEDOUT', message: 'connect ETIMEDOUT' });
      wire.server.lost({ kind: 'reset', code: 'ECONNRESET', message: 'read ECONNRESET' });
    });
    wire.up = () => late.cancel();
    wire.send(wire.client, () => {
      const alive = target !== undefined && target.clock === there.clock && accept !== undefined;
      if (!alive || (target as SimNet).isStopped) {
        wire.client.lost({ kind: 'refused', code: 'ECONNREFUSED', message: `connect ECONNREFUSED ${host}:${port}` });
        return;
      }
      if (wire.client.destroyed) return;
      there.connections.add(wire.server);
      accept(wire.server);
      wire.send(wire.server, () => {
        if (wire.client.destroyed || this.isStopped) return;
        if (options.preamble !== undefined) wire.client.write(options.preamble);
        if (tls === undefined) wire.client.connected();
        else wire.client.startTlsClient(tls);
      });
    });
    return wire.client;
  }

  get isStopped(): boolean {
    return this.#clock.stopped;
  }
}
