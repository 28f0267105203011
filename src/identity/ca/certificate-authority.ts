// The mesh's certificate authority: signs leaves with what its keeper holds, and says what the mesh trusts.

import type { Clock, Fs, Logger, Result } from '#base';
import { err, ok } from '#base';
import { formatPem, OID, pemBlocks } from '#wire/tls';
import type { ExtraRoots } from '../domain-roots.ts';
import { boundRoots, boundRootsKey } from '../domain-roots.ts';
import { IdentityError } from '../errors.ts';
import {
  ISSUED_LEAVES_MAX,
  LEAF_TTL_DEFAULT_MS,
  LEAF_TTL_MAX_MS,
  LEAF_TTL_MIN_MS,
  ROTATION_SPREAD_MS,
} from '../limits.ts';
import type { CertificateSecret } from '../secret-source.ts';
import { RevocationLists, rootsWithoutList } from '../revocation.ts';
import { parseTrustBundle } from '../trust-bundle.ts';
import type { AuthorityKeeper, AuthorityPhase, MeshTrust } from './authority-keeper.ts';
import { joinRoots } from './authority-keeper.ts';
import { type ElsewhereFiles, ElsewhereRoot, leafText } from './elsewhere-root.ts';
import { OwnRoot } from './own-root.ts';
import { PluggedRoot } from './plugged-root.ts';
import type { RotationTimes } from './root-rotation.ts';
import type { Leaf, LeafRequest } from './signing-authority.ts';
import { issueLeaf } from './signing-authority.ts';

export type { MeshTrust } from './authority-keeper.ts';

export interface CertificateAuthorityOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly log: Logger;
  /** Folder of the self-signed authority, e.g. `.topsail/state/ca`. */
  readonly folder: string;
  /** Folder with Istio's `cacerts` files; when it holds any of them they are used, and must be complete. */
  readonly cacertsFolder?: string;
  /** Somebody else signs: no authority is made. */
  readonly elsewhere?: ElsewhereFiles | undefined;
  readonly trustDomain: string;
  readonly leafTtlMs?: number;
  readonly leafTtlMaxMs?: number;
  readonly rotation?: RotationTimes;
  /** How long a plugged-in root that is new is announced before it signs. */
  readonly pluggedSpreadMs?: number;
}

export interface IssuedCertificate extends Leaf {
  /** One certificate an element: leaf, intermediates, root (Istio's order). */
  readonly chain: readonly string[];
}

export interface RootStatus {
  readonly subject: string;
  readonly serial: string;
  readonly key: string;
  readonly notAfterMs: number;
  /** New leaves lead to it. */
  readonly signs: boolean;
  /** The only ones that it vouches for; undefined: all. */
  readonly trustDomains?: readonly string[];
}

export interface AuthorityStatus {
  readonly kind: AuthorityKeeper['kind'];
  readonly phase: AuthorityPhase;
  readonly nextStepMs: number | undefined;
  readonly signer: { readonly subject: string; readonly key: string; readonly notAfterMs: number };
  readonly roots: readonly RootStatus[];
  readonly revoked: number;
}

interface KnownLeaf {
  readonly identity: string;
  readonly notAfterMs: number;
}

export class CertificateAuthority {
  readonly #options: CertificateAuthorityOptions;
  readonly #log: Logger;
  #keeper!: AuthorityKeeper;
  #trust!: MeshTrust;
  #servedVersion: string | undefined;
  #toldBare = '';
  /** MeshConfig `caCertificates`. */
  #extraRoots: readonly ExtraRoots[] = [];
  /** Our trust domain and its aliases. */
  #domains: readonly string[] = [];
  readonly #issued = new Map<string, KnownLeaf>();
  readonly #watchers = new Set<(trust: MeshTrust) => void>();

  static async start(options: CertificateAuthorityOptions): Promise<Result<CertificateAuthority, IdentityError>> {
    const authority = new CertificateAuthority(options);
    const opened = await authority.#open();
    return opened.ok ? ok(authority) : err(opened.error);
  }

