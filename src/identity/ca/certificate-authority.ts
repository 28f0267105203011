// The mesh's certificate authority: a self-signed root kept in files, or a plugged-in intermediate that is reloaded.

import type { Clock, Fs, Logger, Result } from '#base';
import { err, ok } from '#base';
import { pemBlocks, formatPem } from '#wire/tls';
import type { IdentityError } from '../errors.ts';
import { LEAF_TTL_DEFAULT_MS, LEAF_TTL_MAX_MS, LEAF_TTL_MIN_MS } from '../limits.ts';
import type { AuthorityState } from './authority-store.ts';
import { loadAuthority, saveAuthority } from './authority-store.ts';
import { readPluggedAuthority } from './plugged-authority.ts';
import type { RotationTimes } from './root-rotation.ts';
import { afterStep, nextRotationStep, ROTATION_TIMES } from './root-rotation.ts';
import type { Leaf, LeafRequest, SigningAuthority } from './signing-authority.ts';
import { issueLeaf, makeRoot } from './signing-authority.ts';

export interface CertificateAuthorityOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly log: Logger;
  /** Folder of the self-signed authority, e.g. `.topsail/state/ca`. */
  readonly folder: string;
  /** Folder with Istio's `cacerts` files; when it holds any of them they are used, and must be complete. */
  readonly cacertsFolder?: string;
  readonly trustDomain: string;
  readonly leafTtlMs?: number;
  readonly leafTtlMaxMs?: number;
  readonly rotation?: RotationTimes;
}

/** What every workload must trust. */
export interface MeshTrust {
  readonly rootsPem: string;
  /** From cacerts' ca-crl.pem; '' = none. */
  readonly crlPem: string;
}

export interface IssuedCertificate extends Leaf {
  /** One certificate an element: leaf, intermediates, root (Istio's order). */
  readonly chain: readonly string[];
}

const ROTATION_CHECK_MS = 3_600_000;

export class CertificateAuthority {
  readonly #options: CertificateAuthorityOptions;
  readonly #log: Logger;
  #signer: SigningAuthority;
  #selfSigned: AuthorityState | undefined;
  #trust: MeshTrust;
  readonly #watchers = new Set<(trust: MeshTrust) => void>();
  #stopWatching: (() => void) | undefined;
  #closed = false;
  #rotating: Promise<void> = Promise.resolve();

  static async start(options: CertificateAuthorityOptions): Promise<Result<CertificateAuthority, IdentityError>> {
    const nowMs = options.clock.wallTime();
    if (options.cacertsFolder !== undefined) {
      const plugged = await readPluggedAuthority(options.fs, options.cacertsFolder, nowMs);
      if (!plugged.ok) return plugged;
      if (plugged.value !== undefined) {
        const authority = new CertificateAuthority(options, plugged.value.authority, undefined, plugged.value.crlPem);
        authority.#watchPlugged(options.cacertsFolder);
        return ok(authority);
      }
    }
    const loaded = await loadAuthority(options.fs, options.folder, nowMs);
    if (!loaded.ok) return err(loaded.error);
    let state = loaded.value;
    if (state === undefined) {
      state = {
        current: makeRoot({ organization: options.trustDomain, nowMs }),
        other: undefined,
        rotation: { phase: 'steady' },
      };
      await saveAuthority(options.fs, options.folder, state);
      options.log.scope('ca').info('made a self-signed root', { folder: options.folder });
    }
    const authority = new CertificateAuthority(options, state.current, state, '');
    authority.#watchRoot();
    return ok(authority);
  }

  private constructor(
    options: CertificateAuthorityOptions,
    signer: SigningAuthority,
    selfSigned: AuthorityState | undefined,
    crlPem: string,
  ) {
    this.#options = options;
    this.#log = options.log.scope('ca');
    this.#signer = signer;
    this.#selfSigned = selfSigned;
    this.#trust = { rootsPem: signer.rootsPem + (selfSigned?.other?.rootsPem ?? ''), crlPem };
  }

  get trust(): MeshTrust {
    return this.#trust;
  }

  get trustDomain(): string {
    return this.#options.trustDomain;
  }

