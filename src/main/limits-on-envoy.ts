// MessageLimits that cover workloads on stock Envoy and ask what it cannot do say so in the status, by workload.

import type { ProxyNode } from '#base';
import type { Snapshot } from '#push';
import { type Condition, condition, type MessageLimits, messageLimitsOf } from '#registry';

export function limitsOnEnvoy({ config, mesh }: Snapshot, nodes: Iterable<ProxyNode>): readonly Condition[] {
  if (config.list('MessageLimits').length === 0) return [];
  const covered = new Map<MessageLimits, Set<string>>();
  for (const { parsed, metadata } of nodes) {
    if (parsed === undefined || metadata.TOPSAIL_DATA_PLANE === 'topsail') continue;
    const proxy = { namespace: parsed.namespace, labels: metadata.LABELS ?? {} };
    const decides = messageLimitsOf(config, proxy, mesh.rootNamespace).findLast(
      ({ spec }) => spec.request?.body !== undefined,
    );
    if (decides === undefined || decides.spec.request?.body?.mode === 'BUFFERED') continue;
    covered.set(decides, (covered.get(decides) ?? new Set()).add(`${parsed.workload}.${parsed.namespace}`));
  }
  return [...covered].map(([object, workloads]) =>
    condition('TS-REG-024', object, { path: 'spec.request.body.mode', workloads: [...workloads].sort().join(', ') }),
  );
}
