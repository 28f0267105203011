// Chooses the transport of each endpoint: the first transport_socket_match whose metadata the endpoint has,
// else the cluster's transport_socket, else plain TCP.

import type { JsonObject } from '@bufbuild/protobuf';
import type { TransportSocket } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { ProxyServices } from '../services.ts';
import type { Host } from '../cluster/host.ts';
import type { Cluster } from './cluster.ts';
import { makeTransport } from './make-transport.ts';
import type { ClosableTransport } from './transport.ts';

const MATCH_METADATA = 'envoy.transport_socket_match';

export class TransportFactory {
  readonly #matches: readonly { readonly wanted: JsonObject; readonly transport: ClosableTransport }[];
  readonly #fallback: ClosableTransport;

  constructor(cluster: Cluster, services: ProxyServices) {
    const { message } = cluster.settings;
    const make = (socket: TransportSocket | undefined, field: string): ClosableTransport =>
      makeTransport(socket, cluster, services, `cluster "${cluster.name}".${field}`);
    this.#matches = message.transportSocketMatches.map((match) => ({
      wanted: match.match ?? {},
      transport: make(match.transportSocket, `transport_socket_matches[${match.name}]`),
    }));
    this.#fallback = make(message.transportSocket, 'transport_socket');
  }

  forHost(host: Host): ClosableTransport {
    if (this.#matches.length === 0) return this.#fallback;
    const metadata = host.spec.metadata[MATCH_METADATA] ?? {};
    for (const { wanted, transport } of this.#matches) {
      let fits = true;
      for (const key in wanted) if (metadata[key] !== wanted[key]) fits = false;
      if (fits) return transport;
    }
    return this.#fallback;
  }

  /** Each can be made again at any time, and is ready then. */
  get mayRest(): boolean {
    return this.#fallback.mayRest && this.#matches.every(({ transport }) => transport.mayRest);
  }

  /** Some endpoint is shown a SPIFFE certificate of ours. */
  get showsIdentity(): boolean {
    for (const { transport } of this.#matches) if (transport.localPrincipal !== '') return true;
    return this.#fallback.localPrincipal !== '';
  }

  dispose(): void {
    for (const { transport } of this.#matches) transport.dispose();
    this.#fallback.dispose();
  }
}
