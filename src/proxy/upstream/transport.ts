// How connections to a cluster's endpoints are made: plain TCP, or TLS with what the cluster's transport sockets say.

import type { Conn, ConnHandler, Net, OriginalSource, TlsClientOptions } from '#base';
import type { Host } from '../cluster/host.ts';
import { parseIp } from '../matcher/cidr.ts';
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
  /** In plaintext: connections that come from a client's own address. */
  fromSource?(source: OriginalSource): Transport;
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
  readonly #source: OriginalSource | undefined;

  constructor(net: Net, settings: () => PoolSettings, source?: OriginalSource) {
    this.#net = net;
    this.#settings = settings;
    this.#source = source;
  }

  connect(host: Host, handler: ConnHandler, preamble?: Uint8Array): Conn {
    const options = connectOptions(host, this.#settings(), undefined, preamble);
    const source = this.#source;
    // An endpoint of the other family, or behind a path, has no use for the address.
    const fits =
      source !== undefined && isIp(options.host) && source.address.includes(':') === options.host.includes(':');
    return this.#net.connect(fits ? { ...options, source } : options, handler);
  }

  fromSource(source: OriginalSource): Transport {
    return new PlainTransport(this.#net, this.#settings, source);
  }

  dispose(): void {}
}

function isIp(host: string): boolean {
  return parseIp(host) !== undefined;
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
