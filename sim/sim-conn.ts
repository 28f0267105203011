// Both ends of one connection through the simulated network: bytes arrive late and in order, TLS is a handshake of two
// real certificate checks, and either end may vanish.
import type { Clock, Conn, ConnError, ConnHandler, Random, TlsClientOptions, TlsFacts } from '#base';
import type { TlsServerOptions, TlsServerResult } from '#base';
import { pemBlocks } from '#wire/tls';
import { clientHello } from './client-hello.ts';

const SILENT: ConnHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
const RESET: ConnError = { kind: 'reset', code: 'ECONNRESET', message: 'read ECONNRESET' };
let ids = 0;

export interface End {
  readonly address: string;
  readonly port: number;
  /** Its machine's: what a machine that stopped would do is not done. */
  readonly clock: Clock;
}

/** What both ends share. */
export class Wire {
  readonly #world: Clock;
  readonly #random: Random;
  readonly #latency: () => number;
  readonly #arrival = [0, 0];
  client!: SimConn;
  server!: SimConn;
  /** What the client asks of TLS; undefined = it speaks plaintext. */
  offer: TlsClientOptions | undefined;
  /** Called once the client may write, or is gone. */
  up = (): void => {};

  constructor(world: Clock, random: Random, latency: () => number) {
    this.#world = world;
    this.#random = random;
    this.#latency = latency;
  }

  /** In order for each direction; nothing relates it to other connections. */
  send(from: SimConn, arrive: () => void): void {
    const side = from === this.client ? 0 : 1;
    const now = this.#world.now();
    const at = Math.max(this.#arrival[side] as number, now + this.#latency() * (0.5 + this.#random.float()));
    this.#arrival[side] = at;
    this.#world.setTimer(at - now, arrive);
  }

  /** As when a router between them forgets it. */
  cut(): void {
    for (const end of [this.client, this.server]) end.lost(RESET);
  }
}

export class SimConn implements Conn {
  readonly id = ++ids;
  handler: ConnHandler = SILENT;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly queuedBytes = 0;
  bytesRead = 0;
  bytesWritten = 0;
  endedByPeer = false;
  tls: TlsFacts | undefined = undefined;
  destroyed = false;
  readonly wire: Wire;
  readonly #own: End;
  readonly #original: { readonly address: string; readonly port: number } | undefined;
  readonly #closed: (conn: SimConn) => void;
  #inbox: (Buffer | 'end')[] = [];
  #paused = false;
  #delivering = false;
  #ended = false;
  #peerEnded = false;
  #over = false;
  #handshake: (() => void) | undefined;

  constructor(options: {
    readonly wire: Wire;
    readonly own: End;
    readonly peer: Omit<End, 'clock'>;
    readonly original?: { readonly address: string; readonly port: number };
    readonly closed: (conn: SimConn) => void;
  }) {
    const { wire, own, peer } = options;
    this.wire = wire;
    this.#own = own;
    this.remoteAddress = peer.address;
    this.remotePort = peer.port;
    this.localAddress = own.address;
    this.localPort = own.port;
    this.#original = options.original;
    this.#closed = options.closed;
  }

  get #other(): SimConn {
    return this.wire.client === this ? this.wire.server : this.wire.client;
  }

