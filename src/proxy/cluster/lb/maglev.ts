// Maglev (Eisenbud et al., NSDI 2016 §3.4): a look-up table that hosts fill by turns, in proportion to weight, each in its own permutation.

import type { Steps } from '#base';
import type { Host } from '../host.ts';
import { hash32, mix32 } from './hash32.ts';
import type { Picker, PickerContext } from './picker.ts';

export interface MaglevSettings {
  /** A prime. */
  readonly tableSize: number;
  readonly useHostname: boolean;
}

/** Between two pauses: some 0.2 ms each. */
const SLOTS_PER_STEP = 2048;
const HOSTS_PER_STEP = 512;

export function* maglev(hosts: readonly Host[], context: PickerContext, settings: MaglevSettings): Steps<Picker> {
  const table = yield* buildTable(hosts, context, settings);
  return {
    pick: (hash, attempt) => hosts[table[(attempt === 0 ? hash : mix32(hash + attempt)) % table.length] as number],
  };
}

function* buildTable(hosts: readonly Host[], context: PickerContext, settings: MaglevSettings): Steps<Int32Array> {
  const size = settings.tableSize;
  const table = new Int32Array(size).fill(-1);
  const weights = hosts.map(context.weightOf);
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight));
  const names = hosts.map((host) =>
    settings.useHostname && host.spec.hostname !== '' ? host.spec.hostname : host.key,
  );
  // Where each host's permutation stands; adding the skip and taking away the size keeps divisions out of the loop.
  const slots = new Int32Array(names.length);
  const skips = new Int32Array(names.length);
  for (const [i, name] of names.entries()) {
    slots[i] = hash32(name) % size;
    skips[i] = (hash32(name, 1) % (size - 1)) + 1;
    if (i % HOSTS_PER_STEP === HOSTS_PER_STEP - 1) yield;
  }
  const targets = new Float64Array(hosts.length);
  // Each by its name's hash, with its place below it, so that the order of an assignment changes nothing.
  const order = Int32Array.from(
    Float64Array.from(names, (name, i) => hash32(name, 2) * 0x20_0000 + i).sort(),
    (entry) => entry % 0x20_0000,
  );
  yield;
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
      if (++filled % SLOTS_PER_STEP === 0) yield;
    }
  }
  return table;
}
