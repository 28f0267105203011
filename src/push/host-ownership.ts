// Who may route whose hosts: in the mesh a namespace's VirtualService for another namespace's service is warned about, and not in force in strict mode (user-pains 34).

import type { ConfigView } from '#config';
import {
  type Condition,
  condition,
  hostCovers,
  isWildcard,
  type MeshSettings,
  type ResolvedVirtualService,
  type ServiceIndex,
  type VirtualServiceIndex,
} from '#registry';

/** On MeshConfig: `strict` holds back what is not owned; anything else warns, as Istio lets it through. */
export const OWNERSHIP_ANNOTATION = 'topsail.io/host-ownership';
/** On a Namespace: who else may route its hosts, by comma; `*` = everybody. */
export const GRANT_ANNOTATION = 'topsail.io/hosts-granted-to';

export interface OwnershipInput {
  readonly config: ConfigView;
  readonly services: ServiceIndex;
  readonly virtualServices: VirtualServiceIndex;
  readonly mesh: MeshSettings;
}

export function judgeOwnership(input: OwnershipInput): {
  readonly virtualServices: VirtualServiceIndex;
  readonly conditions: readonly Condition[];
} {
  const { virtualServices, mesh } = input;
  const strict = mesh.origin?.metadata.annotations[OWNERSHIP_ANNOTATION] === 'strict';
  const conditions: Condition[] = [];
  let changed = false;
  const all = virtualServices.all.flatMap((vs): readonly ResolvedVirtualService[] => {
    if (vs.namespace === mesh.rootNamespace || !vs.gateways.includes('mesh') || !reachesOthers(vs, mesh)) return [vs];
    const kept: string[] = [];
    for (const [i, host] of vs.hosts.entries()) {
      const owner = foreignOwner(host, vs.namespace, input);
      if (owner === undefined) kept.push(host);
      else
        conditions.push(
          condition(strict ? 'TS-REG-009' : 'TS-REG-008', vs.object, {
            path: `spec.hosts[${i}]`,
            host,
            owner,
            annotation: GRANT_ANNOTATION,
          }),
        );
    }
    if (!strict || kept.length === vs.hosts.length) return [vs];
    changed = true;
    return kept.length === 0 ? [] : [{ ...vs, hosts: kept }];
  });
  return { virtualServices: changed ? { ...virtualServices, all } : virtualServices, conditions };
}

/** A rule for the own namespace's clients only takes nothing from anybody. */
function reachesOthers(vs: ResolvedVirtualService, mesh: MeshSettings): boolean {
  const exported = vs.exportTo.length > 0 ? vs.exportTo : (mesh.spec.defaultVirtualServiceExportTo ?? ['*']);
  return exported.some((place) => place !== '.' && place !== vs.namespace);
}

/** A namespace that has a service of this host, when the VirtualService's own has none and was granted nothing. */
function foreignOwner(host: string, namespace: string, { config, services }: OwnershipInput): string | undefined {
  const owners = new Set<string>();
  if (isWildcard(host)) {
    for (const [name, list] of services.byHost)
      if (hostCovers(host, name)) for (const service of list) owners.add(service.namespace);
  } else for (const service of services.byHost.get(host) ?? []) owners.add(service.namespace);
  if (!isWildcard(host) && owners.has(namespace)) return undefined;
  for (const owner of [...owners].sort()) if (owner !== namespace && !isGranted(config, owner, namespace)) return owner;
  return undefined;
}

function isGranted(config: ConfigView, owner: string, namespace: string): boolean {
  const granted = config.get('Namespace', '', owner)?.metadata.annotations[GRANT_ANNOTATION] ?? '';
  return granted.split(',').some((one) => one.trim() === '*' || one.trim() === namespace);
}
