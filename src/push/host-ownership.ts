// Who may route whose hosts: in the mesh a namespace's VirtualService for another namespace's service is warned about, and not in force in strict mode, and so is one that an older of another namespace has at a gateway (user-pains 34).

import { type ConfigView, OWNERSHIP_ANNOTATION } from '#config';
import {
  type Condition,
  type ConditionCode,
  condition,
  hostCovers,
  isWildcard,
  type MeshSettings,
  type ResolvedVirtualService,
  type Service,
  type ServiceIndex,
  type VirtualServiceIndex,
} from '#registry';

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
  const holders = holdersAtGateways(virtualServices.all);
  const conditions: Condition[] = [];
  let changed = false;
  const all = virtualServices.all.flatMap((vs): readonly ResolvedVirtualService[] => {
    if (vs.namespace === mesh.rootNamespace) return [vs];
    const kept: string[] = [];
    const confined: string[] = [];
    for (const [i, host] of vs.hosts.entries()) {
      const fault = faultAt(vs, host, holders, input);
      if (fault === undefined) kept.push(host);
      else {
        if (fault.confines) confined.push(host);
        conditions.push(
          condition(strict ? fault.strict : fault.lax, vs.object, {
            path: `spec.hosts[${i}]`,
            host,
            owner: fault.owner,
            gateway: fault.gateway,
            annotation: GRANT_ANNOTATION,
          }),
        );
      }
    }
    if (!strict || kept.length === vs.hosts.length) return [vs];
    changed = true;
    return withHosts(vs, kept, confined);
  });
  return { virtualServices: changed ? { ...virtualServices, all } : virtualServices, conditions };
}

/** In force for everybody, and for the own namespace's clients alone. */
function withHosts(
  vs: ResolvedVirtualService,
  kept: readonly string[],
  confined: readonly string[],
): readonly ResolvedVirtualService[] {
  const parts: ResolvedVirtualService[] = [];
  if (kept.length > 0) parts.push({ ...vs, hosts: kept });
  if (confined.length === 0) return parts;
  const gateways = vs.gateways.filter((gateway) => gateway !== 'mesh');
  if (gateways.length > 0) parts.push({ ...vs, hosts: confined, gateways });
  return [...parts, { ...vs, hosts: confined, gateways: ['mesh'], exportTo: ['.'] }];
}

interface Fault {
  readonly lax: ConditionCode;
  readonly strict: ConditionCode;
  readonly owner: string;
  readonly gateway: string;
  /** Not refused, but for the own namespace only. */
  readonly confines: boolean;
}

function faultAt(
  vs: ResolvedVirtualService,
  host: string,
  holders: ReadonlyMap<string, string>,
  input: OwnershipInput,
): Fault | undefined {
  for (const gateway of vs.gateways) {
    const owner = holders.get(`${gateway} ${host}`);
    if (owner !== undefined && owner !== vs.namespace && !isGranted(input.config, owner, vs.namespace))
      return { lax: 'TS-REG-021', strict: 'TS-REG-022', owner, gateway, confines: false };
  }
  if (!vs.gateways.includes('mesh') || !reachesOthers(vs, input.mesh)) return undefined;
  const owners = ownersOf(host, input.services);
  const owner = owners.find((one) => one !== vs.namespace && !isGranted(input.config, one, vs.namespace));
  if (owner === undefined) return undefined;
  const confines = !isWildcard(host) && owners.includes(vs.namespace);
  return { lax: 'TS-REG-008', strict: confines ? 'TS-REG-020' : 'TS-REG-009', owner, gateway: '', confines };
}

/** Whose VirtualService, the oldest, has a host at a gateway. */
function holdersAtGateways(all: readonly ResolvedVirtualService[]): ReadonlyMap<string, string> {
  const holders = new Map<string, string>();
  for (const { gateways, hosts, namespace } of all)
    for (const gateway of gateways) {
      if (gateway === 'mesh') continue;
      for (const host of hosts) {
        const key = `${gateway} ${host}`;
        if (!holders.has(key)) holders.set(key, namespace);
      }
    }
  return holders;
}

/** A rule for the own namespace's clients only takes nothing from anybody. */
function reachesOthers(vs: ResolvedVirtualService, mesh: MeshSettings): boolean {
  const exported = vs.exportTo.length > 0 ? vs.exportTo : (mesh.spec.defaultVirtualServiceExportTo ?? ['*']);
  return exported.some((place) => place !== '.' && place !== vs.namespace);
}

/** Namespaces that have a service of this host. A service of the cluster is its namespace’s, whoever else declares it. */
function ownersOf(host: string, services: ServiceIndex): readonly string[] {
  const owners = new Set<string>();
  const add = (list: readonly Service[]): void => {
    const real = list.filter(({ registry }) => registry === 'Kubernetes');
    for (const { namespace } of real.length > 0 ? real : list) owners.add(namespace);
  };
  if (!isWildcard(host)) add(services.byHost.get(host) ?? []);
  else for (const [name, list] of services.byHost) if (hostCovers(host, name)) add(list);
  return [...owners].sort();
}

function isGranted(config: ConfigView, owner: string, namespace: string): boolean {
  const granted = config.get('Namespace', '', owner)?.metadata.annotations[GRANT_ANNOTATION] ?? '';
  return granted.split(',').some((one) => one.trim() === '*' || one.trim() === namespace);
}
