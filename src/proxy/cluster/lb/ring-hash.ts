// Ring hash (Ketama): each host stands at many points of a ring, a request goes to the next point after its hash.

import type { Steps } from '#base';
import type { Host } from '../host.ts';
import { MAX_RING_SIZE } from '../limits.ts';
import { hash32, mix32 } from './hash32.ts';
import type { Picker, PickerContext } from './picker.ts';

export interface RingHashSettings {
  readonly minSize: number;
  readonly maxSize: number;
  readonly useHostname: boolean;
}

/** Points between two pauses: some 0.2 ms. */
const POINTS_PER_STEP = 512;

export function* ringHash(hosts: readonly Host[], context: PickerContext, settings: RingHashSettings): Steps<Picker> {
  const { points, owners } = yield* buildRing(hosts, context, settings);
  return {
    pick: (hash, attempt) => {
      const point = attempt === 0 ? hash : mix32(hash + attempt);
      let low = 0;
      let high = points.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((points[middle] as number) < point) low = middle + 1;
        else high = middle;
      }
      return hosts[owners[low === points.length ? 0 : low] as number];
    },
  };
}

function* buildRing(
  hosts: readonly Host[],
  context: PickerContext,
  settings: RingHashSettings,
): Steps<{ points: Uint32Array; owners: Uint32Array }> {
  const weights = hosts.map(context.weightOf);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const smallest = weights.reduce((least, weight) => Math.min(least, weight)) / total;
  const maxSize = Math.min(settings.maxSize, MAX_RING_SIZE);
  // Enough points that the lightest host has a whole number of them, within the bounds.
  const scale = Math.min(Math.ceil(smallest * settings.minSize) / smallest, maxSize);
  const entries: number[] = [];
  let current = 0;
  let target = 0;
  for (const [i, host] of hosts.entries()) {
    const name = settings.useHostname && host.spec.hostname !== '' ? host.spec.hostname : host.key;
    target += (scale * (weights[i] as number)) / total;
    // The point in the upper bits, its owner below: sorted together as one number.
    for (let n = 0; current < target; n++, current++) {
      entries.push(hash32(`${name}_${n}`) * 0x20_0000 + i);
      if (entries.length % POINTS_PER_STEP === 0) yield;
    }
  }
  const sorted = Float64Array.from(entries).sort();
  const points = new Uint32Array(sorted.length);
  const owners = new Uint32Array(sorted.length);
  sorted.forEach((entry, i) => {
    points[i] = Math.floor(entry / 0x20_0000);
    owners[i] = entry % 0x20_0000;
  });
  return { points, owners };
}