  write(data: Uint8Array): boolean {
    if (this.destroyed || this.#ended || this.#over) return true;
    const copy = Buffer.from(data);
    this.bytesWritten += copy.length;
    this.wire.send(this, () => this.#other.#arrive(copy));
    return true;
  }

  writeText(text: string): boolean {
    return this.write(Buffer.from(text, 'latin1'));
  }

  cork(): void {}
  uncork(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#own.clock.setTimer(0, () => this.#deliver());
  }

  end(): void {
    if (this.#ended || this.#over) return;
    this.#ended = true;
    this.wire.send(this, () => this.#other.#arrive('end'));
    if (this.#peerEnded) this.#finish(undefined);
  }

  destroy(reset = false): void {
    if (this.destroyed) return;
    this.destroyed = true;
    const fault = reset ? RESET : undefined;
    this.wire.send(this, () => (reset ? this.#other.lost(RESET) : this.#other.#arrive('end')));
    this.#finish(fault);
  }

  get holdsUnread(): boolean {
    return this.#inbox.length > 0;
  }

  unread(data: Buffer): void {
    if (data.length > 0) this.#inbox.unshift(Buffer.from(data));
  }

  originalDestination(): { readonly address: string; readonly port: number } | undefined {
    return this.#original;
  }

  startTlsServer(options: TlsServerOptions, done: (result: TlsServerResult) => void): void {
    const late = this.#own.clock.setTimer(options.handshakeTimeoutMs || 10_000, () =>
      fail({ kind: 'timeout', code: 'ETIMEDOUT', message: 'the handshake took too long' }),
    );
    const fail = (error: ConnError): void => {
      this.#handshake = undefined;
      late.cancel();
      done({ ok: false, error });
    };
    this.#handshake = () => {
      const first = this.#inbox.shift();
      if (first === undefined) return;
      const { offer } = this.wire;
      if (first === 'end' || offer === undefined || first[0] !== 22)
        return fail({ kind: 'tls', code: 'ERR_SSL_WRONG_VERSION_NUMBER', message: 'wrong version number' });
      this.#handshake = undefined;
      const alpn = options.alpn.find((name) => offer.alpn.includes(name)) ?? offer.alpn[0] ?? '';
      const shown = options.requestClientCertificate ? chainOf(offer.context.certChainPem) : [];
      const verdict = options.check({ chain: shown, resumed: false, sni: offer.sni });
      if (!verdict.ok) {
        this.wire.send(this, () => this.#other.lost({ kind: 'tls', code: 'ERR_SSL_ALERT', message: verdict.reason }));
        return fail({ kind: 'tls', code: 'PEER_REFUSED', message: verdict.reason });
      }
      const facts = (peer: TlsFacts['peer'], der: Uint8Array | undefined): TlsFacts => ({
        protocol: 'TLSv1.3',
        cipher: 'TLS_AES_128_GCM_SHA256',
        alpn,
        sni: offer.sni,
        resumed: false,
        peerCertificate: der,
        peer,
      });
      const ownChain = chainOf(options.context.certChainPem);
      this.wire.send(this, () => {
        const client = this.#other;
        if (client.destroyed || client.#over) return;
        const judged = offer.check({ chain: ownChain, resumed: false, sni: offer.sni });
        if (!judged.ok) {
          this.wire.send(client, () => fail({ kind: 'tls', code: 'ECONNRESET', message: 'the client went away' }));
          return client.lost({ kind: 'tls', code: 'PEER_REFUSED', message: judged.reason });
        }
        client.tls = facts(judged.verdict, ownChain[0]);
        this.wire.send(client, () => {
          if (this.destroyed || this.#over) return;
          late.cancel();
          this.tls = facts(verdict.verdict, shown[0]);
          done({ ok: true, conn: this });
        });
        client.connected();
      });
    };
    this.#handshake();
  }

  /** The client's part of it. */
  startTlsClient(offer: TlsClientOptions): void {
    this.wire.offer = offer;
    this.write(clientHello(offer.sni, offer.alpn));
  }

  connected(): void {
    this.wire.up();
    this.handler.onConnected?.();
  }

  /** The other end is gone without a word. */
  lost(error: ConnError): void {
    this.#inbox = [];
    if (!this.#ended && !this.destroyed) this.endedByPeer = true;
    this.#finish(error);
  }

  /** Its machine stopped. */
  vanish(): void {
    this.destroyed = true;
    this.#over = true;
    this.#closed(this);
    this.wire.send(this, () => this.#other.lost(RESET));
  }

  #arrive(what: Buffer | 'end'): void {
    if (this.#over || this.destroyed) {
      // Nobody is there: who writes learns it.
      if (what !== 'end') this.wire.send(this, () => this.#other.lost(RESET));
      return;
    }
    // As Node has it: a client that is left in the middle of a handshake has no connection.
    if (what === 'end' && this.wire.offer !== undefined && this.wire.client === this && this.tls === undefined)
      return this.lost({ ...RESET, message: 'disconnected before secure TLS connection was established' });
    this.#inbox.push(what);
    if (this.#handshake !== undefined) this.#handshake();
    else this.#deliver();
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && !this.destroyed && !this.#over && this.#handshake === undefined) {
      const next = this.#inbox.shift();
      if (next === undefined) break;
      if (next !== 'end') {
        this.bytesRead += next.length;
        this.handler.onData(next);
        continue;
      }
      this.#peerEnded = true;
      this.endedByPeer = !this.#ended;
      this.handler.onEnd();
      if (this.#ended) this.#finish(undefined);
    }
    this.#delivering = false;
  }

  #finish(error: ConnError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    if (this.wire.client === this) this.wire.up();
    this.#closed(this);
    this.#own.clock.setTimer(0, () => {
      this.destroyed = true;
      this.handler.onClose(error);
    });
  }
}

function chainOf(pem: string | undefined): readonly Uint8Array[] {
  const blocks = pemBlocks(pem ?? '', 'CERTIFICATE');
  return blocks.ok ? blocks.value : [];
}
