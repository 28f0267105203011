// Judges a peer's certificate after every handshake, resumed or not, from its DER alone (design 12).

import { hash } from 'node:crypto';
import type { Clock, PeerCheck, PeerVerdict } from '#base';
import type { Certificate } from '#wire/tls';
import { OID, parseCertificate } from '#wire/tls';
import { type CertificatePins, isPinned } from './certificate-pins.ts';
import type { CertificationPath } from './certification-path.ts';
import { findPath, isValidAt } from './certification-path.ts';
import type { DomainRoots } from './domain-roots.ts';
import type { IdentityErrorCode } from './errors.ts';
import { IdentityError } from './errors.ts';
import { Intermediates } from './intermediates.ts';
import { CLOCK_SKEW_MS, EXPIRY_SLACK_MS, PEER_CHAIN_MAX, VERIFIED_PATHS_MAX } from './limits.ts';
import { RevocationLists } from './revocation.ts';
import type { SanMatcher } from './san-matcher.ts';
import { matchesSan } from './san-matcher.ts';
import { isWeakKey } from './signature.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import type { TrustBundle } from './trust-bundle.ts';
import { hex, parseTrustBundle, sameBytes } from './trust-bundle.ts';

export interface PeerCheckOptions {
  /** PEM bundle. Undefined = the chain is not checked: then no certificate proves anything and every peer is anonymous. */
  readonly roots: string | undefined;
  /** In place of `roots`: what vouches for each trust domain. The peer must have one SPIFFE id, in one of them. */
  readonly bundles?: readonly DomainRoots[] | undefined;
  /** PEM; '' = no revocation lists. */
  readonly crl: string;
  /** A chain whose root has no list is judged without; undefined: it is refused while there is any, as Envoy does. */
  readonly revocation?: 'where-listed' | undefined;
  /** Only the leaf's revocation counts, not its issuers' (Envoy's only_verify_leaf_cert_crl). */
  readonly revocationOfLeafOnly?: boolean;
  /** At least one must match; empty = any name. */
  readonly sanMatchers: readonly SanMatcher[];
  /** The certificate must be one of these. */
  readonly pins?: CertificatePins | undefined;
  /** The peer must have exactly one SPIFFE id, in one of these domains; undefined = any certificate of a trusted root. */
  readonly trustDomains: readonly string[] | undefined;
  /** Whether a peer without certificate is refused. Servers' certificates are always required. */
  readonly required: boolean;
  /** The handshake is over: only whether chain and revocation still hold counts, no longer the leaf's end. */
  readonly established?: boolean;
  /** Who the peer is: decides the extended key usage. */
  readonly peerIs: 'client' | 'server';
  readonly clock: Pick<Clock, 'wallTime'>;
  /** Shared between checks, so that a resumed session finds the intermediates of its first handshake. */
  readonly intermediates?: Intermediates;
}

const ANONYMOUS: { readonly ok: true; readonly verdict: PeerVerdict } = { ok: true, verdict: { kind: 'anonymous' } };

/** One check per (trust version, matcher); it parses roots and lists once. */
export function makePeerCheck(options: PeerCheckOptions): PeerCheck {
  const { roots, bundles } = options;
  const judge = roots === undefined && bundles === undefined ? undefined : new PeerJudge(options);
  return ({ chain, pathVerified }) => {
    if (chain.length === 0)
      return options.required || options.peerIs === 'server' ? refuse('peer_no_certificate') : ANONYMOUS;
    // Whoever verified the path knew nothing of trust domains.
    const vouched = (pathVerified === true && bundles === undefined) || options.established === true;
    if (judge !== undefined) return judge.check(chain, vouched);
    // Names that nobody vouches for must not satisfy a matcher.
    return options.sanMatchers.length > 0 || options.trustDomains !== undefined || options.pins !== undefined
      ? refuse('trust_bundle_empty')
      : ANONYMOUS;
  };
}

/** The code in front of a refusal's reason. */
export function refusalCode(reason: string): IdentityErrorCode {
  return reason.slice(0, reason.indexOf(':')) as IdentityErrorCode;
}

