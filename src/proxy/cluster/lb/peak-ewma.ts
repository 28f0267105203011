// Peak EWMA (Finagle's): of two random hosts the one with the lower cost, peak-sensitive response time × (requests in flight + 1).

import type { Host } from '../host.ts';
import type { Picker, PickerContext } from './picker.ts';

/** An observation loses 63 % of its weight in this time. */
const DECAY_MS = 10_000;
/** A host that was never measured and is busy costs this much, so that it is not flooded before its first answer. */
const UNKNOWN_MS = 1_000;

export function peakEwma(hosts: readonly Host[], context: PickerContext): Picker {
  const { random, clock } = context;
  const cost = (host: Host, nowMs: number): number => {
    const expected =
      host.ewmaMs === 0 && host.activeRequests > 0
        ? UNKNOWN_MS
        : host.ewmaMs * Math.exp(-(nowMs - host.ewmaAtMs) / DECAY_MS);
    return ((expected + 1e-3) * (host.activeRequests + 1)) / context.weightOf(host);
  };
  return {
    pick: () => {
      if (hosts.length < 2) return hosts[0];
      const i = random.uint32() % hosts.length;
      let k = random.uint32() % (hosts.length - 1);
      if (k >= i) k++;
      const now = clock.now();
      const [a, b] = [hosts[i] as Host, hosts[k] as Host];
      return cost(a, now) <= cost(b, now) ? a : b;
    },
  };
}

/** Called when a response's head arrived (or never did). A slower answer counts at once, faster ones bring the average down slowly. */
export function observeResponseTime(host: Host, responseMs: number, nowMs: number): void {
  if (responseMs > host.ewmaMs) host.ewmaMs = responseMs;
  else {
    const weight = Math.exp(-(nowMs - host.ewmaAtMs) / DECAY_MS);
    host.ewmaMs = host.ewmaMs * weight + responseMs * (1 - weight);
  }
  host.ewmaAtMs = nowMs;
}
