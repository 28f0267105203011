// Decides by RBAC rules: policies are indexed by the identity, path or method they cannot do without, so that a thousand of them cost what one does.

import type { Policy, RBAC } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { ConfigError } from '../../errors.ts';
import type { MatchInput, RequestPredicate } from '../../matcher/match-input.ts';
import { barePath } from '../../matcher/path-template.ts';
import { allOf, anyOf, type Duplicates } from './combine.ts';
import { compilePermission, exactMethodsOf, exactPathsOf, unionOf } from './permission.ts';
import { compilePrincipal, exactIdentitiesOf } from './principal.ts';

export interface RbacDecision {
  readonly allowed: boolean;
  /** Name of the policy that matched; '' = none did. */
  readonly policy: string;
}

interface CompiledPolicy {
  readonly name: string;
  /** Place in the order of names: the first match names the decision. */
  readonly order: number;
  readonly matches: RequestPredicate;
  readonly decision: RbacDecision;
}

export class RbacEngine {
  readonly action: 'allow' | 'deny' | 'log';
  readonly #byIdentity = new Map<string, CompiledPolicy[]>();
  readonly #byPath = new Map<string, CompiledPolicy[]>();
  readonly #byMethod = new Map<string, CompiledPolicy[]>();
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
    Object.keys(rules.policies)
      .sort()
      .forEach((name, order) => {
        const policy = rules.policies[name] as Policy;
        this.#add(
          {
            name,
            order,
            matches: compilePolicy(policy, `${field}.policies["${name}"]`, duplicates),
            decision: { allowed: action !== 'deny', policy: name },
          },
          policy,
        );
      });
  }

  decide(input: MatchInput): RbacDecision {
    return this.#firstMatch(input)?.decision ?? this.#noMatch;
  }

  #add(policy: CompiledPolicy, source: Policy): void {
    const identities = unionOf(source.principals.map(exactIdentitiesOf));
    if (identities !== undefined) return index(this.#byIdentity, identities, policy);
    const paths = unionOf(source.permissions.map(exactPathsOf));
    if (paths !== undefined) return index(this.#byPath, paths, policy);
    const methods = unionOf(source.permissions.map(exactMethodsOf));
    if (methods !== undefined) return index(this.#byMethod, methods, policy);
    this.#others.push(policy);
  }

  #firstMatch(input: MatchInput): CompiledPolicy | undefined {
    let best = search(this.#others, input, undefined);
    if (this.#byIdentity.size > 0 && input.connection.mtls) {
      for (const san of input.connection.peerUriSans) best = search(this.#byIdentity.get(san), input, best);
      best = search(this.#byIdentity.get(input.connection.peerPrincipal), input, best);
    }
    if (this.#byPath.size > 0) best = search(this.#byPath.get(barePath(input.head.path)), input, best);
    if (this.#byMethod.size > 0) best = search(this.#byMethod.get(input.head.method), input, best);
    return best;
  }
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

function index(map: Map<string, CompiledPolicy[]>, keys: readonly string[], policy: CompiledPolicy): void {
  for (const key of keys) {
    const list = map.get(key);
    if (list === undefined) map.set(key, [policy]);
    else list.push(policy);
  }
}

/** The first match in order of names, of this list and what was found before. */
function search(
  list: readonly CompiledPolicy[] | undefined,
  input: MatchInput,
  best: CompiledPolicy | undefined,
): CompiledPolicy | undefined {
  if (list === undefined) return best;
  for (const policy of list) {
    if (best !== undefined && policy.order >= best.order) return best;
    if (policy.matches(input)) return policy;
  }
  return best;
}

/** As access logs and details print it. */
export function deniedDetails(policy: string): string {
  return `rbac_access_denied_matched_policy[${policy === '' ? 'none' : policy.replaceAll(' ', '_')}]`;
}
