// Virtual time: nothing waits, everything happens in one order that the seed decides. Each machine has a clock of its
// own, whose wall time may be wrong and whose timers end with the machine.
import type { Clock, Timer } from '#base';

interface Entry {
  readonly at: number;
  readonly sequence: number;
  readonly fire: () => void;
  readonly owner: MachineClock | undefined;
  done: boolean;
}

const EPOCH_MS = 1_790_000_000_000;

export class SimClock implements Clock {
  #now = 0;
  #sequence = 0;
  readonly #heap: Entry[] = [];

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return EPOCH_MS + this.#now;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    return this.schedule(delayMs, fire, undefined);
  }

  schedule(delayMs: number, fire: () => void, owner: MachineClock | undefined): Timer {
    const at = this.#now + Math.max(0, delayMs);
    const entry: Entry = { at, sequence: this.#sequence++, fire, owner, done: false };
    push(this.#heap, entry);
    return {
      cancel: () => {
        if (!entry.done) owner?.ended();
        entry.done = true;
      },
    };
  }

  machine(): MachineClock {
    return new MachineClock(this);
  }

  /** Fires what is due, one after another; what promises do about each comes before the next. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > end) break;
      pop(this.#heap);
      if (next.done) continue;
      next.done = true;
      this.#now = next.at;
      next.owner?.ended();
      if (next.owner?.stopped !== true) next.fire();
      await settled();
    }
    this.#now = end;
  }
}

export class MachineClock implements Clock {
  stopped = false;
  /** How wrong its wall time is. */
  offsetMs = 0;
  pendingTimers = 0;
  readonly #world: SimClock;

  constructor(world: SimClock) {
    this.#world = world;
  }

  now(): number {
    return this.#world.now();
  }

  wallTime(): number {
    return this.#world.wallTime() + this.offsetMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    this.pendingTimers += 1;
    return this.#world.schedule(delayMs, fire, this);
  }

  ended(): void {
    this.pendingTimers -= 1;
  }
}

/** Every promise that can go on has. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

function push(heap: Entry[], entry: Entry): void {
  let i = heap.length;
  heap.push(entry);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (before(heap[parent] as Entry, entry)) break;
    heap[i] = heap[parent] as Entry;
    i = parent;
  }
  heap[i] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop() as Entry;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
    if (before(last, heap[child] as Entry)) break;
    heap[i] = heap[child] as Entry;
    i = child;
  }
  heap[i] = last;
}
