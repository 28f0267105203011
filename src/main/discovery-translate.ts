// Translation for the xDS server: one cache for all proxies, and which endpoint resources a change of endpoints concerns.
import type { ProxyNode, ResourceSet, XdsResource } from '#base';
import type { Snapshot } from '#push';
import { outboundCluster, TranslationCache, translate, translateEndpoints } from '#translate';

export interface Translation {
  readonly translate: (snapshot: Snapshot, node: ProxyNode) => ResourceSet;
  readonly translateEndpoints: (snapshot: Snapshot, node: ProxyNode) => ReadonlyMap<string, XdsResource>;
  readonly endpointNames: (snapshot: Snapshot, services: ReadonlySet<string>) => ReadonlySet<string>;
}

export function makeTranslation(): Translation {
  const cache = new TranslationCache();
  return {
    translate: (snapshot, node) => translate(snapshot, node, cache),
    translateEndpoints: (snapshot, node) => translateEndpoints(snapshot, node, cache),
    endpointNames,
  };
}

/** Every name under which some proxy may have subscribed to the endpoints of these services. */
function endpointNames(snapshot: Snapshot, services: ReadonlySet<string>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const key of services) {
    const service = snapshot.services.all.get(key);
    if (service === undefined) continue;
    const subsets = subsetsOf(snapshot, service.hostname);
    for (const port of service.ports)
      for (const subset of subsets) names.add(outboundCluster(port.number, subset, service.hostname));
  }
  return names;
}

function subsetsOf(snapshot: Snapshot, host: string): ReadonlySet<string> {
  const subsets = new Set<string>(['']);
  for (const { exact, wildcard } of snapshot.destinationRules.byNamespace.values()) {
    for (const rule of [...(exact.get(host) ?? []), ...wildcard])
      for (const subset of rule.subsets) subsets.add(subset.name ?? '');
  }
  for (const retained of snapshot.retained.subsets.values())
    if (retained.host === host) subsets.add(retained.subset.name ?? '');
  return subsets;
}
