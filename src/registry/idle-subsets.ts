// Subsets of DestinationRules that no endpoint of their host is in. Told of the endpoints of this moment, so that a finding goes when
// the first one comes.

import type { ConfigView } from '#config';
import { type Condition, condition } from './errors.ts';
import { isWildcard, resolveHost } from './host.ts';
import { type Endpoint, serviceKey } from './model.ts';
import { nearestLabel } from './nearest-label.ts';
import type { RegistryView } from './registry.ts';
import { labelsMatch } from './visibility.ts';

/** Of a host that has no endpoints at all it is not the subsets that are wrong: nothing is said of them. */
export function idleSubsets(config: ConfigView, registry: RegistryView, domain: string): readonly Condition[] {
  const found: Condition[] = [];
  const exists = (host: string): boolean => registry.services.byHost.has(host);
  for (const rule of config.list('DestinationRule')) {
    const { spec, metadata } = rule;
    if (isWildcard(spec.host) || (spec.subsets ?? []).length === 0) continue;
    const host = resolveHost(spec.host, metadata.namespace, { domain, exists });
    const endpoints = endpointsOf(host, registry);
    if (endpoints.length === 0) continue;
    for (const [i, { name: subset, labels }] of (spec.subsets ?? []).entries()) {
      if (endpoints.some((one) => labelsMatch(labels, one.labels))) continue;
      const pairs = Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`);
      const details = { path: `spec.subsets[${i}].labels`, subset, host, labels: pairs.join(', ') };
      found.push(condition('TS-REG-030', rule, details, nearestLabel(pairs, endpoints)));
    }
  }
  return found;
}

/** Of all ports and owners of the host; none where labels choose nobody, or are not known of everybody. */
function endpointsOf(host: string, { services, endpoints }: RegistryView): readonly Endpoint[] {
  const found: Endpoint[] = [];
  for (const service of services.byHost.get(host) ?? []) {
    // What dials where the client would have dialled looks at no labels.
    if (service.resolution === 'none') return [];
    for (const list of endpoints.get(serviceKey(service))?.byPort.values() ?? []) {
      // A slice may be here before its pods are.
      if (service.registry === 'Kubernetes' && list.some(({ labels }) => Object.keys(labels).length === 0)) return [];
      found.push(...list);
    }
  }
  return found;
}
