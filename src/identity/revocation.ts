// Says whether a certificate is revoked; with lists configured, an issuer that no list covers refuses (RFC 5280 §6.3, Envoy's CRL check).

import type { Certificate, RevocationList } from '#wire/tls';
import { parseRevocationList, pemBlocks } from '#wire/tls';
import type { IdentityErrorCode } from './errors.ts';
import { CLOCK_SKEW_MS } from './limits.ts';
import { verifySignature } from './signature.ts';
import { hex, parseTrustBundle, sameBytes } from './trust-bundle.ts';

/** Those roots of a bundle that have no list of their own. */
export function rootsWithoutList(rootsPem: string, crlPem: string): readonly Certificate[] {
  const lists = new RevocationLists(crlPem);
  return parseTrustBundle(rootsPem).roots.filter((root) => !lists.areOf(root));
}

export class RevocationLists {
  readonly #byIssuer = new Map<string, RevocationList[]>();
  /** Which issuer's key verified a list: hashing a large list takes milliseconds, so once. */
  readonly #verified = new Map<RevocationList, Uint8Array>();
  /** Set when the text cannot be used; then every check answers with it. */
  readonly problem: string | undefined;

  constructor(crlPem: string) {
    const blocks = pemBlocks(crlPem, 'X509 CRL');
    if (!blocks.ok) {
      this.problem = blocks.error.message;
      return;
    }
    for (const der of blocks.value) {
      const list = parseRevocationList(der);
      if (!list.ok || list.value.unknownCritical.length > 0) {
        this.problem = list.ok ? `critical extension ${list.value.unknownCritical.join(', ')}` : list.error.message;
        return;
      }
      const issuer = hex(list.value.issuer);
      this.#byIssuer.set(issuer, [...(this.#byIssuer.get(issuer) ?? []), list.value]);
    }
  }

  /** Undefined when `certificate`, signed by `issuer`, is certainly not revoked. */
  fault(certificate: Certificate, issuer: Certificate, nowMs: number): IdentityErrorCode | undefined {
    if (this.problem !== undefined) return 'revocation_list_unusable';
    let covered = false;
    let stale = false;
    for (const list of this.#byIssuer.get(hex(certificate.issuer)) ?? []) {
      if (!this.#signedBy(list, issuer)) continue;
      // A stale list still names what was revoked.
      if (list.revoked.has(certificate.serial)) return 'peer_revoked';
      const current =
        nowMs >= list.thisUpdateMs - CLOCK_SKEW_MS &&
        (list.nextUpdateMs === undefined || nowMs <= list.nextUpdateMs + CLOCK_SKEW_MS);
      if (current) covered = true;
      else stale = true;
    }
    if (covered) return undefined;
    return stale ? 'peer_revocation_stale' : 'peer_revocation_unknown';
  }

  /** One of the lists is this authority's. A list that cannot be used may be anybody's. */
  areOf(issuer: Certificate): boolean {
    const lists = this.#byIssuer.get(hex(issuer.subject)) ?? [];
    return this.problem !== undefined || lists.some((list) => this.#signedBy(list, issuer));
  }

  /** Some list of its issuer's name has it: enough to refuse, where the issuer itself is not at hand. */
  names(certificate: Certificate): boolean {
    const lists = this.#byIssuer.get(hex(certificate.issuer)) ?? [];
    return this.problem !== undefined || lists.some((list) => list.revoked.has(certificate.serial));
  }

  #signedBy(list: RevocationList, issuer: Certificate): boolean {
    const known = this.#verified.get(list);
    if (known !== undefined && sameBytes(known, issuer.publicKey.spki)) return true;
    if (issuer.keyUsage?.crlSign === false) return false;
    const signed = { bytes: list.tbs, signature: list.signature, algorithm: list.signatureAlgorithm };
    if (!verifySignature(signed, issuer.publicKey)) return false;
    this.#verified.set(list, issuer.publicKey.spki);
    return true;
  }
}
