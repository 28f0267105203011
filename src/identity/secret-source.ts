// Where certificates and trust bundles come from, as the proxy sees it; who fetched them is not its business.

import type { DomainRoots } from './domain-roots.ts';

/** A certificate chain with its key. Every new value has a new `version`. */
export interface CertificateSecret {
  readonly kind: 'certificate';
  /** Leaf first, then intermediates; no root. */
  readonly certChainPem: string;
  readonly privateKeyPem: string;
  readonly version: string;
  readonly notAfterMs: number;
  /** '' when the leaf carries no SPIFFE id (a gateway's public certificate). */
  readonly spiffeId: string;
}

/** What peers are checked against. */
export interface TrustSecret {
  readonly kind: 'trust';
  /** One or more roots, concatenated. */
  readonly rootsPem: string;
  /** '' = no revocation list. */
  readonly crlPem: string;
  /** A chain whose root has no list is judged without; undefined: it is refused while there is any. Our own proxies know it, Envoy does not. */
  readonly revocation?: 'where-listed' | undefined;
  /** When given, a peer needs a SPIFFE id of one of these domains and a path to a root of that domain; `rootsPem` then proves nobody. */
  readonly bundles?: readonly DomainRoots[];
  readonly version: string;
}

/** There is no usable secret under this name: listeners do not accept with it and clusters do not connect. */
export interface SecretError {
  readonly kind: 'error';
  /** A code of the identity area's `errors.ts`. */
  readonly code: string;
  readonly message: string;
}

export type SecretValue = CertificateSecret | TrustSecret | SecretError;

export interface SecretSource {
  /**
   * Calls `changed` with the present value before it returns, where one is known, and with every later
   * one. Nothing is known yet: `changed` is called when the first value or error arrives. An error after
   * a value withdraws that value. The result ends the subscription; it may be called twice.
   */
  subscribe(name: string, changed: (value: SecretValue) => void): () => void;
}

/** Names that agents serve by themselves. */
export const WORKLOAD_CERTIFICATE = 'default';
export const MESH_ROOTS = 'ROOTCA';
