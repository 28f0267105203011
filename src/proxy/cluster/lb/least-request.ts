// Least request: the less busy of N random hosts (or of all); with unequal weights, deadlines by weight / (active + 1)^bias.

import type { Host } from '../host.ts';
import { EdfScheduler } from './edf.ts';
import type { Picker, PickerContext } from './picker.ts';

export interface LeastRequestSettings {
  readonly choices: number;
  readonly bias: number;
  readonly fullScan: boolean;
}

export function leastRequest(hosts: readonly Host[], context: PickerContext, settings: LeastRequestSettings): Picker {
  const { random } = context;
  if (!context.equalWeights) {
    const weightOf = (host: Host): number =>
      context.weightOf(host) / (settings.bias === 0 ? 1 : (host.activeRequests + 1) ** settings.bias);
    const scheduler = new EdfScheduler(hosts, weightOf, () => random.float());
    return { pick: () => scheduler.next() };
  }
  if (settings.fullScan) return { pick: () => leastBusy(hosts, random.uint32()) };
  return {
    pick: () => {
      let best = hosts[random.uint32() % hosts.length];
      for (let i = 1; i < settings.choices && best !== undefined; i++) {
        const other = hosts[random.uint32() % hosts.length] as Host;
        if (other.activeRequests < best.activeRequests) best = other;
      }
      return best;
    },
  };
}

/** Ties go to whichever comes first after a random start. */
function leastBusy(hosts: readonly Host[], start: number): Host | undefined {
  let best: Host | undefined;
  for (let i = 0; i < hosts.length; i++) {
    const host = hosts[(start + i) % hosts.length] as Host;
    if (best === undefined || host.activeRequests < best.activeRequests) best = host;
  }
  return best;
}
