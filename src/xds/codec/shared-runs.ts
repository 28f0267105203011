// Encoded runs of entries that streams share. A run is kept for as long as streams are likely to be sent it: those that
// connect together, or follow one change. What is kept longer holds former resources through each other, without end,
// where streams fall behind and each is sent runs of its own.

import type { Clock, Timer, XdsResource } from '#base';

interface Run {
  readonly list: readonly XdsResource[];
  readonly parts: readonly Uint8Array[];
}

/** ms that a run is kept at least, and half of what it is kept at most, without being sent again. */
const GENERATION_MS = 5000;
/** Bytes of the encoded runs of one generation: a mesh's whole set, of which two are kept. More begins the next one. */
const GENERATION_BYTES_MAX = 32 * 1024 * 1024;
/** Different runs kept that begin with the same resource. */
const RUNS_MAX = 16;

export class SharedRuns {
  readonly #clock: Clock;
  /** By their first resource. */
  #young = new Map<XdsResource, readonly Run[]>();
  #old = new Map<XdsResource, readonly Run[]>();
  #youngBytes = 0;
  #oldBytes = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes that are kept for streams to come. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  /** Entries `from` to `to` of the list, as somebody was sent them lately, else encoded now. */
  of(
    list: readonly XdsResource[],
    from: number,
    to: number,
    encode: (run: readonly XdsResource[]) => readonly Uint8Array[],
  ): readonly Uint8Array[] {
    const first = list[from] as XdsResource;
    const young = find(this.#young.get(first), list, from, to);
    if (young !== undefined) return young.parts;
    let run = find(this.#old.get(first), list, from, to);
    if (run === undefined) {
      const resources = list.slice(from, to);
      run = { list: resources, parts: encode(resources) };
    }
    this.#keep(first, run);
    return run.parts;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #keep(first: XdsResource, run: Run): void {
    if (this.#youngBytes >= GENERATION_BYTES_MAX) this.#age();
    const others = this.#young.get(first) ?? [];
    if (others.length === RUNS_MAX) this.#youngBytes -= sizeOf(others[RUNS_MAX - 1] as Run);
    this.#young.set(first, [run, ...others.slice(0, RUNS_MAX - 1)]);
    this.#youngBytes += sizeOf(run);
    this.#timer ??= this.#clock.setTimer(GENERATION_MS, () => this.#tick(), { unref: true });
  }

  #tick(): void {
    this.#timer = undefined;
    this.#age();
    if (this.#old.size > 0) this.#timer = this.#clock.setTimer(GENERATION_MS, () => this.#tick(), { unref: true });
  }

  #age(): void {
    [this.#old, this.#oldBytes] = [this.#young, this.#youngBytes];
    [this.#young, this.#youngBytes] = [new Map(), 0];
  }
}

function find(
  runs: readonly Run[] | undefined,
  list: readonly XdsResource[],
  from: number,
  to: number,
): Run | undefined {
  return runs?.find((run) => {
    if (run.list.length !== to - from) return false;
    for (let i = 0; i < run.list.length; i++) if (run.list[i] !== list[from + i]) return false;
    return true;
  });
}

/** With what a run of small resources costs beside its bytes. */
function sizeOf(run: Run): number {
  return run.parts.reduce((sum, part) => sum + part.length, 64 * run.list.length);
}
