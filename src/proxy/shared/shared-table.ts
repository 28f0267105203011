// Counters that all workers of one process share, by name: records in one SharedArrayBuffer, found through a hash table.
//
// A record has cells that everybody changes, by Atomics, and a lane for each worker that only its owner writes: what a
// worker holds of the cells. When a worker dies, its lane says what to give back.

import { LOCK_WAIT_MS, SHARED_CELLS, SHARED_RECORDS_MAX } from './limits.ts';

const HEADER_WORDS = 8;
/** Header: whoever makes or drops records, lane + 1; 0 = nobody. */
const LOCK = 0;
const USED = 1;
/** First free record + 1, linked through LINK. */
const FREE = 2;
const TOMBS = 3;
const LIVE = 4;
/** In a record. */
const HASH_LOW = 0;
const HASH_HIGH = 1;
const LINK = 2;
const CELLS = 4;
const RECORD_WORDS = CELLS + SHARED_CELLS;
/** In a lane: how often its worker has acquired the record, then its share of each cell. */
const LANE_WORDS = SHARED_CELLS + 2;
const LANE_USERS = SHARED_CELLS;
const TOMB = -1;

export interface SharedRecord {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Index of the first shared cell. */
  readonly cells: number;
  /** Index of this worker's share of the first cell. */
  readonly lane: number;
  readonly number: number;
}

export class SharedTable {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #lane: number;
  readonly #stride: number;
  readonly #slots: number;
  readonly #recordsAt: number;
  readonly #recordsMax: number;
  /** Of the leader and of each worker. */
  readonly lanes: number;

  /** `buffer` comes from `SharedTable.allocate` for as many lanes; each worker has its own number. */
  constructor(buffer: SharedArrayBuffer, lanes: number, lane: number, recordsMax = SHARED_RECORDS_MAX) {
    this.#words = new Int32Array(buffer);
    this.#lane = lane;
    this.lanes = lanes;
    this.#stride = RECORD_WORDS + lanes * LANE_WORDS;
    this.#slots = recordsMax * 2;
    this.#recordsAt = HEADER_WORDS + this.#slots;
    this.#recordsMax = recordsMax;
  }

  /** The kernel gives the pages when they are first written. */
  static allocate(lanes: number, recordsMax = SHARED_RECORDS_MAX): SharedArrayBuffer {
    return new SharedArrayBuffer(
      4 * (HEADER_WORDS + recordsMax * 2 + recordsMax * (RECORD_WORDS + lanes * LANE_WORDS)),
    );
  }

