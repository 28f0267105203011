// Holds a workload's identity: makes its key, has it signed, renews at half life, swaps certificate and key in one step.

import type { Clock, Fs, Logger, Random, Result } from '#base';
import { formatPem, writeCertificateRequest, writeName } from '#wire/tls';
import { certificatesOf, joinRoots } from '../ca/authority-keeper.ts';
import type { DomainRoots } from '../domain-roots.ts';
import { wholeBundles } from '../domain-roots.ts';
import { IdentityError } from '../errors.ts';
import type { KeyKind, KeyPair } from '../key-pair.ts';
import { generateKeyPair, privateKeyPem } from '../key-pair.ts';
import { LEAF_TTL_DEFAULT_MS } from '../limits.ts';
import { readCertificateSecret, readTrustSecret } from '../read-certificate-secret.ts';
import type { CertificateSecret, SecretSource, SecretValue } from '../secret-source.ts';
import { MESH_ROOTS, WORKLOAD_CERTIFICATE } from '../secret-source.ts';
import { formatWorkloadIdentity, parseWorkloadIdentity } from '../spiffe-id.ts';
import { SecretSlots } from './secret-slots.ts';

/** Has a request signed. `current`, where there is one, is what the connection may show instead of a token. */
export type SignCsr = (
  csrPem: string,
  ttlMs: number,
  current: CertificateSecret | undefined,
) => Promise<Result<readonly string[], { readonly message: string }>>;

export interface CertificateManagerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly spiffeId: string;
  readonly signCsr: SignCsr;
  /** The roots that come with a certificate are the mesh's, and so is its trust domain; false with an authority that knows its own only. Default true. */
  readonly issuerSaysTrust?: boolean;
  /** SECRET_TTL. */
  readonly ttlMs?: number;
  readonly keyKind?: KeyKind;
  /** SECRET_GRACE_PERIOD_RATIO: share of the life that is left when it renews. */
  readonly graceRatio?: number;
  /** SECRET_GRACE_PERIOD_RATIO_JITTER: so that a thousand pods started together do not renew together. */
  readonly graceJitter?: number;
  /** OUTPUT_CERTS: only then does a key touch the disk. */
  readonly output?: { readonly fs: Fs; readonly folder: string };
}

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** A thousand agents that hear of a new root ask for new certificates within this time. */
const RENEW_SPREAD_MS = 10_000;
/** Milliseconds. A certificate that lives shorter than twice this would otherwise be renewed in a loop. */
const RENEW_AFTER_MIN_MS = 1_000;

export class CertificateManager implements SecretSource {
  readonly #options: CertificateManagerOptions;
  readonly #log: Logger;
  readonly #slots = new SecretSlots([WORKLOAD_CERTIFICATE, MESH_ROOTS]);
  /** The mesh's roots as we heard last, with our certificate or after it. The first is the one that signs. */
  #roots = '';
  #crlPem = '';
  /** Further roots, each for one trust domain. */
  #bound: readonly DomainRoots[] = [];
  #renewal: { cancel(): void } | undefined;
  #timer: { cancel(): void } | undefined;
  #failures = 0;
  #closed = false;
  #fetching = false;

  constructor(options: CertificateManagerOptions) {
    this.#options = options;
    this.#log = options.log.scope('identity');
  }

  /** Fetches the first certificate; on failure goes on trying. */
  start(): void {
    void this.#fetch();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#renewal?.cancel();
  }

  subscribe(name: string, changed: (value: SecretValue) => void): () => void {
    return this.#slots.subscribe(name, changed);
  }

  get current(): CertificateSecret | undefined {
    const value = this.#slots.get(WORKLOAD_CERTIFICATE);
    return value?.kind === 'certificate' ? value : undefined;
  }