  private constructor(options: CertificateAuthorityOptions) {
    this.#options = options;
    this.#log = options.log.scope('ca');
  }

  async #open(): Promise<Result<void, IdentityError>> {
    const { fs, clock, folder, cacertsFolder, elsewhere, trustDomain, leafTtlMaxMs, rotation, pluggedSpreadMs } =
      this.#options;
    const log = this.#log;
    const changed = (): void => this.#setTrust();
    if (elsewhere !== undefined) {
      const files = await ElsewhereRoot.open({ fs, clock, log, files: elsewhere, changed });
      return files.ok ? this.#keep(files.value) : files;
    }
    if (cacertsFolder !== undefined) {
      const plugged = await PluggedRoot.open({
        fs,
        clock,
        log,
        folder: cacertsFolder,
        leafTtlMaxMs: leafTtlMaxMs ?? LEAF_TTL_MAX_MS,
        ...(pluggedSpreadMs === undefined ? {} : { spreadMs: pluggedSpreadMs }),
        changed,
      });
      if (!plugged.ok) return plugged;
      if (plugged.value !== undefined) return this.#keep(plugged.value);
    }
    const own = await OwnRoot.open({
      fs,
      clock,
      log,
      folder,
      organization: trustDomain,
      ...(rotation === undefined ? {} : { rotation }),
      changed,
    });
    return own.ok ? this.#keep(own.value) : own;
  }

  #keep(keeper: AuthorityKeeper): Result<void, IdentityError> {
    this.#keeper = keeper;
    this.#trust = keeper.trust;
    this.#servedVersion = this.served?.version;
    return ok(undefined);
  }

  get trust(): MeshTrust {
    return this.#trust;
  }

  get trustDomain(): string {
    return this.#options.trustDomain;
  }

  status(): AuthorityStatus {
    const { kind, phase, nextStepMs, revokedCount } = this.#keeper;
    return {
      kind,
      phase,
      nextStepMs,
      signer: this.#signerStatus(),
      roots: [
        ...rootsOf(this.#trust.rootsPem).map((root, index) => ({ ...root, signs: index === 0 })),
        ...this.#extraRoots
          .filter(({ trustDomains }) => trustDomains.length > 0)
          .flatMap(({ pem, trustDomains }) => rootsOf(pem).map((root) => ({ ...root, signs: false, trustDomains }))),
      ],
      revoked: revokedCount,
    };
  }

  #signerStatus(): AuthorityStatus['signer'] {
    const { signer } = this.#keeper;
    const served = this.served;
    if (signer === undefined)
      return { subject: leafText(served?.certChainPem ?? ''), key: '', notAfterMs: served?.notAfterMs ?? 0 };
    const { subjectText, publicKey, notAfterMs } = signer.certificate;
    return { subject: subjectText, key: keyText(publicKey), notAfterMs };
  }

  /** With what the control plane serves, where it is given instead of issued here: then nothing is issued here at all. */
  get served(): CertificateSecret | undefined {
    return this.#keeper instanceof ElsewhereRoot ? this.#keeper.serving : undefined;
  }

  /** Calls `changed` after every change of `trust`, or of what is served; the result ends it. */
  onTrustChange(changed: (trust: MeshTrust) => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  /** Roots of others that this mesh trusts; complaints name those that cannot be used. */
  setExtraRoots(extra: readonly ExtraRoots[], aliases: readonly string[] = []): readonly string[] {
    const domains = [this.#options.trustDomain, ...aliases];
    const same = JSON.stringify(extra) === JSON.stringify(this.#extraRoots);
    if (same && domains.join() === this.#domains.join()) return [];
    this.#extraRoots = extra;
    this.#domains = domains;
    this.#setTrust();
    return same ? [] : extra.flatMap(({ pem }) => parseTrustBundle(pem).complaints);
  }

  /** What certificates of somebody else's signer may lead to, as `caCertificates` says. */
  rootsOfSigner(name: string): string {
    const theirs = this.#extraRoots.filter(
      ({ certSigners, trustDomains }) =>
        (certSigners === undefined || certSigners.length === 0 || certSigners.includes(name)) &&
        (trustDomains.length === 0 || trustDomains.includes(this.#options.trustDomain)),
    );
    return joinRoots(theirs.map(({ pem }) => pem));
  }

  /** Of a leaf that was asked for with `ttlMs`. */
  boundedLife(ttlMs: number): number {
    const most = this.#options.leafTtlMaxMs ?? LEAF_TTL_MAX_MS;
    const wanted = ttlMs > 0 ? ttlMs : (this.#options.leafTtlMs ?? LEAF_TTL_DEFAULT_MS);
    return Math.min(most, Math.max(LEAF_TTL_MIN_MS, wanted));
  }

  /**
   * `ttlMs` is bounded, 0 or less means the default. Every certificate leaves one line in the log. `ours`: the
   * control plane's own, which it renews whenever trust changes.
   */
  issue(request: LeafRequest, requestedBy: string, ours = false): IssuedCertificate {
    const ttlMs = this.boundedLife(request.ttlMs);
    const { signer } = this.#keeper;
    if (signer === undefined) throw new IdentityError('authority_is_elsewhere', request.uris.join());
    const leaf = issueLeaf(signer, { ...request, ttlMs }, this.#options.clock.wallTime());
    const identity = [...request.uris, ...(request.dns ?? [])].join(',');
    this.#log.info('certificate issued', {
      identity,
      serial: leaf.serial,
      notBefore: new Date(leaf.notBeforeMs).toISOString(),
      notAfter: new Date(leaf.notAfterMs).toISOString(),
      requestedBy,
    });
    if (!ours) {
      this.#keeper.issued(ttlMs);
      this.#remember(leaf.serial, { identity, notAfterMs: leaf.notAfterMs });
    }
    const between = pemBlocks(signer.intermediatesPem, 'CERTIFICATE');
    const intermediates = between.ok ? between.value.map((der) => formatPem('CERTIFICATE', der)) : [];
    return { ...leaf, chain: [leaf.pem, ...intermediates, this.#trust.rootsPem] };
  }

  /** Takes one step of the root's rotation if one is due; done by itself too. */
  async rotateIfDue(): Promise<void> {
    if (this.#keeper instanceof OwnRoot) await this.#keeper.stepIfDue();
  }

  /** Replaces the self-signed root: both are trusted, then the new one signs, then the old one goes. */
  async rotate(spreadMs = ROTATION_SPREAD_MS): Promise<Result<void, IdentityError>> {
    return await this.#keeper.rotate(spreadMs);
  }

  /** Takes the next step of a rotation at once. */
  async hurry(): Promise<Result<void, IdentityError>> {
    return await this.#keeper.hurry();
  }

  /** One certificate by its serial, or all that an identity has; the answer names the serials. */
  async revoke(what: {
    readonly serial?: string;
    readonly identity?: string;
  }): Promise<Result<readonly string[], IdentityError>> {
    const nowMs = this.#options.clock.wallTime();
    const serial = what.serial?.toLowerCase().replaceAll(':', '') ?? '';
    const named = serial !== '' && /^[0-9a-f]{1,40}$/.test(serial);
    const leaves = named
      ? [
          {
            serial,
            untilMs: this.#issued.get(serial)?.notAfterMs ?? nowMs + (this.#options.leafTtlMaxMs ?? LEAF_TTL_MAX_MS),
          },
        ]
      : [...this.#issued]
          .filter(([, leaf]) => leaf.identity === what.identity && leaf.notAfterMs > nowMs)
          .map(([found, leaf]) => ({ serial: found, untilMs: leaf.notAfterMs }));
    if (leaves.length === 0) return err(new IdentityError('leaf_unknown', what.serial ?? what.identity ?? ''));
    const revoked = await this.#keeper.revoke(leaves);
    if (!revoked.ok) return revoked;
    const serials = leaves.map((leaf) => leaf.serial);
    this.#log.warn('certificates revoked', { serials: serials.join(), identity: what.identity ?? '' });
    return ok(serials);
  }

  close(): void {
    this.#keeper.close();
    this.#watchers.clear();
  }

  #remember(serial: string, leaf: KnownLeaf): void {
    this.#issued.set(serial, leaf);
    if (this.#issued.size > ISSUED_LEAVES_MAX) this.#issued.delete(this.#issued.keys().next().value as string);
  }

  #setTrust(): void {
    const crlPem = this.#lists();
    const bound = boundRoots(this.#extraRoots, this.#domains);
    const trust: MeshTrust = {
      rootsPem: this.#everybodysRoots(),
      crlPem,
      ...(bound.length === 0 ? {} : { bound }),
    };
    const before = this.#trust;
    const served = this.served?.version;
    const same = trust.rootsPem === before.rootsPem && trust.crlPem === before.crlPem && served === this.#servedVersion;
    this.#servedVersion = served;
    if (same && boundRootsKey(bound) === boundRootsKey(before.bound)) return;
    this.#trust = trust;
    for (const changed of [...this.#watchers]) changed(trust);
  }

  /** Ours and those that caCertificates brings: stock Envoy refuses whatever none covers, so theirs count only beside one of ours. */
  #lists(): string {
    const read = this.#extraRoots.map(({ pem }) => listsOf(pem));
    const theirs = read.flatMap(({ good }) => good);
    if (read.some(({ bad }) => bad > 0))
      this.#log.warn('a revocation list in caCertificates is left out', {
        remedy: 'give a list that one of the certificates of the same pem has signed',
      });
    const given = this.#keeper.listAnyway(theirs.length > 0);
    if (theirs.length > 0 && !given)
      this.#log.warn('revocation lists of caCertificates are not in force beside an authority that has none', {
        remedy: 'put ca-crl.pem beside the files of the authority',
      });
    const lists = given ? [this.#keeper.trust.crlPem, ...theirs].join('') : '';
    const bare = lists === '' ? [] : rootsWithoutList(this.#everybodysRoots(), lists);
    const told = bare.map((root) => root.subjectText).join(', ');
    if (told !== '' && told !== this.#toldBare)
      this.#log.warn('roots without a revocation list: stock Envoy refuses their peers while there is another list', {
        roots: told,
        remedy: 'put their list (X509 CRL) beside them in caCertificates',
      });
    this.#toldBare = told;
    return lists;
  }

  #everybodysRoots(): string {
    const everybody = this.#extraRoots.filter(({ trustDomains }) => trustDomains.length === 0);
    return joinRoots([this.#keeper.trust.rootsPem, ...everybody.map(({ pem }) => pem)]);
  }
}

/** Revocation lists among the certificates, of those certificates: one that cannot be used would have everybody refused. */
function listsOf(pem: string): { readonly good: readonly string[]; readonly bad: number } {
  const blocks = pemBlocks(pem, 'X509 CRL');
  const lists = blocks.ok ? blocks.value.map((der) => formatPem('X509 CRL', der)) : [];
  const { roots } = parseTrustBundle(pem);
  const good = lists.filter((text) => {
    const list = new RevocationLists(text);
    return list.problem === undefined && roots.some((root) => list.areOf(root));
  });
  return { good, bad: lists.length - good.length };
}

function rootsOf(pem: string): readonly Pick<RootStatus, 'subject' | 'serial' | 'key' | 'notAfterMs'>[] {
  return parseTrustBundle(pem).roots.map((root) => ({
    subject: root.subjectText,
    serial: root.serial,
    key: keyText(root.publicKey),
    notAfterMs: root.notAfterMs,
  }));
}

function keyText(key: { readonly algorithm: string; readonly bits: number }): string {
  return `${key.algorithm === OID.rsaEncryption ? 'RSA' : 'ECDSA'} ${key.bits}`;
}
