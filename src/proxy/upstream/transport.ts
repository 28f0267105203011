// How connections to a cluster's endpoints are made: plain TCP, or TLS with what the cluster's transport sockets say.

import type { Conn, ConnHandler, Net, TlsClientOptions } from '#base';
import type { Host } from '../cluster/host.ts';
import type { PoolSettings } from './http-pool.ts';
import type { ClientAddresses } from './proxy-header.ts';
import type { AskedName } from './server-name.ts';

export interface Transport {
  /** Names the settings: pools are kept as long as it stays. */
  readonly key: string;
  /** False while a secret is missing: connecting would have to be in plaintext, so it fails (design 8). */
  readonly ready: boolean;
  readonly tls: boolean;
  /** SPIFFE id of the certificate that we show; ''. */
  readonly localPrincipal: string;
  /** `preamble`: bytes that go ahead of everything. `http`: the connection carries requests, by this protocol. */
  connect(host: Host, handler: ConnHandler, preamble?: Uint8Array, http?: 'h1' | 'h2'): Conn;
  /** Where a connection says whom it stands for: connections of one client, which no other may use. */
  forClient?(client: ClientAddresses): Transport;
  /** TLS: connections for requests that say whom its server has to be. */
  forName?(asked: AskedName): Transport;
}

export interface ClosableTransport extends Transport {
  /** Needs no secret but those that every proxy has anyway: made again, it is ready at once. */
  readonly mayRest: boolean;
  dispose(): void;
}

export class PlainTransport implements ClosableTransport {
  readonly key = 'plain';
  readonly mayRest = true;
  readonly ready = true;
  readonly tls = false;
  readonly localPrincipal = '';
  readonly #net: Net;
  readonly #settings: () => PoolSettings;

  constructor(net: Net, settings: () => PoolSettings) {
    this.#net = net;
    this.#settings = settings;
  }

  connect(host: Host, handler: ConnHandler, preamble?: Uint8Array): Conn {
    return this.#net.connect(connectOptions(host, this.#settings(), undefined, preamble), handler);
  }

  dispose(): void {}
}

/** Options of one connection attempt. */
export function connectOptions(
  host: Host,
  settings: PoolSettings,
  tls?: TlsClientOptions,
  preamble?: Uint8Array,
): Parameters<Net['connect']>[0] {
  const v6 = host.spec.address.includes(':');
  const localAddress = settings.localAddresses.find((one) => one.includes(':') === v6);
  return {
    host: host.spec.address,
    port: host.spec.port,
    timeoutMs: settings.connectTimeoutMs,
    ...(tls === undefined ? {} : { tls }),
    ...(preamble === undefined ? {} : { preamble }),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(settings.keepAliveMs === undefined ? {} : { keepAliveMs: settings.keepAliveMs }),
  };
}
