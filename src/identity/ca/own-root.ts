// A self-signed root kept in one file: rotated when it is due or when somebody asks, with a revocation list of its own.

import type { Clock, Fs, Logger, Result } from '#base';
import { err, ok } from '#base';
import { formatPem, writeRevocationList } from '#wire/tls';
import { IdentityError } from '../errors.ts';
import { CLOCK_SKEW_MS, EXPIRY_SLACK_MS, REVOCATION_LIST_TTL_MS } from '../limits.ts';
import type { AuthorityKeeper, AuthorityPhase, MeshTrust } from './authority-keeper.ts';
import type { AuthorityState, RevokedLeaf } from './authority-store.ts';
import { loadAuthority, saveAuthority } from './authority-store.ts';
import type { RotationStep, RotationTimes } from './root-rotation.ts';
import { afterStep, nextRotationStep, nextStepMs, ROTATION_TIMES } from './root-rotation.ts';
import type { SigningAuthority } from './signing-authority.ts';
import { makeRoot } from './signing-authority.ts';

export interface OwnRootOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly folder: string;
  readonly organization: string;
  readonly rotation?: RotationTimes;
  readonly changed: () => void;
}

/** The root's age is looked at this often, and a revocation list written anew long before it ends. */
const CHECK_MS = 3_600_000;
const CHECK_MIN_MS = 250;

export class OwnRoot implements AuthorityKeeper {
  readonly kind = 'self-signed';
  readonly #options: OwnRootOptions;
  readonly #log: Logger;
  readonly #times: RotationTimes;
  #state: AuthorityState;
  #crlPem = '';
  #listAnyway = false;
  #timer: { cancel(): void } | undefined;
  #watch: { close(): void } | undefined;
  #closed = false;
  /** Steps and what is written happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  static async open(options: OwnRootOptions): Promise<Result<OwnRoot, IdentityError>> {
    const { fs, folder, clock, organization } = options;
    const nowMs = clock.wallTime();
    const loaded = await loadAuthority(fs, folder, nowMs);
    if (!loaded.ok) return loaded;
    let state = loaded.value;
    if (state === undefined) {
      state = {
        current: makeRoot({ organization, nowMs }),
        other: undefined,
        rotation: { phase: 'steady' },
        longestLeafMs: 0,
      };
      await saveAuthority(fs, folder, state);
      options.log.info('made a self-signed root', { folder });
    }
    return ok(new OwnRoot(options, state));
  }

  private constructor(options: OwnRootOptions, state: AuthorityState) {
    this.#options = options;
    this.#log = options.log;
    this.#times = options.rotation ?? ROTATION_TIMES;
    this.#state = state;
    this.#writeList();
    this.#wait();
    // Another replica may take a step: its state is ours then.
    this.#watch = options.fs.watch(options.folder, () => void this.#inTurn(() => this.#reload()));
  }

  get signer(): SigningAuthority {
    return this.#state.current;
  }
  get trust(): MeshTrust {
    return { rootsPem: this.#state.current.rootsPem + (this.#state.other?.rootsPem ?? ''), crlPem: this.#crlPem };
  }
  get phase(): AuthorityPhase {
    return this.#state.rotation.phase;
  }
  get nextStepMs(): number | undefined {
    return nextStepMs(this.#state.rotation, this.#times);
  }
  get revokedCount(): number {
    return this.#state.revoked?.length ?? 0;
  }

  issued(lifeMs: number): void {
    const { longestLeafMs } = this.#state;
    if (longestLeafMs !== undefined && lifeMs <= longestLeafMs) return;
    // Unknown: it was kept by an earlier version, whose leaves may live as long as any may.
    const next = longestLeafMs === undefined ? Math.max(lifeMs, this.#times.leafMaxMs) : lifeMs;
    this.#state = { ...this.#state, longestLeafMs: next };
    void this.#inTurn(() => this.#save(this.#state)).catch((error: unknown) =>
      this.#log.warn('the longest life of a leaf was not written down', { error: String(error) }),
    );
  }

  async rotate(spreadMs: number): Promise<Result<void, IdentityError>> {
    return await this.#inTurn(async () => {
      if (this.#state.rotation.phase !== 'steady')
        return err(new IdentityError('rotation_under_way', this.#state.rotation.phase));
      await this.#step('announce', spreadMs);
      return ok(undefined);
    });
  }

  async hurry(): Promise<Result<void, IdentityError>> {
    return await this.#inTurn(async () => {
      const { phase } = this.#state.rotation;
      if (phase === 'steady') return err(new IdentityError('rotation_not_under_way'));
      await this.#step(phase === 'announced' ? 'switch' : 'drop');
      return ok(undefined);
    });
  }

  listAnyway(wanted: boolean): boolean {
    if (wanted !== this.#listAnyway) {
      this.#listAnyway = wanted;
      this.#writeList();
    }
    return true;
  }

  async revoke(
    leaves: readonly { readonly serial: string; readonly untilMs: number }[],
  ): Promise<Result<void, IdentityError>> {
    return await this.#inTurn(async () => {
      const atMs = this.#options.clock.wallTime();
      const known = new Map((this.#state.revoked ?? []).map((leaf) => [leaf.serial, leaf]));
      for (const leaf of leaves) known.set(leaf.serial, { ...leaf, atMs });
      await this.#become({ ...this.#state, revoked: [...known.values()] });
      return ok(undefined);
    });
  }

  /** Takes one step of the rotation if one is due; called by itself too. */
  async stepIfDue(): Promise<void> {
    await this.#inTurn(async () => {
      const nowMs = this.#options.clock.wallTime();
      const step = nextRotationStep(this.#state.rotation, this.#state.current.certificate, nowMs, this.#times);
      if (step !== 'keep') await this.#step(step);
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watch?.close();
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(run, run);
    this.#turn = next.catch(() => undefined);
    return next;
  }

  async #step(step: RotationStep, spreadMs?: number): Promise<void> {
    const state = this.#state;
    const nowMs = this.#options.clock.wallTime();
    const life = state.longestLeafMs ?? this.#times.leafMaxMs;
    const rotation = afterStep(state.rotation, step, nowMs, {
      ...(spreadMs === undefined ? {} : { spreadMs }),
      leavesUntilMs: nowMs + life + EXPIRY_SLACK_MS,
    });
    const next = (current: SigningAuthority, other: SigningAuthority | undefined): AuthorityState => ({
      ...state,
      current,
      other,
      rotation,
    });
    this.#log.info('root rotation', { step, phase: rotation.phase });
    if (step === 'announce')
      await this.#become(next(state.current, makeRoot({ organization: this.#options.organization, nowMs })));
    else if (step === 'switch' && state.other !== undefined) await this.#become(next(state.other, state.current));
    else await this.#become(next(state.current, undefined));
  }

