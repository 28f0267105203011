// DestinationRules of one host and namespace merged into one, and the one that a client gets (inventory §1.2).

import { isDeepStrictEqual } from 'node:util';
import { type ConfigObject, type ConfigView, refOf } from '#config';
import { sortedEntries, type ObjectRef } from '#base';
import { bySpecificity, hostCovers, isWildcard, resolveHost } from './host.ts';
import type { DestinationRule, Subset, TrafficPolicy } from './kinds.ts';
import { isVisible, labelsMatch } from './visibility.ts';

/** What one or several DestinationRules say of a host. Identity changes only when one of them does. */
export interface MergedRule {
  readonly host: string;
  readonly namespace: string;
  readonly exportTo: readonly string[];
  readonly workloadSelector: Readonly<Record<string, string>> | undefined;
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  readonly origins: readonly ObjectRef[];
  readonly objects: readonly DestinationRule[];
}

export interface DestinationRuleIndex {
  /** Namespace -> rules, by host specificity. */
  readonly byNamespace: ReadonlyMap<string, NamespaceRules>;
  readonly duplicateSubsets: readonly {
    readonly object: ConfigObject;
    readonly subset: string;
    readonly keptIn: ObjectRef;
  }[];
  /** Some rule is for chosen workloads only: then clients' labels matter. */
  readonly usesLabels: boolean;
}

interface NamespaceRules {
  readonly exact: ReadonlyMap<string, readonly MergedRule[]>;
  readonly wildcard: readonly MergedRule[];
}

export interface RuleContext {
  readonly domain: string;
  readonly exists: (host: string) => boolean;
  readonly former: DestinationRuleIndex | undefined;
}

export function buildDestinationRules(view: ConfigView, context: RuleContext): DestinationRuleIndex {
  const groups = new Map<string, Map<string, DestinationRule[]>>();
  const resolved = new Map<DestinationRule, string>();
  let usesLabels = false;
  for (const rule of view.list('DestinationRule')) {
    const namespace = rule.metadata.namespace;
    const host = resolveHost(rule.spec.host ?? '', namespace, context);
    resolved.set(rule, host);
    const selector = rule.spec.workloadSelector?.matchLabels;
    if (selector !== undefined) usesLabels = true;
    const key = [
      host,
      [...(rule.spec.exportTo ?? [])].sort().join(','),
      selector === undefined ? '' : JSON.stringify(sortedEntries(selector)),
    ].join('|');
    const inNamespace = groups.get(namespace) ?? new Map<string, DestinationRule[]>();
    groups.set(namespace, inNamespace);
    inNamespace.set(key, [...(inNamespace.get(key) ?? []), rule]);
  }
  const duplicateSubsets: DestinationRuleIndex['duplicateSubsets'][number][] = [];
  const byNamespace = new Map<string, NamespaceRules>();
  for (const [namespace, sets] of groups) {
    const exact = new Map<string, MergedRule[]>();
    const wildcard: MergedRule[] = [];
    for (const rules of sets.values()) {
      const host = resolved.get(rules[0] as DestinationRule) as string;
      const merged = reuse(context.former, namespace, host, rules) ?? merge(host, rules);
      duplicateSubsets.push(...duplicatesOf(rules));
      if (isWildcard(host)) wildcard.push(merged);
      else exact.set(host, [...(exact.get(host) ?? []), merged]);
    }
    wildcard.sort((a, b) => bySpecificity(a.host, b.host));
    byNamespace.set(namespace, { exact, wildcard });
  }
  const index = { byNamespace, duplicateSubsets, usesLabels };
  return context.former !== undefined && sameRules(context.former, index) ? context.former : index;
}

/** What is kept for an index stays valid as long as it holds the same rules. */
function sameRules(a: DestinationRuleIndex, b: DestinationRuleIndex): boolean {
  if (a.byNamespace.size !== b.byNamespace.size) return false;
  for (const [namespace, rules] of b.byNamespace) {
    const former = a.byNamespace.get(namespace);
    if (former === undefined || former.exact.size !== rules.exact.size) return false;
    if (!sameList(former.wildcard, rules.wildcard)) return false;
    for (const [host, list] of rules.exact) if (!sameList(former.exact.get(host) ?? [], list)) return false;
  }
  return true;
}

