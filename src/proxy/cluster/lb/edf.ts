// Earliest deadline first: serves items in proportion to weights that may change between picks (a binary heap of deadlines).

interface Entry<T> {
  readonly item: T;
  deadline: number;
  order: number;
}

export class EdfScheduler<T> {
  readonly #heap: Entry<T>[] = [];
  readonly #weightOf: (item: T) => number;
  #order = 0;

  /** `spread` in [0, 1) scatters the first deadlines, so that schedulers made at the same moment do not all begin with the same item. */
  constructor(items: readonly T[], weightOf: (item: T) => number, spread: () => number) {
    this.#weightOf = weightOf;
    for (const item of items) {
      this.#heap.push({ item, deadline: spread() / weightOf(item), order: this.#order++ });
      this.#up(this.#heap.length - 1);
    }
  }

  next(): T | undefined {
    const first = this.#heap[0];
    if (first === undefined) return undefined;
    first.deadline += 1 / this.#weightOf(first.item);
    first.order = this.#order++;
    this.#down(0);
    return first.item;
  }

  #before(a: Entry<T>, b: Entry<T>): boolean {
    return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
  }

  #up(start: number): void {
    const heap = this.#heap;
    let i = start;
    const entry = heap[i] as Entry<T>;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Entry<T>;
      if (!this.#before(entry, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  #down(start: number): void {
    const heap = this.#heap;
    let i = start;
    const entry = heap[i] as Entry<T>;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1] as Entry<T>, heap[child] as Entry<T>)) child++;
      const below = heap[child] as Entry<T>;
      if (!this.#before(below, entry)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = entry;
  }
}
