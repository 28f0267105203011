// Decides by RBAC rules: policies are indexed by the identity, path or header they cannot do without, so that a thousand of them cost what one does.

import type { Policy, RBAC } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { ConfigError } from '../../errors.ts';
import type { MatchInput, RequestPredicate } from '../../matcher/match-input.ts';
import { allOf, anyOf, type Duplicates } from './combine.ts';
import { type Demand, demandsOfAll, demandsOfAny, type Pattern } from './demand.ts';
import { compilePermission, permissionDemands } from './permission.ts';
import { type IndexedPolicy, PolicyIndex, search } from './policy-index.ts';
import { compilePrincipal, principalDemands } from './principal.ts';

export interface RbacDecision {
  readonly allowed: boolean;
  /** Name of the policy that matched; '' = none did. */
  readonly policy: string;
}

interface CompiledPolicy extends IndexedPolicy {
  readonly name: string;
  readonly decision: RbacDecision;
}

export class RbacEngine {
  readonly action: 'allow' | 'deny' | 'log';
  readonly #indexes: readonly PolicyIndex<CompiledPolicy>[];
  /** They demand nothing that can be looked up. */
  readonly #others: CompiledPolicy[] = [];
  /** Made once: what hangs on a decision (note-decision.ts) is found by its identity. */
  readonly #noMatch: RbacDecision;

  /** Throws a ConfigError for any condition it cannot evaluate: a policy is never applied in part. */
  constructor(rules: RBAC, field: string) {
    const action = (['allow', 'deny', 'log'] as const)[rules.action];
    if (action === undefined)
      throw new ConfigError('proxy.field-invalid', `${field}.action`, `${rules.action} is no action`);
    this.action = action;
    this.#noMatch = { allowed: action !== 'allow', policy: '' };
    const duplicates: Duplicates = action === 'allow' ? 'all' : 'any';
    const names = Object.keys(rules.policies).sort();
    const matches = names.map((name) =>
      compilePolicy(rules.policies[name] as Policy, `${field}.policies["${name}"]`, duplicates),
    );
    const demands = names.map((name) => demandsOf(rules.policies[name] as Policy));
    const common = commonness(demands);
    const indexes = new Map<string, PolicyIndex<CompiledPolicy>>();
    for (const [order, name] of names.entries()) {
      const policy: CompiledPolicy = {
        name,
        order,
        matches: matches[order] as RequestPredicate,
        decision: { allowed: action !== 'deny', policy: name },
      };
      const demand = rarest(demands[order] ?? [], common);
      if (demand === undefined) {
        this.#others.push(policy);
        continue;
      }
      let index = indexes.get(demand.source);
      if (index === undefined) indexes.set(demand.source, (index = new PolicyIndex(demand.source)));
      index.add(demand.patterns, policy);
    }
    this.#indexes = [...indexes.values()];
  }

  decide(input: MatchInput): RbacDecision {
    return this.#firstMatch(input)?.decision ?? this.#noMatch;
  }

  #firstMatch(input: MatchInput): CompiledPolicy | undefined {
    let best = search(this.#others, input, undefined);
    for (const index of this.#indexes) best = index.firstMatch(input, best);
    return best;
  }
}

function demandsOf({ permissions, principals }: Policy): readonly Demand[] {
  return demandsOfAll([
    demandsOfAny(permissions.map(permissionDemands)),
    demandsOfAny(principals.map(principalDemands)),
  ]);
}

const keyOf = (source: string, { how, text, ignoreCase }: Pattern): string =>
  `${source}\0${how}\0${ignoreCase}\0${text}`;

/** How many policies each pattern would find. */
function commonness(demands: readonly (readonly Demand[])[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { source, patterns } of demands.flat())
    for (const pattern of patterns) {
      const key = keyOf(source, pattern);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  return counts;
}

/** The demand that tells its policy best from the others. */
function rarest(demands: readonly Demand[], common: ReadonlyMap<string, number>): Demand | undefined {
  const worst = ({ source, patterns }: Demand): number =>
    Math.max(...patterns.map((pattern) => common.get(keyOf(source, pattern)) ?? 0));
  let best: { readonly demand: Demand; readonly found: number } | undefined;
  for (const demand of demands) {
    const found = worst(demand);
    if (best === undefined || found < best.found) best = { demand, found };
  }
  return best?.demand;
}

function compilePolicy(policy: Policy, field: string, duplicates: Duplicates): RequestPredicate {
  if (policy.condition !== undefined || policy.checkedCondition !== undefined)
    throw new ConfigError(
      'proxy.unsupported',
      `${field}.condition`,
      'CEL conditions are not evaluated, and a policy is never applied without one of its conditions',
    );
  if (policy.permissions.length === 0) throw new ConfigError('proxy.field-required', `${field}.permissions`);
  if (policy.principals.length === 0) throw new ConfigError('proxy.field-required', `${field}.principals`);
  return allOf([
    anyOf(
      policy.permissions.map((permission, i) =>
        compilePermission(permission, `${field}.permissions[${i}]`, duplicates),
      ),
    ),
    anyOf(
      policy.principals.map((principal, i) => compilePrincipal(principal, `${field}.principals[${i}]`, duplicates)),
    ),
  ]);
}

/** As access logs and details print it. */
export function deniedDetails(policy: string): string {
  return `rbac_access_denied_matched_policy[${policy === '' ? 'none' : policy.replaceAll(' ', '_')}]`;
}
