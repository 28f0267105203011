// Slow start: a host that just came or recovered gets a part of its weight that grows over the window (Envoy: slow start mode).

import type { Host } from '../host.ts';

export interface SlowStartSettings {
  readonly windowMs: number;
  readonly aggression: number;
  /** In [0, 1]. */
  readonly minWeight: number;
}

/** Factor in (0, 1]; 1 outside the window. */
export function slowStartFactor(host: Host, nowMs: number, settings: SlowStartSettings): number {
  const elapsed = Math.max(1, nowMs - host.warmSinceMs);
  if (elapsed >= settings.windowMs) return 1;
  return Math.max(settings.minWeight, (elapsed / settings.windowMs) ** (1 / settings.aggression), 1e-4);
}