  /** Calls `changed` after every change of `trust`; the result ends it. */
  onTrustChange(changed: (trust: MeshTrust) => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  /** `ttlMs` is bounded, 0 or less means the default. Every certificate leaves one line in the log. */
  issue(request: LeafRequest, requestedBy: string): IssuedCertificate {
    const most = this.#options.leafTtlMaxMs ?? LEAF_TTL_MAX_MS;
    const wanted = request.ttlMs > 0 ? request.ttlMs : (this.#options.leafTtlMs ?? LEAF_TTL_DEFAULT_MS);
    const ttlMs = Math.min(most, Math.max(LEAF_TTL_MIN_MS, wanted));
    const leaf = issueLeaf(this.#signer, { ...request, ttlMs }, this.#options.clock.wallTime());
    this.#log.info('certificate issued', {
      identity: [...request.uris, ...(request.dns ?? [])].join(','),
      serial: leaf.serial,
      notBefore: new Date(leaf.notBeforeMs).toISOString(),
      notAfter: new Date(leaf.notAfterMs).toISOString(),
      requestedBy,
    });
    const between = pemBlocks(this.#signer.intermediatesPem, 'CERTIFICATE');
    const intermediates = between.ok ? between.value.map((der) => formatPem('CERTIFICATE', der)) : [];
    return { ...leaf, chain: [leaf.pem, ...intermediates, this.#trust.rootsPem] };
  }

  /** Takes one step of the root's rotation if one is due; called hourly by itself. Never two steps at once. */
  rotateIfDue(): Promise<void> {
    this.#rotating = this.#rotating.then(
      () => this.#rotate(),
      () => this.#rotate(),
    );
    return this.#rotating;
  }

  async #rotate(): Promise<void> {
    const state = this.#selfSigned;
    if (state === undefined) return;
    const nowMs = this.#options.clock.wallTime();
    const step = nextRotationStep(
      state.rotation,
      state.current.certificate,
      nowMs,
      this.#options.rotation ?? ROTATION_TIMES,
    );
    if (step === 'keep') return;
    const rotation = afterStep(state.rotation, step, nowMs);
    let next: AuthorityState;
    if (step === 'announce')
      next = { current: state.current, other: makeRoot({ organization: this.#options.trustDomain, nowMs }), rotation };
    else if (step === 'switch' && state.other !== undefined)
      next = { current: state.other, other: state.current, rotation };
    else next = { current: state.current, other: undefined, rotation };
    // On disk first: a restart must not sign with, or announce, a root that is lost.
    await saveAuthority(this.#options.fs, this.#options.folder, next);
    this.#selfSigned = next;
    this.#signer = next.current;
    this.#log.info('root rotation', { step, phase: rotation.phase });
    this.#setTrust({ rootsPem: next.current.rootsPem + (next.other?.rootsPem ?? ''), crlPem: '' });
  }

  close(): void {
    this.#closed = true;
    this.#stopWatching?.();
    this.#watchers.clear();
  }

  #watchRoot(): void {
    const timer = this.#options.clock.setTimer(
      ROTATION_CHECK_MS,
      () => {
        this.rotateIfDue()
          .catch((error: unknown) => this.#log.error('root rotation failed', { error: String(error) }))
          .finally(() => {
            if (!this.#closed) this.#watchRoot();
          });
      },
      { unref: true },
    );
    this.#stopWatching = () => timer.cancel();
  }

  #watchPlugged(folder: string): void {
    let reading = false;
    let again = false;
    const reload = async (): Promise<void> => {
      const read = await readPluggedAuthority(this.#options.fs, folder, this.#options.clock.wallTime());
      if (!read.ok || read.value === undefined) {
        // Files are replaced one after the other: what was in force stays until they fit together.
        this.#log.warn('plugged-in authority not reloaded', {
          folder,
          problem: read.ok ? 'files are gone' : read.error.message,
        });
        return;
      }
      this.#signer = read.value.authority;
      const { rootsPem } = read.value.authority;
      if (rootsPem === this.#trust.rootsPem && read.value.crlPem === this.#trust.crlPem) return;
      this.#log.info('plugged-in authority reloaded', { subject: this.#signer.certificate.subjectText });
      this.#setTrust({ rootsPem, crlPem: read.value.crlPem });
    };
    const changed = (): void => {
      if (reading) {
        again = true;
        return;
      }
      reading = true;
      reload()
        .catch((error: unknown) => this.#log.error('reload failed', { error: String(error) }))
        .finally(() => {
          reading = false;
          const repeat = again && !this.#closed;
          again = false;
          if (repeat) changed();
        });
    };
    const watch = this.#options.fs.watch(folder, changed);
    this.#stopWatching = () => watch.close();
  }

  #setTrust(trust: MeshTrust): void {
    this.#trust = trust;
    for (const changed of [...this.#watchers]) changed(trust);
  }
}