class PeerJudge {
  readonly #options: PeerCheckOptions;
  readonly #trust: TrustBundle;
  /** By trust domain; undefined: `#trust` is for all. */
  readonly #bundles: ReadonlyMap<string, TrustBundle> | undefined;
  readonly #lists: RevocationLists | undefined;
  readonly #intermediates: Intermediates;
  /** By SHA-256 of the leaf. Signatures stay true; dates, revocation and names are judged every time. */
  readonly #paths = new Map<string, CertificationPath>();

  constructor(options: PeerCheckOptions) {
    this.#options = options;
    const { bundles } = options;
    this.#trust = parseTrustBundle(bundles === undefined ? (options.roots ?? '') : '');
    this.#bundles =
      bundles === undefined
        ? undefined
        : new Map(bundles.map(({ trustDomain, rootsPem }) => [trustDomain, parseTrustBundle(rootsPem)]));
    this.#lists = options.crl === '' ? undefined : new RevocationLists(options.crl);
    this.#intermediates = options.intermediates ?? new Intermediates();
  }

  /** `vouched`: somebody verified the path, and only what stands on it may be unknown here. */
  check(chain: readonly Uint8Array[], vouched: boolean): ReturnType<PeerCheck> {
    if (chain.length > PEER_CHAIN_MAX) return refuse('peer_chain_too_long', `${chain.length} certificates shown`);
    const id = hash('sha256', chain[0] as Uint8Array, 'base64');
    const known = this.#paths.get(id);
    const leaf = known?.[0] ?? parseCertificate(chain[0] as Uint8Array);
    if ('ok' in leaf && !leaf.ok) {
      return refuse(leaf.error.code.startsWith('san_') ? 'peer_san_malformed' : 'peer_malformed', leaf.error.message);
    }
    const certificate = 'ok' in leaf ? leaf.value : leaf;
    const wallMs = this.#options.clock.wallTime();
    const nowMs = this.#options.established === true ? Math.min(wallMs, certificate.notAfterMs) : wallMs;
    const path = known?.every((one) => isValidAt(one, nowMs)) === true ? known : undefined;
    const trust = this.#trustFor(certificate);
    if (trust === undefined) return refuse('peer_wrong_trust_domain', describe(certificate));
    if (trust.roots.length === 0) return refuse('trust_bundle_empty', trust.complaints.join('; '));
    const code = this.#leafFault(certificate, trust, nowMs);
    if (code !== undefined) return refuse(code, describe(certificate));
    const found = path ?? this.#findPath(certificate, trust, chain.slice(1), nowMs, id);
    if (!('code' in found)) return this.#identityOf(certificate, this.#revoked(found, nowMs));
    if (!vouched || found.code !== 'peer_unknown_root' || this.#knowsIssuerOf(certificate, trust))
      return refuse(found.code, found.at);
    return this.#identityOf(certificate, this.#lists?.names(certificate) === true ? 'peer_revoked' : undefined);
  }

  /** Undefined: nothing vouches for the leaf's trust domain, or it has none. Several names are refused with their own reason later. */
  #trustFor(leaf: Certificate): TrustBundle | undefined {
    if (this.#bundles === undefined) return this.#trust;
    const id = parseSpiffeId(leaf.names.uris.find((uri) => uri.startsWith('spiffe:')) ?? '');
    return id.ok ? this.#bundles.get(id.value.trustDomain) : undefined;
  }

  #findPath(
    leaf: Certificate,
    trust: TrustBundle,
    shown: readonly Uint8Array[],
    nowMs: number,
    id: string,
  ): CertificationPath | { readonly code: IdentityErrorCode; readonly at: string } {
    this.#paths.delete(id);
    const intermediates: Certificate[] = [];
    for (const der of shown) {
      const parsed = parseCertificate(der);
      // One that cannot be read only makes the path harder to find.
      if (parsed.ok) intermediates.push(parsed.value);
    }
    const result = findPath(leaf, [...intermediates, ...this.#intermediates.all()], trust, nowMs);
    if (!result.ok) return result;
    for (const issuer of result.path.slice(1, -1)) this.#intermediates.add(issuer);
    this.#paths.set(id, result.path);
    if (this.#paths.size > VERIFIED_PATHS_MAX) this.#paths.delete(this.#paths.keys().next().value as string);
    return result.path;
  }

  #knowsIssuerOf(leaf: Certificate, trust: TrustBundle): boolean {
    if (trust.bySubject.has(hex(leaf.issuer))) return true;
    return this.#intermediates.all().some((one) => sameBytes(one.subject, leaf.issuer));
  }

  #leafFault(leaf: Certificate, trust: TrustBundle, nowMs: number): IdentityErrorCode | undefined {
    if (nowMs < leaf.notBeforeMs - CLOCK_SKEW_MS) return 'peer_not_yet_valid';
    if (nowMs > leaf.notAfterMs + EXPIRY_SLACK_MS) return 'peer_expired';
    if (leaf.unknownCritical.length > 0) return 'peer_critical_extension';
    if (isWeakKey(leaf.publicKey)) return 'peer_weak_key';
    // A self-signed server that somebody pinned often is its own authority; a mesh identity never is (X.509-SVID §4.1).
    const pinned = (): boolean => trust.roots.some((root) => sameBytes(root.der, leaf.der));
    if (leaf.isCa && (this.#options.trustDomains !== undefined || !pinned())) return 'peer_is_ca';
    const use = this.#options.peerIs === 'client' ? OID.clientAuth : OID.serverAuth;
    const uses = leaf.extendedKeyUsage;
    if (uses !== undefined && !uses.includes(use) && !uses.includes(OID.anyExtendedKeyUsage)) return 'peer_wrong_usage';
    if (!leaf.isCa && leaf.keyUsage !== undefined && !leaf.keyUsage.digitalSignature && !leaf.keyUsage.keyEncipherment)
      return 'peer_wrong_usage';
    return undefined;
  }

  #revoked(path: CertificationPath, nowMs: number): IdentityErrorCode | undefined {
    if (this.#lists === undefined) return undefined;
    const until = this.#options.revocationOfLeafOnly === true ? 1 : path.length - 1;
    const root = path.at(-1) as Certificate;
    const mayLack = this.#options.revocation === 'where-listed' && !this.#lists.areOf(root);
    for (let i = 0; i < until && i + 1 < path.length; i++) {
      const code = this.#lists.fault(path[i] as Certificate, path[i + 1] as Certificate, nowMs);
      if (code !== undefined && !(mayLack && code === 'peer_revocation_unknown')) return code;
    }
    return undefined;
  }

  #identityOf(leaf: Certificate, revoked: IdentityErrorCode | undefined): ReturnType<PeerCheck> {
    if (revoked !== undefined)
      return refuse(
        revoked,
        `${describe(leaf)}${this.#lists?.problem === undefined ? '' : `, ${this.#lists.problem}`}`,
      );
    const { names } = leaf;
    const spiffe = names.uris.filter((uri) => uri.startsWith('spiffe:'));
    // An X.509-SVID has exactly one URI name (X.509-SVID §2); a second one is how an identity is smuggled in.
    if (names.uris.length > 1 && (spiffe.length > 0 || this.#options.trustDomains !== undefined))
      return refuse('peer_several_identities', names.uris.join(', '));
    const domains = this.#options.trustDomains;
    if (domains !== undefined && spiffe.length === 0) return refuse('peer_no_identity', describe(leaf));
    const text = spiffe[0] ?? '';
    if (text !== '') {
      const id = parseSpiffeId(text);
      if (!id.ok) return refuse('peer_bad_identity', id.error.message);
      if (domains !== undefined && !domains.includes(id.value.trustDomain))
        return refuse('peer_wrong_trust_domain', text);
    }
    const { sanMatchers, pins } = this.#options;
    if (pins !== undefined && !isPinned(pins, leaf)) return refuse('peer_not_pinned', describe(leaf));
    if (sanMatchers.length > 0 && !sanMatchers.some((matcher) => matchesSan(matcher, names)))
      return refuse('peer_san_mismatch', describe(leaf));
    return {
      ok: true,
      verdict: {
        kind: 'verified',
        uriSans: names.uris,
        dnsSans: names.dns,
        ipSans: names.ips,
        spiffeId: text,
        notAfterMs: leaf.notAfterMs,
        serial: leaf.serial,
        subject: leaf.subjectText,
      },
    };
  }
}

function refuse(code: IdentityErrorCode, detail = ''): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason: `${code}: ${new IdentityError(code, detail).message}` };
}

function describe(leaf: Certificate): string {
  const name = leaf.names.uris[0] ?? leaf.names.dns[0] ?? leaf.subjectText;
  return `${name} (serial ${leaf.serial}, until ${new Date(leaf.notAfterMs).toISOString()})`;
}
