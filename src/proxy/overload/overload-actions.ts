// Which actions are in force at which pressure, with hysteresis: Envoy's overload actions, by its names.

import { DEFAULT_STREAM_RESET } from './held-memory.ts';

export const OVERLOAD_ACTIONS = [
  'disable_http_keepalive',
  'stop_accepting_requests',
  'reset_high_memory_stream',
  'stop_accepting_connections',
  'reset_newest_connections',
] as const;
export type OverloadAction = (typeof OVERLOAD_ACTIONS)[number];

/** Shares of what the process may have: 1 = the limit. */
export type OverloadThresholds = Readonly<Record<OverloadAction, number>>;

/**
 * First clients are sent elsewhere, then they are told so and who holds the most goes, then nobody new comes in, then the
 * newest goes: each step is cheaper to undo than the next, and all come before the kernel ends the process and everybody in it.
 */
export const DEFAULT_THRESHOLDS: OverloadThresholds = {
  disable_http_keepalive: 0.85,
  stop_accepting_requests: 0.92,
  reset_high_memory_stream: DEFAULT_STREAM_RESET.from,
  stop_accepting_connections: 0.95,
  reset_newest_connections: 0.98,
};

/** An action ends this far below where it began, so that it does not flicker. */
const RELEASE = 0.03;

export class ActionStates {
  readonly #thresholds: OverloadThresholds;
  readonly #active = new Set<OverloadAction>();

  constructor(thresholds: OverloadThresholds) {
    this.#thresholds = thresholds;
  }

  has(action: OverloadAction): boolean {
    return this.#active.has(action);
  }

  /** Takes new pressures; gives the actions that began or ended with them. */
  update(memory: number, lag: number): OverloadAction[] {
    const changed: OverloadAction[] = [];
    for (const action of OVERLOAD_ACTIONS) {
      // Who holds memory is not who makes the loop late.
      const pressure = action === 'reset_high_memory_stream' ? memory : Math.max(memory, lag);
      const from = this.#thresholds[action];
      const was = this.#active.has(action);
      const is = pressure >= (was ? from - RELEASE : from);
      if (is === was) continue;
      if (is) this.#active.add(action);
      else this.#active.delete(action);
      changed.push(action);
    }
    return changed;
  }
}
