// The filters that decide who may do what at a workload, HTTP or TCP: CUSTOM, tokens, AUDIT, DENY, ALLOW (inventory §3.4, §7).

import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { type PolicySchema, RBAC_Action, type RBACSchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { RBACSchema as HttpRbacSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RBACSchema as TcpRbacSchema } from '#proto/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import type { AuthorizationPolicy, MeshSettings, RateLimit, RequestAuthentication } from '#registry';
import { type FetchedKeySets, httpAuthentication } from '../authn/request-authentication.ts';
import { type Init, typed } from '../encode.ts';
import { CUSTOM_PREFIX, customFilters, customTcpFilters } from './custom-filters.ts';
import { rateLimitFilters } from '../ratelimit/rate-limit-filters.ts';
import { NO_PLUGINS, type PluginFilters } from '../wasm/plugin-slots.ts';
import type { ResolvedProvider } from './extension-providers.ts';
import { rbacPolicy } from './rules.ts';

export interface AuthorizationInput {
  readonly policies: readonly AuthorizationPolicy[];
  readonly requestAuthentications: readonly RequestAuthentication[];
  /** Behind the policies: they count only what may be done. */
  readonly rateLimits: readonly RateLimit[];
  readonly gateway: boolean;
  readonly keySets: FetchedKeySets;
  /** Those that CUSTOM policies name. */
  readonly providers: readonly ResolvedProvider[];
  readonly mesh: MeshSettings;
  readonly boundPort: (declared: number) => number;
  /** Stock Envoy: the filters come by themselves, and only names of them stand in the listeners. */
  readonly envoy: boolean;
  /** Some plugin stands between tokens and policies. */
  readonly split: boolean;
}

/** In the order in which they are asked. */
export const ACTIONS = ['AUDIT', 'DENY', 'ALLOW'] as const;
type Action = (typeof ACTIONS)[number];
type HttpFilter = Init<typeof HttpFilterSchema>;
type NetworkFilter = Init<typeof FilterSchema>;
type Rules = Init<typeof RBACSchema>;

const RBAC_ACTION = { AUDIT: RBAC_Action.LOG, DENY: RBAC_Action.DENY, ALLOW: RBAC_Action.ALLOW } as const;

/** A provider's two filters: one marks what its policies match, one asks about what is marked. */
export interface CustomFilters<F> {
  readonly provider: string;
  readonly mark: F;
  readonly ask: F;
}

export function httpAuthorization(
  input: AuthorizationInput,
  plugins: PluginFilters = NO_PLUGINS,
): readonly HttpFilter[] {
  return [
    ...httpCustom(input).flatMap(({ mark, ask }) => [mark, ask]),
    ...plugins.authn,
    ...httpTokens(input),
    ...plugins.authz,
    ...httpRules(input),
    ...httpRateLimits(input),
    ...plugins.last,
  ];
}

export function tcpAuthorization(input: AuthorizationInput): readonly NetworkFilter[] {
  return [
    ...tcpCustom(input).flatMap(({ mark, ask }) => [mark, ask]),
    ...ACTIONS.flatMap((action) => tcpDecided(input, action) ?? []),
  ];
}

export function httpTokens(input: AuthorizationInput): readonly HttpFilter[] {
  return httpAuthentication(input.requestAuthentications, input.keySets);
}

export function httpRateLimits({ rateLimits, gateway, envoy }: AuthorizationInput): readonly HttpFilter[] {
  return rateLimitFilters(rateLimits, gateway, envoy);
}

/** The policies that ask nobody, by action. */
export function httpRules(input: AuthorizationInput): readonly HttpFilter[] {
  return ACTIONS.flatMap((action) => {
    const found = filterOf(input, action, 'http');
    return found === undefined ? [] : [typed('envoy.filters.http.rbac', HttpRbacSchema, found)];
  });
}

/** The filter of one action, when some policy has it. */
export function tcpDecided(input: AuthorizationInput, action: Action): NetworkFilter | undefined {
  const found = filterOf(input, action, 'tcp');
  return found === undefined
    ? undefined
    : typed('envoy.filters.network.rbac', TcpRbacSchema, { statPrefix: 'tcp.', ...found });
}

interface Rbac {
  readonly rules?: Rules;
  readonly shadowRules?: Rules;
  readonly shadowRulesStatPrefix?: string;
}

function filterOf(input: AuthorizationInput, action: Action, protocol: 'http' | 'tcp'): Rbac | undefined {
  const policies = input.policies.filter((policy) => actionOf(policy, protocol, input) === action);
  const inForce = policies.filter((policy) => !isDryRun(policy));
  const rules = rulesOf(inForce, action, protocol, input);
  const shadow = rulesOf(policies.filter(isDryRun), action, protocol, input);
  if (rules === undefined && shadow === undefined) return undefined;
  return {
    ...(rules === undefined ? {} : { rules }),
    ...(shadow === undefined
      ? {}
      : { shadowRules: shadow, shadowRulesStatPrefix: `istio_dry_run_${action.toLowerCase()}_` }),
  };
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

export function httpCustom(input: AuthorizationInput): readonly CustomFilters<HttpFilter>[] {
  return input.providers.flatMap(({ name, decider }) => {
    if (decider === undefined) return [];
    const rules = rulesOf(policiesAsking(name, input), 'DENY', 'http', input);
    return rules === undefined ? [] : [customFilters(name, decider, rules, marksApart(input))];
  });
}

export function tcpCustom(input: AuthorizationInput): readonly CustomFilters<NetworkFilter>[] {
  return input.providers.flatMap(({ name, decider }) => {
    if (decider?.kind !== 'grpc') return [];
    const rules = rulesOf(policiesAsking(name, input), 'DENY', 'tcp', input);
    return rules === undefined ? [] : [customTcpFilters(name, decider, rules, marksApart(input))];
  });
}

/** Several providers have marks of their own. Always where filters come one by one: a second provider must not rename the first's. */
function marksApart({ envoy, providers }: AuthorizationInput): boolean {
  return envoy || providers.length > 1;
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
        ? `${CUSTOM_PREFIX}${marksApart(input) ? `${policy.spec.provider?.name ?? ''}-` : ''}`
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
