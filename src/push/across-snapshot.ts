// All that is found of a snapshot's objects seen together: what was found when it was built, and what depends on who runs.

import type { ConfigView } from '#config';
import { type Condition, idlePolicies, idlePorts, idleSubsets, type ProxyIdentity, Registry } from '#registry';
import { buildSnapshot } from './build-snapshot.ts';
import type { Snapshot } from './snapshot.ts';

/** `running`: every workload and gateway that is known. */
export function acrossSnapshot(snapshot: Snapshot, running: Iterable<ProxyIdentity>): readonly Condition[] {
  const { config, mesh, domain, conditions } = snapshot;
  return [
    ...conditions,
    ...idlePolicies(config, running, mesh.rootNamespace),
    ...idleSubsets(config, snapshot, domain),
    ...idlePorts(config, snapshot, mesh.rootNamespace),
  ];
}

/** Of a configuration without a mesh: who runs is who has a WorkloadEntry. */
export function acrossConfig(config: ConfigView, domain: string): readonly Condition[] {
  const registry = new Registry({ domain, cluster: 'Kubernetes' });
  const { view } = registry.rebuild(config);
  return acrossSnapshot(buildSnapshot({ config, registry: view, domain, former: undefined }), registry.running());
}
