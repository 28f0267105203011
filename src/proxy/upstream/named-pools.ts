// Connections to one endpoint by what requests ask of its TLS (auto_sni, auto_san_validation): one that was made for a name carries
// no request that asks for another. Names are clients' words: the set that was asked for longest ago gives way.

import type { PoolSet } from './client-pools.ts';
import { drainPools } from './client-pools.ts';
import { NAMES_PER_ENDPOINT_MAX } from './limits.ts';
import type { AskedName } from './server-name.ts';
import type { Transport } from './transport.ts';

export interface NamedPoolSet extends PoolSet {
  readonly transport: Transport;
}

export class NamedPools {
  /** In order of use: the newest last. */
  readonly #sets = new Map<string, NamedPoolSet>();

  of(asked: AskedName, transport: Transport): NamedPoolSet {
    const key = JSON.stringify([asked.sni, asked.san]);
    let set = this.#sets.get(key);
    if (set !== undefined) this.#sets.delete(key);
    else {
      this.#makeRoom();
      set = {
        transport: transport.forName?.(asked) ?? transport,
        default: undefined,
        high: undefined,
        asDownstream: undefined,
        tunnels: undefined,
        names: undefined,
      };
    }
    this.#sets.set(key, set);
    return set;
  }

  get size(): number {
    return this.#sets.size;
  }

  drain(): void {
    for (const set of this.#sets.values()) drainPools(set);
    this.#sets.clear();
  }

  #makeRoom(): void {
    if (this.#sets.size < NAMES_PER_ENDPOINT_MAX) return;
    for (const [key, oldest] of this.#sets) {
      this.#sets.delete(key);
      return drainPools(oldest);
    }
  }
}