  /** On disk first: a restart must not sign with, or announce, a root that is lost. */
  async #become(state: AuthorityState): Promise<void> {
    const kept = { ...state, revoked: this.#stillRevoked(state.revoked) };
    await this.#save(kept);
    this.#take(kept);
  }

  async #save(state: AuthorityState): Promise<void> {
    await saveAuthority(this.#options.fs, this.#options.folder, state);
  }

  async #reload(): Promise<void> {
    if (this.#closed) return;
    const loaded = await loadAuthority(this.#options.fs, this.#options.folder, this.#options.clock.wallTime());
    if (!loaded.ok || loaded.value === undefined) {
      this.#log.warn('the authority was not read again', { problem: loaded.ok ? 'it is gone' : loaded.error.message });
      return;
    }
    if (sameState(loaded.value, this.#state)) return;
    this.#take(loaded.value);
  }

  #take(state: AuthorityState): void {
    this.#state = state;
    this.#writeList();
    this.#wait();
    this.#options.changed();
  }

  #stillRevoked(revoked: readonly RevokedLeaf[] | undefined): readonly RevokedLeaf[] {
    const nowMs = this.#options.clock.wallTime();
    return (revoked ?? []).filter((leaf) => leaf.untilMs + CLOCK_SKEW_MS > nowMs);
  }

  /** One list of each root: a leaf's issuer must be covered, whichever it is. */
  #writeList(): void {
    const revoked = this.#stillRevoked(this.#state.revoked);
    const { current, other } = this.#state;
    const nowMs = this.#options.clock.wallTime();
    this.#crlPem =
      revoked.length === 0 && !this.#listAnyway
        ? ''
        : [current, ...(other === undefined ? [] : [other])]
            .map((root) => formatPem('X509 CRL', listOf(root, revoked, nowMs)))
            .join('');
  }

  #wait(): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    const dueMs = (this.nextStepMs ?? Infinity) - this.#options.clock.wallTime();
    this.#timer = this.#options.clock.setTimer(
      Math.min(CHECK_MS, Math.max(CHECK_MIN_MS, dueMs)),
      () => {
        this.stepIfDue()
          .then(() => this.#renewList())
          .catch((error: unknown) => this.#log.error('root rotation failed', { error: String(error) }))
          .finally(() => this.#wait());
      },
      { unref: true },
    );
  }

  #renewList(): void {
    if (this.#crlPem === '') return;
    this.#writeList();
    this.#options.changed();
  }
}

function listOf(root: SigningAuthority, revoked: readonly RevokedLeaf[], nowMs: number): Uint8Array {
  return writeRevocationList(
    {
      issuer: root.certificate.subject,
      authorityKeyId: root.key.keyId,
      thisUpdateMs: nowMs - CLOCK_SKEW_MS,
      nextUpdateMs: nowMs + REVOCATION_LIST_TTL_MS,
      number: Math.floor(nowMs / 1000),
      revoked,
    },
    root.key,
  );
}

function sameState(a: AuthorityState, b: AuthorityState): boolean {
  const text = (state: AuthorityState): string =>
    JSON.stringify([state.current.rootsPem, state.other?.rootsPem, state.rotation, state.revoked ?? []]);
  return text(a) === text(b);
}
