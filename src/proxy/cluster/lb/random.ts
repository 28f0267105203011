// Random: every host alike, weights play no part (as in Envoy).

import type { Host } from '../host.ts';
import type { Picker, PickerContext } from './picker.ts';

export function randomPick(hosts: readonly Host[], context: PickerContext): Picker {
  return { pick: () => hosts[context.random.uint32() % hosts.length] };
}
