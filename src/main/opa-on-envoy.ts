// Policies that ask Open Policy Agent and cover workloads on stock Envoy, which cannot: those deny, and say so in the status.

import type { ProxyNode } from '#base';
import { authorizationPoliciesOf, type Condition, condition } from '#registry';
import type { Snapshot } from '#push';

export function opaOnEnvoy({ config, mesh }: Snapshot, nodes: Iterable<ProxyNode>): readonly Condition[] {
  const providers = new Set(
    (mesh.spec.extensionProviders ?? [])
      .filter(({ opa, opaWasm }) => opa !== undefined || opaWasm !== undefined)
      .map(({ name }) => name),
  );
  if (providers.size === 0) return [];
  const covered = new Map<ReturnType<typeof authorizationPoliciesOf>[number], string[]>();
  for (const { parsed, metadata } of nodes) {
    if (parsed === undefined || metadata.TOPSAIL_DATA_PLANE === 'topsail') continue;
    const proxy = { namespace: parsed.namespace, labels: metadata.LABELS ?? {} };
    for (const policy of authorizationPoliciesOf(config, proxy, mesh.rootNamespace)) {
      if (policy.spec.action !== 'CUSTOM' || !providers.has(policy.spec.provider?.name ?? '')) continue;
      covered.set(policy, [...(covered.get(policy) ?? []), `${parsed.workload}.${parsed.namespace}`]);
    }
  }
  return [...covered].map(([policy, workloads]) =>
    condition('TS-REG-014', policy, {
      path: 'spec.provider.name',
      provider: policy.spec.provider?.name ?? '',
      workloads: workloads.sort().join(', '),
    }),
  );
}
