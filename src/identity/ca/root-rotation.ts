// Decides what a self-signed authority does next about its root: keep, announce a new one, sign with it, drop the old.
//
// Old and new are both trusted from `announced` on, the new one signs only after every workload had time to learn it,
// and the old one is dropped only after the last leaf it signed has expired: no handshake fails in between.

export type RootRotation =
  | { readonly phase: 'steady' }
  /** The next root is in everyone's bundle; the old one still signs. */
  | { readonly phase: 'announced'; readonly sinceMs: number; readonly spreadMs?: number }
  /** The next root has become the root; the former one is still trusted. */
  | { readonly phase: 'draining'; readonly sinceMs: number; readonly untilMs?: number };

export type RotationStep = 'keep' | 'announce' | 'switch' | 'drop';

export interface RotationTimes {
  /** How long bundles take to reach everybody, with slack. */
  readonly spreadMs: number;
  /** The longest life of a leaf. */
  readonly leafMaxMs: number;
  /** Share of the root's life, counted from its end, in which it is replaced. Istio: 0.2. */
  readonly lastShare: number;
}

export const ROTATION_TIMES: RotationTimes = { spreadMs: 3_600_000, leafMaxMs: 90 * 24 * 3_600_000, lastShare: 0.2 };

export function nextRotationStep(
  state: RootRotation,
  root: { readonly notBeforeMs: number; readonly notAfterMs: number },
  nowMs: number,
  times: RotationTimes = ROTATION_TIMES,
): RotationStep {
  switch (state.phase) {
    case 'steady': {
      const life = root.notAfterMs - root.notBeforeMs;
      return nowMs >= root.notAfterMs - life * times.lastShare ? 'announce' : 'keep';
    }
    case 'announced':
      return nowMs >= state.sinceMs + (state.spreadMs ?? times.spreadMs) ? 'switch' : 'keep';
    case 'draining':
      return nowMs >= (state.untilMs ?? state.sinceMs + times.leafMaxMs) ? 'drop' : 'keep';
  }
}

/** When the next step is due; undefined while nothing was begun. */
export function nextStepMs(state: RootRotation, times: RotationTimes = ROTATION_TIMES): number | undefined {
  if (state.phase === 'steady') return undefined;
  if (state.phase === 'announced') return state.sinceMs + (state.spreadMs ?? times.spreadMs);
  return state.untilMs ?? state.sinceMs + times.leafMaxMs;
}

export interface StepFacts {
  /** For how long the new root is announced before it signs. */
  readonly spreadMs?: number;
  /** When the last leaf of the old root ends. */
  readonly leavesUntilMs?: number;
}

export function afterStep(state: RootRotation, step: RotationStep, nowMs: number, facts: StepFacts = {}): RootRotation {
  const { spreadMs, leavesUntilMs } = facts;
  if (step === 'announce' && state.phase === 'steady')
    return { phase: 'announced', sinceMs: nowMs, ...(spreadMs === undefined ? {} : { spreadMs }) };
  if (step === 'switch' && state.phase === 'announced')
    return { phase: 'draining', sinceMs: nowMs, ...(leavesUntilMs === undefined ? {} : { untilMs: leavesUntilMs }) };
  if (step === 'drop' && state.phase === 'draining') return { phase: 'steady' };
  return state;
}
