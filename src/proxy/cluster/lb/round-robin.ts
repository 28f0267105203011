// Round robin: a rotation while weights are equal, earliest deadline first when they are not.

import type { Host } from '../host.ts';
import { EdfScheduler } from './edf.ts';
import type { Picker, PickerContext } from './picker.ts';

export function roundRobin(hosts: readonly Host[], context: PickerContext): Picker {
  if (context.equalWeights) {
    let next = hosts.length === 0 ? 0 : context.random.uint32() % hosts.length;
    return {
      pick: () => {
        const host = hosts[next];
        next = next + 1 >= hosts.length ? 0 : next + 1;
        return host;
      },
    };
  }
  const scheduler = new EdfScheduler(hosts, context.weightOf, () => context.random.float());
  return { pick: () => scheduler.next() };
}
