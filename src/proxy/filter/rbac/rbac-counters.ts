// What RBAC filters count, under Envoy's names: requests allowed and denied, and what shadow rules would have done.

import type { Counter, StatStore } from '#telemetry';
import type { RbacDecision } from './engine.ts';

export interface RbacCounters {
  readonly allowed: Counter;
  readonly denied: Counter;
}

/** `kind` is '' for enforced rules and `shadow_` for the others. */
export function rbacCounters(
  stats: StatStore,
  prefix: string,
  rulesPrefix: string,
  kind: '' | 'shadow_',
): RbacCounters {
  const one = (name: string): Counter => stats.counter(`${prefix}rbac.${rulesPrefix}${kind}${name}`);
  return { allowed: one('allowed'), denied: one('denied') };
}

export function countDecision(counters: RbacCounters, decision: RbacDecision): void {
  (decision.allowed ? counters.allowed : counters.denied).inc();
}
