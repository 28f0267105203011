// RateLimits whose buckets all proxies share, and that cover workloads on stock Envoy, which counts for itself, say so in the status, by workload.

import type { ProxyNode } from '#base';
import type { Snapshot } from '#push';
import { type Condition, condition, isShared, type RateLimit, rateLimitsOf } from '#registry';

export function ratesOnEnvoy({ config, mesh }: Snapshot, nodes: Iterable<ProxyNode>): readonly Condition[] {
  if (!config.list('RateLimit').some(({ spec }) => spec.rules.some(isShared))) return [];
  const covered = new Map<RateLimit, Set<string>>();
  for (const { parsed, metadata } of nodes) {
    if (parsed === undefined || metadata.TOPSAIL_DATA_PLANE === 'topsail') continue;
    const proxy = { namespace: parsed.namespace, labels: metadata.LABELS ?? {} };
    for (const object of rateLimitsOf(config, proxy, mesh.rootNamespace))
      covered.set(object, (covered.get(object) ?? new Set()).add(`${parsed.workload}.${parsed.namespace}`));
  }
  return [...covered].flatMap(([object, workloads]) =>
    object.spec.rules.flatMap((rule, i) =>
      isShared(rule)
        ? [
            condition('TS-REG-028', object, {
              path: `spec.rules[${i}].limit.scope`,
              rule: rule.name,
              workloads: [...workloads].sort().join(', '),
            }),
          ]
        : [],
    ),
  );
}
