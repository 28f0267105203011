// A route to a subset that does not exist keeps its former clusters, and its object says so (user-pains 11: apply order must not matter).

import { nearest } from '#base';
import { refOf } from '#config';
import {
  type Condition,
  condition,
  type DestinationRuleIndex,
  findDestinationRule,
  type MeshSettings,
  type MergedRule,
  type ResolvedVirtualService,
  resolveHost,
  type ServiceIndex,
  type VirtualServiceIndex,
} from '#registry';
import { NOTHING_RETAINED, type Retained, type RetainedSubset, type Snapshot, subsetKey } from './snapshot.ts';

export interface SubsetReference {
  readonly host: string;
  readonly subset: string;
  readonly path: string;
}

export interface RetainInput {
  readonly virtualServices: VirtualServiceIndex;
  readonly destinationRules: DestinationRuleIndex;
  readonly services: ServiceIndex;
  readonly mesh: MeshSettings;
  readonly former:
    | {
        readonly retained: Retained;
        readonly destinationRules: DestinationRuleIndex;
        readonly virtualServices: VirtualServiceIndex;
      }
    | undefined;
}

export interface RetainResult {
  readonly virtualServices: VirtualServiceIndex;
  readonly retained: Retained;
  readonly conditions: readonly Condition[];
}

