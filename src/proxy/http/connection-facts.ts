// What policies and logs may know of a downstream connection, read once from its socket and handshake.

import type { StreamRecord } from '#telemetry';
import type { DownstreamConnection } from '../network/filter.ts';
import type { DownstreamFacts } from './filter.ts';

const NONE: readonly string[] = [];

export class ConnectionFacts implements DownstreamFacts {
  readonly directRemoteAddress: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly trustedRemoteAddress: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly sni: string;
  readonly tls: boolean;
  readonly mtls: boolean;
  readonly peerUriSans: readonly string[];
  readonly peerPrincipal: string;
  readonly localPrincipal: string;
  readonly downstream: DownstreamConnection;
  readonly #local: string;
  readonly #remote: string;
  readonly #direct: string;

  constructor(downstream: DownstreamConnection, trusted: string = downstream.remoteAddress) {
    const tls = downstream.conn.tls;
    const peer = tls?.peer;
    const verified = peer !== undefined && peer.kind === 'verified';
    this.downstream = downstream;
    this.directRemoteAddress = downstream.conn.remoteAddress;
    this.remoteAddress = downstream.remoteAddress;
    this.remotePort = downstream.remotePort;
    this.trustedRemoteAddress = trusted;
    this.localAddress = downstream.localAddress;
    this.localPort = downstream.localPort;
    this.sni = downstream.sni;
    this.tls = tls !== undefined;
    this.mtls = verified;
    this.peerUriSans = verified ? peer.uriSans : NONE;
    this.peerPrincipal = verified ? peer.spiffeId : '';
    this.localPrincipal = downstream.localPrincipal;
    this.#local = hostPort(this.localAddress, this.localPort);
    this.#remote = hostPort(this.remoteAddress, this.remotePort);
    this.#direct =
      this.directRemoteAddress === this.remoteAddress
        ? this.#remote
        : hostPort(this.directRemoteAddress, downstream.conn.remotePort);
  }

  /** The same connection with another client address in front of it. */
  trusting(address: string): ConnectionFacts {
    return new ConnectionFacts(this.downstream, address);
  }

  fill(record: StreamRecord): void {
    const { downstream } = this;
    record.listener = downstream.listener;
    record.filterChain = downstream.filterChain;
    record.downstreamLocalAddress = this.#local;
    record.downstreamDirectRemoteAddress = this.#direct;
    record.downstreamRemoteAddress =
      this.trustedRemoteAddress === this.remoteAddress ? this.#remote : hostPort(this.trustedRemoteAddress, 0);
    record.sni = this.sni;
    record.downstreamPrincipal = this.peerPrincipal;
    record.downstreamLocalPrincipal = this.localPrincipal;
    record.downstreamMtls = this.mtls;
    const tls = downstream.conn.tls;
    if (tls !== undefined) {
      record.alpn = tls.alpn;
      record.tlsVersion = tls.protocol;
    }
    if (downstream.metadata !== undefined) record.metadata = downstream.metadata;
    if (downstream.filterState !== undefined)
      record.filterState = new Map([...downstream.filterState].map(([name, entry]) => [name, entry.value]));
  }
}

export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
