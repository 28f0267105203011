// What every balancing policy is: made for one list of hosts, thrown away when the list changes.

import type { Clock, Random } from '#base';
import type { Host } from '../host.ts';

export interface Picker {
  /** `hash` comes from the request; `attempt` counts choices refused by a retry. */
  pick(hash: number, attempt: number): Host | undefined;
}

export interface PickerContext {
  readonly random: Random;
  readonly clock: Clock;
  /** The host's weight now: slow start, and its locality's share where a policy mixes localities. */
  readonly weightOf: (host: Host) => number;
  /** All weights are the same and stay so until the list changes. */
  readonly equalWeights: boolean;
}