/** Decides for every reference: defined, kept from before, or the whole VirtualService stays as it was. */
export function retainReferences(input: RetainInput): RetainResult {
  const subsets = new Map<string, RetainedSubset>();
  const kept = new Map<string, ResolvedVirtualService>();
  const conditions: Condition[] = [];
  const all: ResolvedVirtualService[] = [];
  const formerOf = new Map((input.former?.virtualServices.all ?? []).map((vs) => [vs.object.key, vs]));
  const former = input.former?.retained ?? NOTHING_RETAINED;

  for (const written of input.virtualServices.all) {
    const missing = subsetReferences(written, input.services).filter((ref) => !defined(ref, written, input));
    const lost: SubsetReference[] = [];
    for (const reference of missing) {
      const before = retainedSubset(reference, written, input, former);
      if (before === undefined) {
        lost.push(reference);
        continue;
      }
      subsets.set(subsetKey(reference.host, reference.subset), before);
      const labels = Object.entries(before.subset.labels ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join(',');
      conditions.push(condition('TS-REG-002', written.object, { ...reference, labels }));
    }
    if (lost.length === 0) {
      all.push(written);
      continue;
    }
    const earlier = former.virtualServices.get(written.object.key) ?? formerOf.get(written.object.key);
    const effect =
      earlier === undefined ? 'its routes wait, requests go to the whole service' : 'its former routes stay in force';
    for (const reference of lost) {
      const names = subsetNames(reference, written, input);
      const there = names.length === 0 ? '' : ` (subsets that are defined: ${names.join(', ')})`;
      const details = { ...reference, effect: `${effect}${there}` };
      conditions.push(condition('TS-REG-003', written.object, details, nearest(reference.subset, names)));
    }
    if (earlier === undefined) continue;
    all.push(earlier);
    kept.set(written.object.key, earlier);
    keepSubsetsOf(earlier, input, former, subsets);
  }
  const same =
    all.length === input.virtualServices.all.length && all.every((vs, i) => vs === input.virtualServices.all[i]);
  return {
    virtualServices: same ? input.virtualServices : { ...input.virtualServices, all },
    retained: { subsets: sameSubsets(former.subsets, subsets) ? former.subsets : subsets, virtualServices: kept },
    conditions,
  };
}

/** What is made of them stays valid. */
function sameSubsets(a: Retained['subsets'], b: Retained['subsets']): boolean {
  return a.size === b.size && [...b].every(([key, subset]) => a.get(key) === subset);
}

function keepSubsetsOf(
  vs: ResolvedVirtualService,
  input: RetainInput,
  former: Retained,
  subsets: Map<string, RetainedSubset>,
): void {
  for (const reference of subsetReferences(vs, input.services)) {
    if (defined(reference, vs, input)) continue;
    const before = retainedSubset(reference, vs, input, former);
    if (before !== undefined) subsets.set(subsetKey(reference.host, reference.subset), before);
  }
}

/** The present meaning of all that routes refer to: what is retained, and what a change may make so. */
export function retainReferencesOf(snapshot: Snapshot): Retained {
  const { virtualServices, destinationRules, services, mesh, retained } = snapshot;
  const subsets = new Map(retained.subsets);
  const input: RetainInput = {
    virtualServices,
    destinationRules,
    services,
    mesh,
    former: { retained, destinationRules, virtualServices },
  };
  for (const vs of virtualServices.all) {
    for (const reference of subsetReferences(vs, services)) {
      const now = retainedSubset(reference, vs, input, retained);
      if (now !== undefined) subsets.set(subsetKey(reference.host, reference.subset), now);
    }
  }
  return { subsets, virtualServices: retained.virtualServices };
}

/** Every (host, subset) that the routes of `vs` send to. Mirrors count too. */
export function subsetReferences(vs: ResolvedVirtualService, services: ServiceIndex): readonly SubsetReference[] {
  const found: SubsetReference[] = [];
  const exists = (host: string): boolean => services.byHost.has(host);
  const add = (
    destination: { readonly host: string; readonly subset?: string | undefined },
    namespace: string,
    path: string,
  ): void => {
    if (destination.subset === undefined || destination.subset === '') return;
    found.push({
      host: resolveHost(destination.host, namespace, { domain: services.domain, exists }),
      subset: destination.subset,
      path,
    });
  };
  for (const [i, { route, namespace }] of vs.http.entries()) {
    for (const [j, target] of (route.route ?? []).entries())
      add(target.destination, namespace, `spec.http[${i}].route[${j}].destination.subset`);
    for (const [j, target] of (route.mirrors ?? []).entries())
      if (target.destination) add(target.destination, namespace, `spec.http[${i}].mirrors[${j}].destination.subset`);
    if (route.mirror !== undefined) add(route.mirror, namespace, `spec.http[${i}].mirror.subset`);
  }
  for (const list of ['tls', 'tcp'] as const) {
    for (const [i, route] of (vs.object.spec[list] ?? []).entries()) {
      for (const [j, target] of (route.route ?? []).entries())
        add(target.destination, vs.namespace, `spec.${list}[${i}].route[${j}].destination.subset`);
    }
  }
  return found;
}

function defined(reference: SubsetReference, vs: ResolvedVirtualService, input: RetainInput): boolean {
  const service = input.services.byHost.get(reference.host)?.[0];
  // A host without a service has no cluster whatever its subsets; that is another finding.
  if (service === undefined) return true;
  return ruleFor(input.destinationRules, service, vs, input.mesh).some((rule) =>
    rule.subsets.some((subset) => subset.name === reference.subset),
  );
}

function subsetNames(reference: SubsetReference, vs: ResolvedVirtualService, input: RetainInput): readonly string[] {
  const service = input.services.byHost.get(reference.host)?.[0];
  const rules = service === undefined ? [] : ruleFor(input.destinationRules, service, vs, input.mesh);
  return [...new Set(rules.flatMap((rule) => rule.subsets.map(({ name }) => name)))].sort();
}

/** Rules that some client may get: those of the route's namespace, the service's, and the root namespace's. */
function ruleFor(
  index: DestinationRuleIndex,
  service: { hostname: string; namespace: string },
  vs: ResolvedVirtualService,
  mesh: MeshSettings,
): readonly MergedRule[] {
  const found = [vs.namespace, service.namespace].map((namespace) =>
    findDestinationRule(index, service, {
      namespace,
      labels: {},
      rootNamespace: mesh.rootNamespace,
      meshDefault: mesh.spec.defaultDestinationRuleExportTo,
    }),
  );
  return found.filter((rule) => rule !== undefined);
}

function retainedSubset(
  reference: SubsetReference,
  vs: ResolvedVirtualService,
  input: RetainInput,
  former: Retained,
): RetainedSubset | undefined {
  const key = subsetKey(reference.host, reference.subset);
  const already = former.subsets.get(key);
  if (already !== undefined) return already;
  const service = input.services.byHost.get(reference.host)?.[0];
  if (service === undefined || input.former === undefined) return undefined;
  for (const rule of ruleFor(input.former.destinationRules, service, vs, input.mesh)) {
    const subset = rule.subsets.find(({ name }) => name === reference.subset);
    if (subset !== undefined) {
      return Object.freeze<RetainedSubset>({
        host: reference.host,
        subset,
        trafficPolicy: rule.trafficPolicy,
        origins: [refOf(vs.object)],
      });
    }
  }
  return undefined;
}
