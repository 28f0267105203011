// Maglev (Eisenbud et al., NSDI 2016 §3.4): a look-up table that hosts fill by turns, in proportion to weight, each in its own permutation.

import type { Host } from '../host.ts';
import { hash32, mix32 } from './hash32.ts';
import type { Picker, PickerContext } from './picker.ts';

export interface MaglevSettings {
  /** A prime. */
  readonly tableSize: number;
  readonly useHostname: boolean;
}

export function maglev(hosts: readonly Host[], context: PickerContext, settings: MaglevSettings): Picker {
  if (hosts.length === 0) return { pick: () => undefined };
  const table = buildTable(hosts, context, settings);
  return {
    pick: (hash, attempt) => hosts[table[(attempt === 0 ? hash : mix32(hash + attempt)) % table.length] as number],
  };
}

function buildTable(hosts: readonly Host[], context: PickerContext, settings: MaglevSettings): Int32Array {
  const size = settings.tableSize;
  const table = new Int32Array(size).fill(-1);
  const weights = hosts.map(context.weightOf);
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight));
  const names = hosts.map((host) =>
    settings.useHostname && host.spec.hostname !== '' ? host.spec.hostname : host.key,
  );
  // Where each host's permutation stands; adding the skip and taking away the size keeps divisions out of the loop.
  const slots = Int32Array.from(names, (name) => hash32(name) % size);
  const skips = Int32Array.from(names, (name) => (hash32(name, 1) % (size - 1)) + 1);
  const targets = new Float64Array(hosts.length);
  // Each by its name, so that the order of an assignment changes nothing.
  const order = Int32Array.from(
    names.map((_, i) => i).sort((a, b) => ((names[a] as string) < (names[b] as string) ? -1 : 1)),
  );
  let filled = 0;
  for (let turn = 1; filled < size; turn++) {
    for (let n = 0; n < order.length && filled < size; n++) {
      const i = order[n] as number;
      // A lighter host waits until its share of the turns has come.
      if (turn * (weights[i] as number) < (targets[i] as number)) continue;
      targets[i] = (targets[i] as number) + heaviest;
      const skip = skips[i] as number;
      let slot = slots[i] as number;
      while (table[slot] !== -1) {
        slot += skip;
        if (slot >= size) slot -= size;
      }
      table[slot] = i;
      slots[i] = slot;
      filled++;
    }
  }
  return table;
}