  /** What the mesh trusts from now on. A root that signs instead of ours has us ask for another certificate soon. */
  setTrust(rootsPem: string, crlPem = '', bound: readonly DomainRoots[] = []): void {
    // Nothing is taken that would have us trust nobody.
    if (certificatesOf(rootsPem).length === 0) return;
    const before = certificatesOf(this.#roots)[0];
    this.#roots = rootsPem;
    this.#crlPem = crlPem;
    this.#bound = bound;
    this.#publishTrust();
    if (before !== certificatesOf(rootsPem)[0]) this.renewSoon();
  }

  /** Our certificate, if we have one, no longer fits what the mesh is now. */
  renewSoon(): void {
    if (this.current === undefined) return;
    const { clock, random } = this.#options;
    this.#renewal?.cancel();
    // Not all at once, and well before ours ends.
    const most = Math.min(RENEW_SPREAD_MS, (this.current.notAfterMs - clock.wallTime()) / 4);
    this.#renewal = clock.setTimer(Math.max(0, most) * random.float(), () => this.renew(), { unref: true });
  }

  /** Who is revoked, and which roots are for one trust domain; the mesh's own are as before. */
  setBeside(crlPem: string, bound: readonly DomainRoots[] = []): void {
    this.#crlPem = crlPem;
    this.#bound = bound;
    if (this.#roots !== '') this.#publishTrust();
  }

  /** Renews now, whatever the age: the control plane announced another issuer. */
  renew(): void {
    this.#timer?.cancel();
    void this.#fetch();
  }

  async #fetch(): Promise<void> {
    if (this.#closed || this.#fetching) return;
    this.#fetching = true;
    let problem: string | undefined;
    try {
      problem = await this.#fetchOnce();
    } catch (error) {
      problem = String(error);
    } finally {
      this.#fetching = false;
    }
    if (this.#closed) return;
    if (problem === undefined) {
      this.#failures = 0;
      return;
    }
    this.#retryLater(problem);
  }

  /** What went wrong, or undefined. */
  async #fetchOnce(): Promise<string | undefined> {
    const { spiffeId, signCsr } = this.#options;
    // A new key each time: a stolen one is worth half a life.
    const key = generateKeyPair(this.#options.keyKind);
    const ttlMs = this.#options.ttlMs ?? LEAF_TTL_DEFAULT_MS;
    const signed = await signCsr(makeCsr(key, spiffeId), ttlMs, this.current);
    if (this.#closed) return undefined;
    if (!signed.ok) return signed.error.message;
    const chain = signed.value.slice(0, -1).join('');
    const roots = signed.value[signed.value.length - 1] ?? '';
    const secret = readCertificateSecret(chain, privateKeyPem(key));
    if (!secret.ok) return secret.error.message;
    if (!this.#isOurs(secret.value.spiffeId))
      return `the authority issued ${secret.value.spiffeId || 'no identity'} instead of ${spiffeId}`;
    const trust = readTrustSecret(roots);
    if (!trust.ok) return trust.error.message;
    await this.#writeOut(secret.value, roots);
    if (this.#options.issuerSaysTrust !== false) this.#roots = roots;
    // Trust first: with a new issuer, peers that renewed earlier are recognised before we show the new one.
    this.#publishTrust();
    this.#slots.set(WORKLOAD_CERTIFICATE, secret.value);
    this.#renewLater(secret.value);
    return undefined;
  }

  /** The mesh may have got another trust domain since we started. */
  #isOurs(issued: string): boolean {
    const { spiffeId, issuerSaysTrust } = this.#options;
    if (issued === spiffeId) return true;
    if (issuerSaysTrust === false) return false;
    const [theirs, ours] = [parseWorkloadIdentity(issued), parseWorkloadIdentity(spiffeId)];
    return (
      theirs.ok &&
      ours.ok &&
      formatWorkloadIdentity({ ...theirs.value, trustDomain: ours.value.trustDomain }) === spiffeId
    );
  }

  #renewLater({ spiffeId, notAfterMs }: CertificateSecret): void {
    const { clock, random } = this.#options;
    const ratio = (this.#options.graceRatio ?? 0.5) + (this.#options.graceJitter ?? 0.01) * (random.float() * 2 - 1);
    const left = notAfterMs - clock.wallTime();
    const delay = Math.max(RENEW_AFTER_MIN_MS, left * (1 - Math.min(1, Math.max(0, ratio))));
    this.#log.info('certificate in force', {
      identity: spiffeId,
      notAfter: new Date(notAfterMs).toISOString(),
    });
    this.#timer = clock.setTimer(delay, () => void this.#fetch(), { unref: true });
  }

  #retryLater(problem: string): void {
    const { clock, random } = this.#options;
    const error = new IdentityError('certificate_not_issued', problem);
    this.#log.warn('certificate not renewed', {
      identity: this.#options.spiffeId,
      problem,
      failures: this.#failures + 1,
    });
    // What we have stays in force: peers judge its dates by themselves.
    if (this.current === undefined)
      this.#slots.set(WORKLOAD_CERTIFICATE, { kind: 'error', code: error.code, message: error.message });
    const backOff = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failures++, 10));
    // A short-lived certificate must not expire while we back off.
    const left =
      this.current === undefined
        ? Infinity
        : Math.max(RETRY_FIRST_MS, (this.current.notAfterMs - clock.wallTime()) / 4);
    this.#timer = clock.setTimer(Math.min(left, backOff) * (0.75 + random.float() * 0.5), () => void this.#fetch(), {
      unref: true,
    });
  }

  #publishTrust(): void {
    const roots = joinRoots([this.#roots]);
    const trust = readTrustSecret(roots, this.#crlPem, wholeBundles(roots, this.#bound));
    const value: SecretValue = trust.ok
      ? { ...trust.value, revocation: 'where-listed' }
      : { kind: 'error', code: trust.error.code, message: trust.error.message };
    const known = this.#slots.get(MESH_ROOTS);
    if (known?.kind === 'trust' && value.kind === 'trust' && known.version === value.version) return;
    this.#slots.set(MESH_ROOTS, value);
  }

  async #writeOut(secret: CertificateSecret, roots: string): Promise<void> {
    const { output } = this.#options;
    if (output === undefined) return;
    await output.fs.makeFolder(output.folder, { mode: 0o700 });
    await output.fs.writeText(`${output.folder}/key.pem`, secret.privateKeyPem, { mode: 0o600 });
    await output.fs.writeText(`${output.folder}/cert-chain.pem`, secret.certChainPem, { mode: 0o644 });
    await output.fs.writeText(`${output.folder}/root-cert.pem`, roots, { mode: 0o644 });
  }
}

export function makeCsr(key: KeyPair, spiffeId: string): string {
  const der = writeCertificateRequest({ subject: writeName(''), spki: key.spki, uris: [spiffeId] }, key);
  return formatPem('CERTIFICATE REQUEST', der);
}
