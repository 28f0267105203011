// Builds a snapshot from a configuration and the registry's view; indexes whose objects did not change keep their identity.

import { analyze, type ConfigView } from '#config';
import {
  buildDestinationRules,
  buildPeerAuthentications,
  buildVirtualServices,
  type Condition,
  condition,
  meshSettings,
  type MeshSettings,
  type RegistryView,
  type VirtualServiceIndex,
} from '#registry';
import { judgeOwnership } from './host-ownership.ts';
import { checkAuthorizers } from './check-authorizers.ts';
import { checkLevels } from './check-levels.ts';
import { checkPlugins } from './check-plugins.ts';
import { checkReferences } from './check-references.ts';
import { checkTargets } from './check-targets.ts';
import { checkTelemetry } from './check-telemetry.ts';
import { retainReferences } from './retain-references.ts';
import type { Retained, SettledPlugins, Snapshot } from './snapshot.ts';

export interface SnapshotInput {
  readonly config: ConfigView;
  readonly registry: RegistryView;
  readonly domain: string;
  /** The authority's; absent where none issues: MeshConfig's is in force then. */
  readonly trustDomain?: string;
  readonly former: Snapshot | undefined;
  /** Last good references from before a restart; `former` wins. */
  readonly retained?: Retained;
  /** Default: the former snapshot's. */
  readonly keySets?: ReadonlyMap<string, string>;
  /** Default: the former snapshot's. */
  readonly plugins?: SettledPlugins;
}

export function buildSnapshot(input: SnapshotInput): Snapshot {
  const { config, registry, domain, former } = input;
  const mesh = sameMesh(former, config) ?? meshSettings(config, input.trustDomain);
  const exists = (host: string): boolean => registry.services.byHost.has(host);
  const destinationRules = buildDestinationRules(config, { domain, exists, former: former?.destinationRules });
  const all = buildVirtualServices(config, { domain, exists, former: former?.virtualServices });
  const owned = judgeOwnership({ config, services: registry.services, virtualServices: all, mesh });
  const written = owned.virtualServices;
  const retained = retainReferences({
    virtualServices: written,
    destinationRules,
    services: registry.services,
    mesh,
    former:
      former ??
      (input.retained === undefined
        ? undefined
        : { retained: input.retained, destinationRules, virtualServices: NO_ROUTES }),
  });
  const modesChanged =
    former === undefined || former.mesh.rootNamespace !== mesh.rootNamespace || !samePolicies(former.config, config);
  const peerAuthentications = modesChanged
    ? buildPeerAuthentications(config, mesh.rootNamespace)
    : former.peerAuthentications;
  const number = (former?.number ?? 0) + 1;
  return Object.freeze<Snapshot>({
    number,
    configNumber: number,
    epoch: {},
    config,
    mesh,
    domain,
    services: registry.services,
    endpoints: registry.endpoints,
    destinationRules,
    virtualServices: retained.virtualServices,
    peerAuthentications,
    formerPeerAuthentications: modesChanged
      ? (former?.formerPeerAuthentications ?? former?.peerAuthentications)
      : former.formerPeerAuthentications,
    retained: retained.retained,
    keySets: input.keySets ?? former?.keySets ?? NO_KEY_SETS,
    plugins: input.plugins ?? former?.plugins ?? NO_PLUGINS,
    conditions: [
      ...furtherMeshConfigs(config),
      ...waitingTrustDomain(mesh),
      ...written.conditions,
      ...owned.conditions,
      ...retained.conditions,
      ...conflicts(retained.virtualServices, written),
      // Of what its owner wrote, also where its former text stays in force.
      ...checkReferences(config, registry.services, written),
      ...checkTelemetry(config, mesh, registry.services),
      ...checkAuthorizers(config, registry.services, mesh),
      ...checkTargets(config, mesh.rootNamespace),
      ...checkLevels(config),
      ...analyze(config),
      ...checkPlugins(config, input.plugins ?? former?.plugins ?? NO_PLUGINS),
      ...destinationRules.duplicateSubsets.map(({ object, subset, keptIn }) =>
        condition('TS-REG-005', object, { path: 'spec.subsets', subset, winner: `${keptIn.namespace}/${keptIn.name}` }),
      ),
    ],
  });
}

/** A restart keeps what routes mean, not the routes: what is written now was not in force before. */
const NO_ROUTES: VirtualServiceIndex = { all: [], conditions: [] };

const NO_KEY_SETS: ReadonlyMap<string, string> = new Map();
const NO_PLUGINS: SettledPlugins = new Map();

/** The successor when only endpoints changed: everything else is shared. */
export function withEndpoints(former: Snapshot, registry: RegistryView): Snapshot {
  return Object.freeze<Snapshot>({ ...former, number: former.number + 1, endpoints: registry.endpoints });
}

/** The successor once every sender acts on the present modes: receivers stop accepting the former ones. */
export function withSettledModes(former: Snapshot): Snapshot {
  const number = former.number + 1;
  return Object.freeze<Snapshot>({
    ...former,
    number,
    configNumber: number,
    epoch: {},
    formerPeerAuthentications: undefined,
  });
}

function samePolicies(a: ConfigView, b: ConfigView): boolean {
  const before = a.list('PeerAuthentication');
  const after = b.list('PeerAuthentication');
  return before.length === after.length && before.every((policy, i) => policy === after[i]);
}

function sameMesh(former: Snapshot | undefined, config: ConfigView): MeshSettings | undefined {
  return former !== undefined && former.mesh.origin === config.list('MeshConfig')[0] ? former.mesh : undefined;
}

/** Certificates are issued for the trust domain that was configured when the control plane started. */
function waitingTrustDomain(mesh: MeshSettings): readonly Condition[] {
  const { origin, trustDomain: inForce, configuredTrustDomain: trustDomain } = mesh;
  if (origin === undefined || trustDomain === inForce) return [];
  return [condition('TS-REG-016', origin, { path: 'trustDomain', inForce, trustDomain })];
}

function furtherMeshConfigs(config: ConfigView): readonly Condition[] {
  const [first, ...others] = config.list('MeshConfig');
  const winner = `${first?.metadata.namespace}/${first?.metadata.name}`;
  return others.map((object) => condition('TS-REG-015', object, { path: '', winner }));
}

/** In the mesh the oldest VirtualService of a host wins; the others say so (user-pains 28), where their present text has the host. */
function conflicts(index: VirtualServiceIndex, written: VirtualServiceIndex): readonly Condition[] {
  const winners = new Map<string, string>();
  const texts = index === written ? undefined : new Map(written.all.map((vs) => [vs.object.key, vs]));
  const found: Condition[] = [];
  for (const vs of index.all) {
    if (!vs.gateways.includes('mesh')) continue;
    const text = texts?.get(vs.object.key) ?? vs;
    for (const host of vs.hosts) {
      const key = `${host}|${[...vs.exportTo].sort().join(',')}`;
      const winner = winners.get(key);
      if (winner === undefined) winners.set(key, `${vs.namespace}/${vs.name}`);
      else if (text.hosts.includes(host))
        found.push(
          condition('TS-REG-004', text.object, { path: `spec.hosts[${text.hosts.indexOf(host)}]`, host, winner }),
        );
    }
  }
  return found;
}
