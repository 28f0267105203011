// What the machines of one vm_id have in common: data with compare-and-swap, and queues. One thread's: other workers have their own.

import { STATUS } from './abi.ts';
import { WASM_LIMITS } from './limits.ts';

interface Entry {
  readonly value: Buffer;
  readonly cas: number;
}

export interface SharedQueue {
  readonly id: number;
  readonly name: string;
  readonly entries: Buffer[];
  /** Turns in which its owner will be called. */
  announced: number;
  /** Called in a later turn, when something was put in. */
  ready: () => void;
}

export class SharedState {
  readonly #data = new Map<string, Entry>();
  #bytes = 0;
  #queued = 0;
  #cas = 1;
  readonly #queues = new Map<number, SharedQueue>();

  get(key: string): Entry | undefined {
    return this.#data.get(key);
  }

  /** `cas` 0: whatever is there. */
  set(key: string, value: Buffer, cas: number): number {
    const former = this.#data.get(key);
    if (cas !== 0 && cas !== (former?.cas ?? 0)) return STATUS.casMismatch;
    const bytes = this.#bytes + value.length - (former === undefined ? -key.length : former.value.length);
    if (bytes > WASM_LIMITS.sharedDataBytesMax) return STATUS.internalFailure;
    this.#bytes = bytes;
    this.#data.set(key, { value, cas: this.#cas });
    this.#cas = (this.#cas % 0xffff_ffff) + 1;
    return STATUS.ok;
  }

  /** The same queue for the same name; undefined when there are too many. */
  register(name: string, ready: () => void): SharedQueue | undefined {
    const found = this.resolve(name);
    if (found !== undefined) {
      found.ready = ready;
      return found;
    }
    if (this.#queues.size >= WASM_LIMITS.queuesMax) return undefined;
    const queue: SharedQueue = { id: this.#queues.size + 1, name, entries: [], announced: 0, ready };
    this.#queues.set(queue.id, queue);
    return queue;
  }

  resolve(name: string): SharedQueue | undefined {
    for (const queue of this.#queues.values()) if (queue.name === name) return queue;
    return undefined;
  }

  /** False when it is full, or its owner has much to hear already. */
  put(queue: SharedQueue, value: Buffer): boolean {
    const full = queue.entries.length >= WASM_LIMITS.queueEntriesMax || queue.announced >= WASM_LIMITS.queueEntriesMax;
    if (full || this.#queued + value.length > WASM_LIMITS.queueBytesMax) return false;
    this.#queued += value.length;
    queue.entries.push(value);
    queue.announced++;
    return true;
  }

  take(queue: SharedQueue): Buffer | undefined {
    const first = queue.entries.shift();
    this.#queued -= first?.length ?? 0;
    return first;
  }

  tell(queue: SharedQueue): void {
    queue.announced--;
    queue.ready();
  }

  queue(id: number): SharedQueue | undefined {
    return this.#queues.get(id);
  }
}
