// A plugged-in authority (Istio's `cacerts`): its files are read again when they change, and a root that is new there is
// announced before anything is signed below it, while the former one stays as long as its leaves live.

import type { Clock, Fs, Logger, Result } from '#base';
import { err, ok } from '#base';
import { formatPem } from '#wire/tls';
import { isValidAt } from '../certification-path.ts';
import { IdentityError } from '../errors.ts';
import { EXPIRY_SLACK_MS, LEAF_TTL_DEFAULT_MS, PLUGGED_SPREAD_MS } from '../limits.ts';
import type { AuthorityKeeper, AuthorityPhase, MeshTrust } from './authority-keeper.ts';
import { joinRoots, rootOf, rootsWithout } from './authority-keeper.ts';
import type { PluggedAuthority } from './plugged-authority.ts';
import { readPluggedAuthority } from './plugged-authority.ts';
import type { SigningAuthority } from './signing-authority.ts';

export interface PluggedRootOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly folder: string;
  /** How long a root that is new in the files is announced before it signs. */
  readonly spreadMs?: number;
  readonly leafTtlMaxMs: number;
  readonly changed: () => void;
}

export class PluggedRoot implements AuthorityKeeper {
  readonly kind = 'plugged-in';
  readonly revokedCount = 0;
  readonly #options: PluggedRootOptions;
  readonly #log: Logger;
  #signer: SigningAuthority;
  /** As the files say now. */
  #given: PluggedAuthority;
  #longestLeafMs: number;
  /** Announced, and not signed with yet. */
  #next: { readonly authority: SigningAuthority; readonly atMs: number } | undefined;
  /** No longer in the files. */
  #former: { readonly rootsPem: string; readonly crlPem: string; readonly untilMs: number } | undefined;
  readonly #watch: { close(): void };
  #timer: { cancel(): void } | undefined;
  #closed = false;
  #reading = false;
  #again = false;

  /** Undefined when none of the files is there. */
  static async open(options: PluggedRootOptions): Promise<Result<PluggedRoot | undefined, IdentityError>> {
    const read = await readPluggedAuthority(options.fs, options.folder, options.clock.wallTime());
    if (!read.ok) return read;
    return ok(read.value === undefined ? undefined : new PluggedRoot(options, read.value));
  }

  private constructor(options: PluggedRootOptions, given: PluggedAuthority) {
    this.#options = options;
    this.#log = options.log;
    this.#given = given;
    this.#signer = given.authority;
    // A process before this one may have issued such.
    this.#longestLeafMs = Math.min(options.leafTtlMaxMs, LEAF_TTL_DEFAULT_MS);
    this.#watch = options.fs.watch(options.folder, () => this.#changed());
  }

  get signer(): SigningAuthority {
    return this.#signer;
  }
  get trust(): MeshTrust {
    const signing = rootOf(this.#signer, this.#options.clock.wallTime());
    const { authority, crlPem } = this.#given;
    const former = this.#former?.crlPem ?? '';
    return {
      rootsPem: joinRoots([signing, authority.rootsPem, this.#former?.rootsPem ?? '']),
      // Lists must cover every issuer in use, the former ones too.
      crlPem: former === crlPem ? crlPem : `${crlPem}${former}`,
    };
  }
  get phase(): AuthorityPhase {
    if (this.#next !== undefined) return 'announced';
    return this.#former === undefined ? 'steady' : 'draining';
  }
  get nextStepMs(): number | undefined {
    return this.#next?.atMs ?? this.#former?.untilMs;
  }

  issued(lifeMs: number): void {
    this.#longestLeafMs = Math.max(this.#longestLeafMs, lifeMs);
  }

  async rotate(): Promise<Result<void, IdentityError>> {
    return err(new IdentityError('authority_is_plugged_in', this.#options.folder));
  }

  async hurry(): Promise<Result<void, IdentityError>> {
    if (this.phase === 'steady') return err(new IdentityError('rotation_not_under_way'));
    this.#step();
    return ok(undefined);
  }

  listAnyway(): boolean {
    return this.trust.crlPem !== '';
  }

  async revoke(): Promise<Result<void, IdentityError>> {
    return err(new IdentityError('authority_is_plugged_in', `${this.#options.folder}/ca-crl.pem`));
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watch.close();
  }

  #changed(): void {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    this.#reload()
      .catch((error: unknown) => this.#log.error('reload failed', { error: String(error) }))
      .finally(() => {
        this.#reading = false;
        const repeat = this.#again && !this.#closed;
        this.#again = false;
        if (repeat) this.#changed();
      });
  }

  async #reload(): Promise<void> {
    const { fs, folder, clock } = this.#options;
    const nowMs = clock.wallTime();
    const read = await readPluggedAuthority(fs, folder, nowMs);
    if (!read.ok || read.value === undefined) {
      // Files are replaced one after the other: what was in force stays until they fit together.
      this.#log.warn('plugged-in authority not reloaded', {
        folder,
        problem: read.ok ? 'files are gone' : read.error.message,
      });
      return;
    }
    if (same(read.value, this.#given)) return;
    this.#take(read.value, nowMs);
  }

  #take(given: PluggedAuthority, nowMs: number): void {
    const before = this.trust;
    const spreadMs = this.#options.spreadMs ?? PLUGGED_SPREAD_MS;
    const known = rootOf(given.authority, nowMs, before.rootsPem) !== '';
    const at = known || !isValidAt(this.#signer.certificate, nowMs) ? undefined : nowMs + spreadMs;
    const gone = rootsWithout(before.rootsPem, given.authority.rootsPem);
    const untilMs = (at ?? nowMs) + this.#longestLeafMs + EXPIRY_SLACK_MS;
    this.#former = gone === '' ? undefined : { rootsPem: gone, crlPem: before.crlPem, untilMs };
    this.#given = given;
    if (at === undefined) this.#signer = given.authority;
    this.#next = at === undefined ? undefined : { authority: given.authority, atMs: at };
    this.#log.info('plugged-in authority reloaded', {
      subject: given.authority.certificate.subjectText,
      phase: this.phase,
    });
    this.#wait();
    this.#options.changed();
  }

  #step(): void {
    if (this.#next !== undefined) {
      this.#signer = this.#next.authority;
      this.#next = undefined;
    } else this.#former = undefined;
    this.#log.info('root rotation', { phase: this.phase });
    this.#wait();
    this.#options.changed();
  }

  #wait(): void {
    this.#timer?.cancel();
    const atMs = this.nextStepMs;
    if (atMs === undefined || this.#closed) return;
    const { clock } = this.#options;
    // A timer holds 24.8 days at most.
    const delay = Math.min(2 ** 31 - 1, Math.max(0, atMs - clock.wallTime()));
    this.#timer = clock.setTimer(
      delay,
      () => {
        if (clock.wallTime() >= (this.nextStepMs ?? Infinity)) this.#step();
        else this.#wait();
      },
      { unref: true },
    );
  }
}

function same(a: PluggedAuthority, b: PluggedAuthority): boolean {
  const text = ({ authority, crlPem }: PluggedAuthority): string =>
    [
      formatPem('CERTIFICATE', authority.certificate.der),
      authority.intermediatesPem,
      authority.rootsPem,
      crlPem,
    ].join();
  return text(a) === text(b);
}
