// Finds a path from a leaf over intermediates to a trusted root (RFC 5280 §6, without policies and name constraints, which are refused when critical).

import type { Certificate } from '#wire/tls';
import type { IdentityErrorCode } from './errors.ts';
import { CLOCK_SKEW_MS, PATH_INTERMEDIATES_MAX, PATH_SIGNATURES_MAX } from './limits.ts';
import { isWeakKey, isWeakSignature, verifySignature } from './signature.ts';
import type { TrustBundle } from './trust-bundle.ts';
import { hex, sameBytes } from './trust-bundle.ts';

/** Leaf first, root last. */
export type CertificationPath = readonly Certificate[];

export type PathResult =
  | { readonly ok: true; readonly path: CertificationPath }
  | { readonly ok: false; readonly code: IdentityErrorCode; readonly at: string };

export function findPath(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  trust: TrustBundle,
  nowMs: number,
): PathResult {
  // A leaf that is itself trusted needs no issuer: the self-signed server that somebody pinned.
  if (trust.roots.some((root) => sameBytes(root.der, leaf.der))) return { ok: true, path: [leaf] };
  const search = new Search(intermediates, trust, nowMs);
  const path = search.from([leaf]);
  if (path !== undefined) return { ok: true, path };
  return { ok: false, code: search.failure?.code ?? 'peer_unknown_root', at: search.failure?.at ?? leaf.subjectText };
}

export function isValidAt(certificate: Certificate, nowMs: number): boolean {
  return nowMs >= certificate.notBeforeMs - CLOCK_SKEW_MS && nowMs <= certificate.notAfterMs + CLOCK_SKEW_MS;
}

class Search {
  readonly #intermediates: readonly Certificate[];
  readonly #trust: TrustBundle;
  readonly #nowMs: number;
  #signaturesLeft = PATH_SIGNATURES_MAX;
  /** The first issuer that fitted by name and failed otherwise: more telling than "no path". */
  failure: { readonly code: IdentityErrorCode; readonly at: string } | undefined;

  constructor(intermediates: readonly Certificate[], trust: TrustBundle, nowMs: number) {
    this.#intermediates = intermediates;
    this.#trust = trust;
    this.#nowMs = nowMs;
  }

  from(path: readonly Certificate[]): CertificationPath | undefined {
    const child = path[path.length - 1] as Certificate;
    for (const root of this.#trust.bySubject.get(hex(child.issuer)) ?? []) {
      if (this.#issued(root, child, path.length - 1)) return [...path, root];
    }
    for (const issuer of this.#intermediates) {
      if (!sameBytes(issuer.subject, child.issuer) || path.some((used) => sameBytes(used.der, issuer.der))) continue;
      if (path.length > PATH_INTERMEDIATES_MAX) {
        this.#note('peer_chain_too_long', issuer);
        return undefined;
      }
      if (!this.#issued(issuer, child, path.length - 1)) continue;
      const found = this.from([...path, issuer]);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** `below`: intermediates between the issuer and the leaf. */
  #issued(issuer: Certificate, child: Certificate, below: number): boolean {
    // The same name with another key is another authority (a rotated root), not a forgery.
    if (
      child.authorityKeyId !== undefined &&
      issuer.subjectKeyId !== undefined &&
      !sameBytes(child.authorityKeyId, issuer.subjectKeyId)
    )
      return false;
    const code = this.#fault(issuer, child, below);
    if (code !== undefined) this.#note(code, issuer);
    return code === undefined;
  }

  #fault(issuer: Certificate, child: Certificate, below: number): IdentityErrorCode | undefined {
    if (!issuer.isCa || issuer.keyUsage?.certSign === false) return 'peer_issuer_not_ca';
    if (issuer.pathLength !== undefined && below > issuer.pathLength) return 'peer_chain_too_long';
    if (issuer.unknownCritical.length > 0) return 'peer_critical_extension';
    if (isWeakKey(issuer.publicKey)) return 'peer_weak_key';
    if (isWeakSignature(child.signatureAlgorithm)) return 'peer_weak_signature';
    if (!isValidAt(issuer, this.#nowMs)) return 'peer_issuer_expired';
    if (this.#signaturesLeft-- <= 0) return 'peer_chain_too_long';
    const signed = { bytes: child.tbs, signature: child.signature, algorithm: child.signatureAlgorithm };
    return verifySignature(signed, issuer.publicKey) ? undefined : 'peer_bad_signature';
  }

  #note(code: IdentityErrorCode, issuer: Certificate): void {
    this.failure ??= { code, at: issuer.subjectText };
  }
}
