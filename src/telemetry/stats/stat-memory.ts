// Where a store's numbers stand: on the heap, or in memory that other threads read.

import type { BlockSchema, StatKind, StatTag } from './stat-block.ts';

export interface StatMemory {
  /** Of a new block. */
  block(schema: BlockSchema, tagValues: readonly string[]): Float64Array;
  /** A block's counts per status code in one of its families. */
  codes(values: Float64Array, family: number): Float64Array;
  named(stat: Omit<NamedStatFacts, 'values'>, slots: number): Float64Array;
  /** Nobody holds the block any more. */
  freed(values: Float64Array): void;
}

export interface NamedStatFacts {
  readonly name: string;
  readonly family: string;
  readonly tags: readonly StatTag[];
  readonly kind: StatKind;
}

/** Status codes 100 to 599. */
export const CODE_SLOTS = 500;

export const HEAP: StatMemory = {
  block: ({ slotCount }) => new Float64Array(slotCount).fill(-0),
  codes: () => new Float64Array(CODE_SLOTS),
  named: (_, slots) => new Float64Array(slots).fill(-0),
  freed: () => {},
};