  get size(): number {
    return Atomics.load(this.#words, LIVE);
  }

  /** The record of this name, made with zeros where there is none; undefined when the table is full. Give it back with `release`. */
  acquire(name: string, first?: (record: SharedRecord) => void): SharedRecord | undefined {
    const [low, high] = hashOf(name);
    return this.#locked(() => {
      let number = this.#find(low, high);
      const isNew = number < 0;
      if (isNew) number = this.#make(low, high);
      if (number < 0) return undefined;
      const record = this.#record(number);
      this.#words[record.lane + LANE_USERS]!++;
      if (isNew) first?.(record);
      return record;
    });
  }

  release(record: SharedRecord): void {
    this.#locked(() => {
      this.#words[record.lane + LANE_USERS]!--;
      this.#dropUnused(record.number);
    });
  }

  /** A worker died: what it held is given back, and what only it used goes. */
  reap(lane: number): void {
    const words = this.#words;
    // It may have died with the lock.
    Atomics.compareExchange(words, LOCK, lane + 1, 0);
    this.#locked(() => {
      for (let number = 0; number < (words[USED] as number); number++) {
        const record = this.#recordAt(number);
        const mine = record + RECORD_WORDS + lane * LANE_WORDS;
        for (let i = 0; i < SHARED_CELLS; i++) {
          const held = words[mine + i] as number;
          if (held !== 0) Atomics.sub(words, record + CELLS + i, held);
          words[mine + i] = 0;
        }
        if (words[mine + LANE_USERS] === 0) continue;
        words[mine + LANE_USERS] = 0;
        this.#dropUnused(number);
      }
    });
  }

  #locked<T>(work: () => T): T {
    const words = this.#words;
    for (;;) {
      const owner = Atomics.compareExchange(words, LOCK, 0, this.#lane + 1);
      if (owner === 0) break;
      Atomics.wait(words, LOCK, owner, LOCK_WAIT_MS);
    }
    try {
      return work();
    } finally {
      Atomics.store(words, LOCK, 0);
      Atomics.notify(words, LOCK, 1);
    }
  }

  #find(low: number, high: number): number {
    for (let slot = this.#slotOf(low); ; slot = this.#next(slot)) {
      const held = this.#words[slot] as number;
      if (held === 0) return -1;
      if (held === TOMB) continue;
      const at = this.#recordAt(held - 1);
      if (this.#words[at + HASH_LOW] === low && this.#words[at + HASH_HIGH] === high) return held - 1;
    }
  }

  #make(low: number, high: number): number {
    const words = this.#words;
    let number = (words[FREE] as number) - 1;
    if (number >= 0) words[FREE] = words[this.#recordAt(number) + LINK] as number;
    else if ((words[USED] as number) < this.#recordsMax) number = words[USED]!++;
    else return -1;
    const at = this.#recordAt(number);
    words.fill(0, at, at + this.#stride);
    words[at + HASH_LOW] = low;
    words[at + HASH_HIGH] = high;
    this.#enter(number, low);
    words[LIVE]!++;
    return number;
  }

  #enter(number: number, low: number): void {
    let slot = this.#slotOf(low);
    while ((this.#words[slot] as number) > 0) slot = this.#next(slot);
    if (this.#words[slot] === TOMB) this.#words[TOMBS]!--;
    this.#words[slot] = number + 1;
  }

  #dropUnused(number: number): void {
    const words = this.#words;
    const at = this.#recordAt(number);
    for (let lane = at + RECORD_WORDS; lane < at + this.#stride; lane += LANE_WORDS)
      if ((words[lane + LANE_USERS] as number) > 0) return;
    let slot = this.#slotOf(words[at + HASH_LOW] as number);
    while (words[slot] !== number + 1) {
      if (words[slot] === 0) return;
      slot = this.#next(slot);
    }
    words[slot] = TOMB;
    words[at + LINK] = words[FREE] as number;
    words[FREE] = number + 1;
    words[LIVE]!--;
    if (++words[TOMBS]! > this.#slots / 4) this.#rebuild();
  }

  /** Too many graves make every search long. */
  #rebuild(): void {
    const words = this.#words;
    const live: number[] = [];
    for (let slot = HEADER_WORDS; slot < this.#recordsAt; slot++)
      if ((words[slot] as number) > 0) live.push((words[slot] as number) - 1);
    words.fill(0, HEADER_WORDS, this.#recordsAt);
    words[TOMBS] = 0;
    for (const number of live) this.#enter(number, words[this.#recordAt(number) + HASH_LOW] as number);
  }

  #record(number: number): SharedRecord {
    const at = this.#recordAt(number);
    return { words: this.#words, cells: at + CELLS, lane: at + RECORD_WORDS + this.#lane * LANE_WORDS, number };
  }

  #recordAt(number: number): number {
    return this.#recordsAt + number * this.#stride;
  }

  #slotOf(low: number): number {
    return HEADER_WORDS + ((low >>> 0) % this.#slots);
  }

  #next(slot: number): number {
    return slot + 1 === this.#recordsAt ? HEADER_WORDS : slot + 1;
  }
}

/** Adds one to a cell unless it has reached `limit`; true when it was added. */
export function takeUpTo({ words, cells, lane }: SharedRecord, cell: number, limit: number): boolean {
  for (;;) {
    const now = Atomics.load(words, cells + cell);
    if (now >= limit) return false;
    if (Atomics.compareExchange(words, cells + cell, now, now + 1) !== now) continue;
    words[lane + cell]!++;
    return true;
  }
}

/** Gives back one that `takeUpTo` gave. */
export function giveBack({ words, cells, lane }: SharedRecord, cell: number): void {
  words[lane + cell]!--;
  Atomics.sub(words, cells + cell, 1);
}

/** 64 bits of a name (FNV-1a, twice with other starts, mixed): two names in 131,072 meet once in 10^9 processes. */
function hashOf(name: string): readonly [low: number, high: number] {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995);
    b ^= b >>> 15;
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b);
  b = Math.imul(b ^ (b >>> 13), 0xc2b2ae35) ^ a;
  return [(a ^ (a >>> 16)) | 0, (b ^ (b >>> 16)) | 0];
}
