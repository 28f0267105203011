// Puts a PROXY header ahead of all that a connection to an endpoint carries, TLS too (Envoy's upstream_proxy_protocol).

import type { Conn, ConnHandler } from '#base';
import type { ProxyProtocolConfig } from '#proto/envoy/config/core/v3/proxy_protocol_pb.ts';
import { tlvChoice } from '../listener/proxy-protocol-rules.ts';
import type { Host } from '../cluster/host.ts';
import { type ClientAddresses, writeProxyHeader } from './proxy-header.ts';
import type { AskedName } from './server-name.ts';
import type { ClosableTransport, Transport } from './transport.ts';

/** ProxyProtocolConfig.Version */
const V2 = 1;

interface HeaderSettings {
  readonly version: 1 | 2;
  /** Type-length-values of a client's own header that go along. */
  readonly passes: (type: number) => boolean;
  /** Names the settings. */
  readonly key: string;
}

class HeadedTransport implements Transport {
  protected readonly inner: Transport;
  protected readonly settings: HeaderSettings;
  readonly #header: Uint8Array;
  readonly #client: ClientAddresses | undefined;

  constructor(inner: Transport, settings: HeaderSettings, client?: ClientAddresses) {
    this.inner = inner;
    this.settings = settings;
    this.#client = client;
    this.#header = writeProxyHeader(settings.version, client, settings.passes);
  }

  get key(): string {
    return `${this.settings.key} ${this.inner.key}`;
  }
  get ready(): boolean {
    return this.inner.ready;
  }
  get tls(): boolean {
    return this.inner.tls;
  }
  get localPrincipal(): string {
    return this.inner.localPrincipal;
  }

  connect(host: Host, handler: ConnHandler, _preamble?: Uint8Array, http?: 'h1' | 'h2'): Conn {
    return this.inner.connect(host, handler, this.#header, http);
  }

  forName(asked: AskedName): Transport {
    return new HeadedTransport(this.inner.forName?.(asked) ?? this.inner, this.settings, this.#client);
  }
}

/** Used as it is, it speaks for the proxy itself: health checks, mirrored requests, calls of filters. */
export class ProxyProtocolTransport extends HeadedTransport implements ClosableTransport {
  readonly #closable: ClosableTransport;

  constructor(inner: ClosableTransport, config: ProxyProtocolConfig | undefined) {
    const version = config?.version === V2 ? 2 : 1;
    const tlvs = config?.passThroughTlvs;
    const key = `proxy${version}${tlvs === undefined ? '' : ` with ${tlvs.matchType} ${tlvs.tlvType.join(',')}`}`;
    super(inner, { version, passes: tlvChoice(tlvs), key });
    this.#closable = inner;
  }

  get mayRest(): boolean {
    return this.#closable.mayRest;
  }

  forClient(client: ClientAddresses): Transport {
    return new HeadedTransport(this.inner, this.settings, client);
  }

  dispose(): void {
    this.#closable.dispose();
  }
}
