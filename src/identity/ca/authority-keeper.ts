// What an authority signs with and what it is trusted by, however its keys are kept: in its own file, or plugged in.

import type { Result } from '#base';
import type { Certificate } from '#wire/tls';
import { formatPem, parseCertificate, pemBlocks } from '#wire/tls';
import { findPath } from '../certification-path.ts';
import type { DomainRoots } from '../domain-roots.ts';
import type { IdentityError } from '../errors.ts';
import { parseTrustBundle } from '../trust-bundle.ts';
import type { SigningAuthority } from './signing-authority.ts';

/** What every workload must trust. The first root is the one that new leaves lead to. */
export interface MeshTrust {
  readonly rootsPem: string;
  /** '' = none. */
  readonly crlPem: string;
  /** Further roots, each for one trust domain only; undefined or empty: none is bound to one. */
  readonly bound?: readonly DomainRoots[];
}

export type AuthorityPhase = 'steady' | 'announced' | 'draining';

export interface AuthorityKeeper {
  readonly kind: 'self-signed' | 'plugged-in' | 'external';
  /** Undefined: somebody else signs. */
  readonly signer: SigningAuthority | undefined;
  readonly trust: MeshTrust;
  readonly phase: AuthorityPhase;
  /** When the phase ends by itself. */
  readonly nextStepMs: number | undefined;
  readonly revokedCount: number;
  /** Told of every leaf for somebody else: a root stays as long as one that leads to it. */
  issued(lifeMs: number): void;
  /** Begins to replace the root; the new one is announced for `spreadMs` before it signs. */
  rotate(spreadMs: number): Promise<Result<void, IdentityError>>;
  /** Whether it needs a list of its own though nobody is revoked: others beside it have one. False: it has none to give. */
  listAnyway(wanted: boolean): boolean;
  /** Takes the next step now, whatever may fail by it. */
  hurry(): Promise<Result<void, IdentityError>>;
  revoke(
    leaves: readonly { readonly serial: string; readonly untilMs: number }[],
  ): Promise<Result<void, IdentityError>>;
  close(): void;
}

/** The certificates of a bundle, each once, as PEM. */
export function certificatesOf(bundle: string): readonly string[] {
  const blocks = pemBlocks(bundle, 'CERTIFICATE');
  return blocks.ok ? [...new Set(blocks.value.map((der) => formatPem('CERTIFICATE', der)))] : [];
}

/** Each certificate of the bundles once, in order. */
export function joinRoots(bundles: readonly string[]): string {
  return [...new Set(bundles.flatMap(certificatesOf))].join('');
}

/** Those of `bundle` that are not in `other`. */
export function rootsWithout(bundle: string, other: string): string {
  const there = new Set(certificatesOf(other));
  return certificatesOf(bundle)
    .filter((pem) => !there.has(pem))
    .join('');
}

/** The root that the authority's leaves lead to, among `roots`; '' when it does not lead there. */
export function rootOf(authority: SigningAuthority, nowMs: number, roots = authority.rootsPem): string {
  const shown: Certificate[] = [];
  const blocks = pemBlocks(authority.intermediatesPem, 'CERTIFICATE');
  for (const der of blocks.ok ? blocks.value : []) {
    const parsed = parseCertificate(der);
    if (parsed.ok) shown.push(parsed.value);
  }
  const found = findPath(authority.certificate, shown, parseTrustBundle(roots), nowMs);
  const root = found.ok ? found.path.at(-1) : undefined;
  return root === undefined ? '' : formatPem('CERTIFICATE', root.der);
}
