// A circuit breaker whose counts are those of all workers: the limit holds for the process, however many serve it.

import { Breaker, type BreakerCount } from '../cluster/breaker.ts';
import { giveBack, type SharedRecord, type SharedTable, takeUpTo } from './shared-table.ts';

const CONNECTIONS = 0;
const PENDING = 1;
const REQUESTS = 2;
const RETRIES = 3;
const CELLS: Readonly<Record<BreakerCount, number>> = {
  connections: CONNECTIONS,
  pending: PENDING,
  requests: REQUESTS,
  retries: RETRIES,
};

export class SharedBreaker extends Breaker {
  readonly #table: SharedTable;
  /** Undefined once the cluster is gone: what is still open then is nobody's business but its own. */
  #record: SharedRecord | undefined;

  constructor(table: SharedTable, record: SharedRecord) {
    super();
    this.#table = table;
    this.#record = record;
  }

  override used(what: BreakerCount): number {
    return this.#record === undefined ? 0 : Atomics.load(this.#record.words, this.#record.cells + CELLS[what]);
  }
  override tryConnection(): boolean {
    return this.#take(CONNECTIONS, this.maxConnections) || this.overflow('connections');
  }
  override takeConnection(): void {
    this.#take(CONNECTIONS, Number.POSITIVE_INFINITY);
  }
  override tryPending(): boolean {
    return this.#take(PENDING, this.maxPending) || this.overflow('pending');
  }
  override tryRequest(): boolean {
    return this.#take(REQUESTS, this.maxRequests) || this.overflow('requests');
  }
  override tryRetry(): boolean {
    return this.#take(RETRIES, this.retryLimit) || this.overflow('retries');
  }

  override releaseConnection(): void {
    this.#give(CONNECTIONS);
  }
  override releasePending(): void {
    this.#give(PENDING);
  }
  override releaseRequest(): void {
    this.#give(REQUESTS);
  }
  override releaseRetry(): void {
    this.#give(RETRIES);
  }

  protected override get busy(): number {
    return this.used('requests') + this.used('pending');
  }

  override dispose(): void {
    const record = this.#record;
    if (record === undefined) return;
    this.#record = undefined;
    for (const cell of [CONNECTIONS, PENDING, REQUESTS, RETRIES])
      while ((record.words[record.lane + cell] as number) > 0) giveBack(record, cell);
    this.#table.release(record);
  }

  #take(cell: number, limit: number): boolean {
    return this.#record === undefined || takeUpTo(this.#record, cell, limit);
  }

  #give(cell: number): void {
    if (this.#record !== undefined) giveBack(this.#record, cell);
  }
}
