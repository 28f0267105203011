// Connections to endpoints that stand for one client (a PROXY header names it): no other client's requests may use
// them, and they end with the client's own connection.

import type { HttpPool } from './http-pool.ts';
import type { NamedPools } from './named-pools.ts';
import type { ClientAddresses } from './proxy-header.ts';
import type { Transport } from './transport.ts';

/** Pools of one endpoint by what asks for them. */
export interface PoolSet {
  default: HttpPool | undefined;
  high: HttpPool | undefined;
  /** HTTP/2 because the client speaks it (use_downstream_protocol). */
  asDownstream: HttpPool | undefined;
  /** For CONNECT that ends here. */
  tunnels: HttpPool | undefined;
  /** Where requests say whom TLS has to name. */
  names: NamedPools | undefined;
}

export interface ClientPoolSet extends PoolSet {
  readonly transport: Transport;
}

/** What a client's own connections are made with. */
export function transportFor(transport: Transport, client: ClientAddresses): Transport {
  const own = transport.forClient?.(client) ?? transport;
  return client.originalSource === undefined ? own : (own.fromSource?.(client.originalSource) ?? own);
}

/** Tunnels are left alone: they end with the connections that they carry. */
export function drainPools(pools: PoolSet): void {
  pools.default?.drain();
  pools.high?.drain();
  pools.asDownstream?.drain();
  pools.names?.drain();
}

/** A client's connection, as clusters see it. Made when the first of them asks. */
export class UpstreamClient {
  readonly addresses: ClientAddresses;
  readonly #endpoints = new Set<ClientPools>();

  constructor(addresses: ClientAddresses) {
    this.addresses = addresses;
  }

  holds(pools: ClientPools): void {
    this.#endpoints.add(pools);
  }

  forget(pools: ClientPools): void {
    this.#endpoints.delete(pools);
  }

  /** The client went away. */
  close(): void {
    for (const pools of this.#endpoints) pools.closeOf(this);
    this.#endpoints.clear();
  }
}

/** Who sends requests for a client: its connection. */
export interface ClientHolder {
  readonly upstreamClient: UpstreamClient;
  readonly downstream: Pick<ClientAddresses, 'originalSource'>;
}

/** The pools of one endpoint, by client: as many as there are connections of clients that use it. */
export class ClientPools {
  readonly #sets = new Map<UpstreamClient, ClientPoolSet>();

  of(client: UpstreamClient, transport: Transport): ClientPoolSet {
    let set = this.#sets.get(client);
    if (set !== undefined) return set;
    set = {
      transport: transportFor(transport, client.addresses),
      default: undefined,
      high: undefined,
      asDownstream: undefined,
      tunnels: undefined,
      names: undefined,
    };
    this.#sets.set(client, set);
    client.holds(this);
    return set;
  }

  closeOf(client: UpstreamClient): void {
    const set = this.#sets.get(client);
    if (set === undefined) return;
    this.#sets.delete(client);
    drainPools(set);
  }

  close(): void {
    for (const [client, set] of this.#sets) {
      client.forget(this);
      drainPools(set);
    }
    this.#sets.clear();
  }
}
