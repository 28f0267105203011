// What hosts did at all workers, for outlier detection: counted where it happened, judged by the leader.

import type { Host } from '../cluster/host.ts';
import { giveBack, type SharedRecord, type SharedTable, takeUpTo } from './shared-table.ts';

export const TALLY = {
  consecutive5xx: 0,
  consecutiveGateway: 1,
  consecutiveLocal: 2,
  externalTotal: 3,
  externalSuccess: 4,
  localTotal: 5,
  localSuccess: 6,
} as const;
const CONNECTIONS = 7;

/** One host's record; `cluster` and `host` name it the same in all threads. */
export class SharedTally {
  readonly #table: SharedTable;
  #record: SharedRecord | undefined;

  private constructor(table: SharedTable, record: SharedRecord) {
    this.#table = table;
    this.#record = record;
  }

  static of(table: SharedTable, cluster: string, host: Host): SharedTally | undefined {
    const record = table.acquire(`host|${cluster}|${host.key}`);
    return record === undefined ? undefined : new SharedTally(table, record);
  }

  /** The new count. */
  add(cell: number): number {
    const record = this.#record;
    return record === undefined ? 0 : Atomics.add(record.words, record.cells + cell, 1) + 1;
  }

  /** The count so far; it begins anew. */
  drain(cell: number): number {
    const record = this.#record;
    // Mostly there is nothing to take: reading costs the other workers nothing.
    if (record === undefined || Atomics.load(record.words, record.cells + cell) === 0) return 0;
    return Atomics.exchange(record.words, record.cells + cell, 0);
  }

  tryConnection(limit: number): boolean {
    return this.#record === undefined || takeUpTo(this.#record, CONNECTIONS, limit);
  }

  releaseConnection(): void {
    if (this.#record !== undefined) giveBack(this.#record, CONNECTIONS);
  }

  dispose(): void {
    const record = this.#record;
    if (record === undefined) return;
    this.#record = undefined;
    while ((record.words[record.lane + CONNECTIONS] as number) > 0) giveBack(record, CONNECTIONS);
    this.#table.release(record);
  }
}
