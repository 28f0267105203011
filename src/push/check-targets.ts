// Policies whose targets nothing here enforces say so: they are accepted as in Istio, and never silently out of force.

import { type ConfigView, TARGETING_KINDS, unboundTargets } from '#config';
import { type Condition, condition } from '#registry';

export function checkTargets(config: ConfigView, rootNamespace: string): readonly Condition[] {
  const found: Condition[] = [];
  for (const kind of TARGETING_KINDS) {
    for (const policy of config.list(kind)) {
      const { spec, metadata } = policy;
      for (const { message: why, path } of unboundTargets(config, policy))
        found.push(condition('TS-REG-017', policy, { path, why }));
      const classes = [spec.targetRef, ...(spec.targetRefs ?? [])].some((ref) => ref?.kind === 'GatewayClass');
      if (classes && metadata.namespace !== rootNamespace)
        found.push(condition('TS-REG-018', policy, { path: 'spec.targetRefs', rootNamespace }));
    }
  }
  return found;
}
