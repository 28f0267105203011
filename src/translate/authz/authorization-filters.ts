// The filters that decide who may do what at a workload, HTTP or TCP: CUSTOM, tokens, AUDIT, DENY, ALLOW (inventory §3.4, §7).

import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { type PolicySchema, RBAC_Action, type RBACSchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { RBACSchema as HttpRbacSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RBACSchema as TcpRbacSchema } from '#proto/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import type { AuthorizationPolicy, MeshSettings, RequestAuthentication } from '#registry';
import { type FetchedKeySets, httpAuthentication } from '../authn/request-authentication.ts';
import { type Init, typed } from '../encode.ts';
import { CUSTOM_PREFIX, customFilters, customTcpFilters } from './custom-filters.ts';
import type { ResolvedProvider } from './extension-providers.ts';
import { rbacPolicy } from './rules.ts';

export interface AuthorizationInput {
  readonly policies: readonly AuthorizationPolicy[];
  readonly requestAuthentications: readonly RequestAuthentication[];
  readonly keySets: FetchedKeySets;
  /** Those that CUSTOM policies name. */
  readonly providers: readonly ResolvedProvider[];
  readonly mesh: MeshSettings;
  readonly boundPort: (declared: number) => number;
}

type Action = 'AUDIT' | 'DENY' | 'ALLOW';
type Rules = Init<typeof RBACSchema>;

const RBAC_ACTION = { AUDIT: RBAC_Action.LOG, DENY: RBAC_Action.DENY, ALLOW: RBAC_Action.ALLOW } as const;

export function httpAuthorization(input: AuthorizationInput): readonly Init<typeof HttpFilterSchema>[] {
  return [
    ...custom(input),
    ...httpAuthentication(input.requestAuthentications, input.keySets),
    ...filters(input, 'http').map(({ rules, shadow, action }) =>
      typed('envoy.filters.http.rbac', HttpRbacSchema, {
        ...(rules === undefined ? {} : { rules }),
        ...(shadow === undefined
          ? {}
          : { shadowRules: shadow, shadowRulesStatPrefix: `istio_dry_run_${action.toLowerCase()}_` }),
      }),
    ),
  ];
}

export function tcpAuthorization(input: AuthorizationInput): readonly Init<typeof FilterSchema>[] {
  return [
    ...customTcp(input),
    ...filters(input, 'tcp').map(({ rules, shadow, action }) =>
      typed('envoy.filters.network.rbac', TcpRbacSchema, {
        statPrefix: 'tcp.',
        ...(rules === undefined ? {} : { rules }),
        ...(shadow === undefined
          ? {}
          : { shadowRules: shadow, shadowRulesStatPrefix: `istio_dry_run_${action.toLowerCase()}_` }),
      }),
    ),
  ];
}

interface Filter {
  readonly action: Action;
  readonly rules: Rules | undefined;
  readonly shadow: Rules | undefined;
}

function filters(input: AuthorizationInput, protocol: 'http' | 'tcp'): readonly Filter[] {
  const found: Filter[] = [];
  for (const action of ['AUDIT', 'DENY', 'ALLOW'] as const) {
    const policies = input.policies.filter((policy) => actionOf(policy, protocol, input) === action);
    const rules = rulesOf(
      policies.filter((policy) => !isDryRun(policy)),
      action,
      protocol,
      input,
    );
    const shadow = rulesOf(policies.filter(isDryRun), action, protocol, input);
    if (rules !== undefined || shadow !== undefined) found.push({ action, rules, shadow });
  }
  return found;
}

/** Whose decider is not known, or not for this protocol, denies what it matches (design 8). */
function actionOf(
  policy: AuthorizationPolicy,
  protocol: 'http' | 'tcp',
  input: AuthorizationInput,
): Action | undefined {
  const action = policy.spec.action ?? 'ALLOW';
  if (action !== 'CUSTOM') return action;
  if (isDryRun(policy)) return undefined;
  return asks(deciderOf(policy, input), protocol) ? undefined : 'DENY';
}

function asks(decider: ResolvedProvider['decider'], protocol: 'http' | 'tcp'): boolean {
  return decider !== undefined && (protocol === 'http' || decider.kind === 'grpc');
}

function deciderOf(policy: AuthorizationPolicy, input: AuthorizationInput): ResolvedProvider['decider'] {
  return input.providers.find(({ name }) => name === (policy.spec.provider?.name ?? ''))?.decider;
}

function custom(input: AuthorizationInput): readonly Init<typeof HttpFilterSchema>[] {
  return input.providers.flatMap(({ name, decider }) => {
    if (decider === undefined) return [];
    const rules = rulesOf(policiesAsking(name, input), 'DENY', 'http', input);
    return rules === undefined ? [] : customFilters(name, decider, rules, input.providers.length > 1);
  });
}

function customTcp(input: AuthorizationInput): readonly Init<typeof FilterSchema>[] {
  return input.providers.flatMap(({ name, decider }) => {
    if (decider?.kind !== 'grpc') return [];
    const rules = rulesOf(policiesAsking(name, input), 'DENY', 'tcp', input);
    return rules === undefined ? [] : customTcpFilters(name, decider, rules, input.providers.length > 1);
  });
}

function policiesAsking(name: string, { policies }: AuthorizationInput): readonly AuthorizationPolicy[] {
  return policies.filter(
    (policy) => policy.spec.action === 'CUSTOM' && !isDryRun(policy) && policy.spec.provider?.name === name,
  );
}

function isDryRun(policy: AuthorizationPolicy): boolean {
  return policy.metadata.annotations['istio.io/dry-run'] === 'true';
}

/** An ALLOW without any policy that can match denies everything: that is what it says. */
function rulesOf(
  policies: readonly AuthorizationPolicy[],
  action: Action,
  protocol: 'http' | 'tcp',
  input: AuthorizationInput,
): Rules | undefined {
  if (policies.length === 0) return undefined;
  const byName: Record<string, Init<typeof PolicySchema>> = {};
  for (const policy of policies) {
    const { namespace, name } = policy.metadata;
    const prefix =
      policy.spec.action === 'CUSTOM'
        ? `${CUSTOM_PREFIX}${input.providers.length > 1 ? `${policy.spec.provider?.name ?? ''}-` : ''}`
        : '';
    for (const [index, rule] of (policy.spec.rules ?? []).entries()) {
      const effect = action === 'ALLOW' ? 'allow' : 'deny';
      const translated = rbacPolicy(rule, {
        mesh: input.mesh,
        namespace,
        protocol,
        effect,
        boundPort: input.boundPort,
      });
      if (translated !== undefined) byName[`${prefix}ns[${namespace}]-policy[${name}]-rule[${index}]`] = translated;
    }
  }
  if (action !== 'ALLOW' && Object.keys(byName).length === 0) return undefined;
  return { action: RBAC_ACTION[action], policies: byName };
}
