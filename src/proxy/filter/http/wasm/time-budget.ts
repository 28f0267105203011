// How long a plugin may compute in one call: `boundModule` makes it ask when a slice of instructions is used up. Over the limit it
// ends in a trap, which no handler inside can catch.

import type { Clock } from '#base';
import { ASK_EXPORT, BUDGET_EXPORT } from './bound-module.ts';
import { engine, type EngineGlobal, type EngineTable } from './engine.ts';
import { WASM_LIMITS } from './limits.ts';

/** (module (import "h" "f" (func (result i32))) (export "f" (func 0))): a table takes functions of modules only. */
const ADAPTER = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 5, 1, 0x60, 0, 1, 0x7f],
  ...[2, 7, 1, 1, 0x68, 1, 0x66, 0, 0],
  ...[7, 5, 1, 1, 0x66, 0, 0],
]);

export class TimeBudget {
  /** Set when it was used up. */
  overdrawn: Error | undefined = undefined;
  readonly #left: EngineGlobal;
  readonly #clock: Clock;
  /** When the present slice began; undefined in the first of a call, which is not measured. */
  #sliceAt: number | undefined = undefined;
  #spentMs = 0;

  private constructor(left: EngineGlobal, clock: Clock) {
    this.#left = left;
    this.#clock = clock;
    left.value = WASM_LIMITS.sliceUnits;
  }

  static async of(exports: Readonly<Record<string, unknown>>, clock: Clock): Promise<TimeBudget> {
    const budget = new TimeBudget(exports[BUDGET_EXPORT] as EngineGlobal, clock);
    const adapter = await engine.instantiate(await engine.compile(ADAPTER), { h: { f: () => budget.#more() } });
    (exports[ASK_EXPORT] as EngineTable).set(0, adapter.exports['f']);
    return budget;
  }

  /** The host calls the plugin. */
  begin(): void {
    this.#spentMs = 0;
    this.#sliceAt = undefined;
  }

  /** 0: it ends. */
  #more(): number {
    const now = this.#clock.now();
    if (this.#sliceAt !== undefined) this.#spentMs += Math.min(now - this.#sliceAt, WASM_LIMITS.sliceMsMax);
    this.#sliceAt = now;
    if (this.#spentMs > WASM_LIMITS.callMsMax)
      this.overdrawn = new Error(`it computed for more than ${WASM_LIMITS.callMsMax} ms in one call`);
    if (this.overdrawn !== undefined) return 0;
    this.#left.value = WASM_LIMITS.sliceUnits;
    return 1;
  }
}
