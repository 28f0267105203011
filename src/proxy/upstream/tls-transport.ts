// TLS towards endpoints: secrets by name from the SecretSource, peer check, ALPN and server name (UpstreamTlsContext).

import { type Conn, type ConnHandler, HTTP_ALPN, METADATA_EXCHANGE } from '#base';
import type { UpstreamTlsContext } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { Host } from '../cluster/host.ts';
import { tellUnread } from '../apply/unread-fields.ts';
import { TlsMaterial, tlsWarning } from '../tls/tls-material.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from './cluster.ts';
import { type AskedName, namedPeer } from './server-name.ts';
import { StandingConnections } from './standing-connections.ts';
import { connectOptions, type Transport } from './transport.ts';

/** Settings that were replaced are kept until their last connection ends. */
const LOOK_MS = 30_000;

export class TlsTransport {
  readonly tls = true;
  readonly #config: UpstreamTlsContext;
  readonly #cluster: Cluster;
  readonly #services: ProxyServices;
  readonly #material: TlsMaterial;
  /** Istio's control plane names the TCP list for all, and says by the filter istio.alpn what requests offer. */
  readonly #ofMesh: boolean;
  readonly #standing = new StandingConnections();
  #key = '';
  #keyVersion: string | undefined = undefined;
  #keyCheck: string | undefined = undefined;

  constructor(config: UpstreamTlsContext, cluster: Cluster, services: ProxyServices, field: string) {
    this.#config = config;
    this.#cluster = cluster;
    this.#services = services;
    tellUnread('UpstreamTlsContext', config, field, tlsWarning(services));
    this.#material = new TlsMaterial(config.commonTlsContext, 'server', true, services, field);
    this.#ofMesh = config.commonTlsContext?.alpnProtocols.includes(METADATA_EXCHANGE) === true;
    this.#material.onTrust = () => this.#judge();
  }

  /** Changes with every secret version and with who the peer has to be: connections made under the old take nothing new. */
  get key(): string {
    const { version, checkKey } = this.#material;
    // Every request asks: a text made anew each time would be compared letter by letter.
    if (version !== this.#keyVersion || checkKey !== this.#keyCheck) {
      this.#keyVersion = version;
      this.#keyCheck = checkKey;
      this.#key = `tls ${version} ${checkKey} ${this.#config.sni}`;
    }
    return this.#key;
  }
  get ready(): boolean {
    return this.#material.ready;
  }
  get mayRest(): boolean {
    return this.#material.isOfWorkload;
  }
  get localPrincipal(): string {
    return this.#material.localPrincipal;
  }

  connect(host: Host, handler: ConnHandler, preamble?: Uint8Array, http?: 'h1' | 'h2', asked?: AskedName): Conn {
    const { context, checkKey } = this.#material;
    const alpn = this.#ofMesh && http !== undefined ? HTTP_ALPN[http] : this.#material.alpn;
    const sni = asked?.sni ?? this.#ownSni(host);
    // Whom was asked for takes the place of configured names.
    const isNamed = this.#config.autoSniSanValidation && sni !== '';
    const sans = [asked?.san, isNamed ? sni : undefined].filter((name) => name !== undefined);
    const check = sans.reduce(namedPeer, isNamed ? this.#material.checkOfAnyName : this.#material.check);
    return this.#standing.add(
      this.#services.net.connect(
        connectOptions(
          host,
          this.#cluster.poolSettings,
          { context, alpn, sni, check, checkKey: [checkKey, ...sans].join(isNamed ? ' only ' : ' named ') },
          preamble,
        ),
        handler,
      ),
    );
  }

  #ownSni(host: Host): string {
    const { hostname } = host.spec;
    return this.#config.autoHostSni && hostname !== '' ? hostname : this.#config.sni;
  }

  forName(asked: AskedName): Transport {
    return new NamedTls(this, asked);
  }

  /** Connections may outlive the cluster's settings: what they trust is followed as long as there are any. */
  dispose(): void {
    if (this.#standing.isEmpty) return this.#material.dispose();
    this.#services.clock.setTimer(LOOK_MS, () => this.dispose(), { unref: true });
  }

  #judge(): void {
    this.#standing.judge((facts) => this.#material.faultOf(facts), this.#services);
  }
}

/** For requests that ask for the same name. */
class NamedTls implements Transport {
  readonly tls = true;
  readonly #all: TlsTransport;
  readonly #asked: AskedName;

  constructor(all: TlsTransport, asked: AskedName) {
    this.#all = all;
    this.#asked = asked;
  }

  get key(): string {
    return `${this.#all.key} ${JSON.stringify(this.#asked)}`;
  }
  get ready(): boolean {
    return this.#all.ready;
  }
  get localPrincipal(): string {
    return this.#all.localPrincipal;
  }

  connect(host: Host, handler: ConnHandler, preamble?: Uint8Array, http?: 'h1' | 'h2'): Conn {
    return this.#all.connect(host, handler, preamble, http, this.#asked);
  }
}