function sameList(a: readonly MergedRule[], b: readonly MergedRule[]): boolean {
  return a.length === b.length && a.every((rule, i) => rule === b[i]);
}

function reuse(
  former: DestinationRuleIndex | undefined,
  namespace: string,
  host: string,
  rules: readonly DestinationRule[],
): MergedRule | undefined {
  const known = former?.byNamespace.get(namespace);
  const candidates = isWildcard(host) ? known?.wildcard : known?.exact.get(host);
  return candidates?.find(
    (m) => m.host === host && m.objects.length === rules.length && m.objects.every((object, i) => object === rules[i]),
  );
}

/** Subsets that a later rule defines otherwise: the older one's stands. The same words twice change nothing, and are no finding. */
function* duplicatesOf(rules: readonly DestinationRule[]): Iterable<DestinationRuleIndex['duplicateSubsets'][number]> {
  if (rules.length < 2) return;
  const first = new Map<string, { readonly subset: Subset; readonly from: DestinationRule }>();
  for (const rule of rules) {
    for (const subset of rule.spec.subsets ?? []) {
      const known = first.get(subset.name);
      if (known === undefined) first.set(subset.name, { subset, from: rule });
      else if (known.from !== rule && !isDeepStrictEqual(known.subset, subset))
        yield { object: rule, subset: subset.name, keptIn: refOf(known.from) };
    }
  }
}

function merge(host: string, rules: readonly DestinationRule[]): MergedRule {
  const first = rules[0] as DestinationRule;
  const subsets = new Map<string, Subset>();
  for (const rule of rules)
    for (const subset of rule.spec.subsets ?? []) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  return Object.freeze<MergedRule>({
    host,
    namespace: first.metadata.namespace,
    exportTo: first.spec.exportTo ?? [],
    workloadSelector: first.spec.workloadSelector?.matchLabels,
    trafficPolicy: rules.find((rule) => rule.spec.trafficPolicy !== undefined)?.spec.trafficPolicy,
    subsets: [...subsets.values()],
    origins: rules.map(refOf),
    objects: rules,
  });
}

export interface RuleClient {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rootNamespace: string;
  readonly meshDefault: readonly string[] | undefined;
}

/** The client's namespace decides first, then the service's, then the root namespace. */
export function findDestinationRule(
  index: DestinationRuleIndex,
  service: { readonly hostname: string; readonly namespace: string },
  client: RuleClient,
): MergedRule | undefined {
  const places =
    client.namespace === client.rootNamespace
      ? [service.namespace, client.rootNamespace]
      : [client.namespace, service.namespace, client.rootNamespace];
  const usableAt = (place: string): readonly MergedRule[] => {
    const rules = index.byNamespace.get(place);
    if (rules === undefined) return [];
    const usable = (rule: MergedRule): boolean =>
      (rule.workloadSelector === undefined ||
        (place === client.namespace && labelsMatch(rule.workloadSelector, client.labels))) &&
      (place === client.namespace ||
        isVisible(rule.exportTo, { own: place, from: client.namespace, meshDefault: client.meshDefault }));
    return [
      ...(rules.exact.get(service.hostname) ?? []),
      ...rules.wildcard.filter((rule) => hostCovers(rule.host, service.hostname)),
    ].filter(usable);
  };
  // What names the workload itself is nearest, also in the root namespace, which is else asked last.
  const selected = index.usesLabels
    ? usableAt(client.namespace).find((rule) => rule.workloadSelector !== undefined)
    : undefined;
  if (selected !== undefined) return selected;
  for (const place of new Set(places)) {
    const [found] = usableAt(place);
    if (found !== undefined) return found;
  }
  return undefined;
}
