// Who may route whose hosts: in the mesh a namespace's VirtualService for another namespace's service is warned about, and not in force in strict mode, and so is one that an older of another namespace has at a gateway (user-pains 34).

import { type ConfigView, OWNERSHIP_ANNOTATION } from '#config';
import {
  type Condition,
  type ConditionCode,
  condition,
  hostsOverlap,
  isWildcard,
  type MeshSettings,
  type ResolvedVirtualService,
  type Service,
  type ServiceIndex,
  type VirtualServiceIndex,
} from '#registry';
import { GatewayHolds } from './gateway-holds.ts';

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
  const patterns = [...input.services.byHost.keys()].filter(isWildcard);
  const judged = { ...input, patterns };
  const bound = new Set(virtualServices.all.flatMap(({ gateways }) => gateways));
  bound.delete('mesh');
  const holds = new GatewayHolds(input.config, bound, (owner, other) => isGranted(input.config, owner, other));
  const conditions: Condition[] = [];
  let changed = false;
  const all = virtualServices.all.flatMap((vs): readonly ResolvedVirtualService[] => {
    const kept: string[] = [];
    const confined: string[] = [];
    const hold = (host: string): void => {
      for (const gateway of vs.gateways) if (gateway !== 'mesh') holds.add(vs, gateway, host);
    };
    for (const [i, host] of vs.hosts.entries()) {
      const fault = vs.namespace === mesh.rootNamespace ? undefined : faultAt(vs, host, holds, judged);
      if (fault === undefined || fault.confines) hold(host);
      if (fault === undefined) kept.push(host);
      else {
        if (fault.confines) confined.push(host);
        if (!strict && fault.quiet) continue;
        conditions.push(
          condition(strict ? fault.strict : fault.lax, vs.object, {
            path: `spec.hosts[${i}]`,
            host,
            owner: fault.owner,
            gateway: fault.gateway,
            held: fault.held,
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
  /** What the owner has there. */
  readonly held: string;
  /** Not refused, but for the own namespace only. */
  readonly confines: boolean;
  /** A rule for every host beside one for some is how gateways are used: no warning. */
  readonly quiet: boolean;
}

function faultAt(
  vs: ResolvedVirtualService,
  host: string,
  holds: GatewayHolds,
  input: OwnershipInput & { /** Hosts of services that are patterns. */ readonly patterns: readonly string[] },
): Fault | undefined {
  for (const gateway of vs.gateways) {
    const hold = gateway === 'mesh' ? undefined : holds.holder(vs, gateway, host);
    if (hold === undefined) continue;
    const quiet = (hold.host === '*') !== (host === '*');
    const at = { owner: hold.namespace, held: hold.host, gateway };
    return { lax: 'TS-REG-021', strict: 'TS-REG-022', ...at, confines: false, quiet };
  }
  if (!vs.gateways.includes('mesh') || !reachesOthers(vs, input.mesh)) return undefined;
  const owners = ownersOf(host, input.services, input.patterns);
  const owner = owners.find((one) => one !== vs.namespace && !isGranted(input.config, one, vs.namespace));
  if (owner === undefined) return undefined;
  const confines = owners.includes(vs.namespace);
  const at = { owner, held: host, gateway: '' };
  return { lax: 'TS-REG-008', strict: confines ? 'TS-REG-020' : 'TS-REG-009', ...at, confines, quiet: false };
}

/** A rule for the own namespace's clients only takes nothing from anybody. */
function reachesOthers(vs: ResolvedVirtualService, mesh: MeshSettings): boolean {
  const exported = vs.exportTo.length > 0 ? vs.exportTo : (mesh.spec.defaultVirtualServiceExportTo ?? ['*']);
  return exported.some((place) => place !== '.' && place !== vs.namespace);
}

/** Namespaces that have a service of this host. A service of the cluster is its namespace’s, whoever else declares it. */
function ownersOf(host: string, services: ServiceIndex, patterns: readonly string[]): readonly string[] {
  const owners = new Set<string>();
  const add = (list: readonly Service[]): void => {
    const real = list.filter(({ registry }) => registry === 'Kubernetes');
    for (const { namespace } of real.length > 0 ? real : list) owners.add(namespace);
  };
  if (!isWildcard(host)) add(services.byHost.get(host) ?? []);
  // A pattern of the one and a name below it of the other: each owns what the other's rule would take.
  const names = isWildcard(host) ? services.byHost.keys() : patterns;
  for (const name of names) if (hostsOverlap(host, name)) add(services.byHost.get(name) ?? []);
  return [...owners].sort();
}

function isGranted(config: ConfigView, owner: string, namespace: string): boolean {
  const granted = config.get('Namespace', '', owner)?.metadata.annotations[GRANT_ANNOTATION] ?? '';
  return granted.split(',').some((one) => one.trim() === '*' || one.trim() === namespace);
}
