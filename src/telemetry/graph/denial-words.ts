// What the response code details of a refusal say, in a few words: who denied, and by which rule.

import { NO_FILTER_CHAIN } from './failure.ts';

/** The rule of an AuthorizationPolicy, by its place in `spec.rules`. */
export interface DenyingRule {
  readonly namespace: string;
  readonly name: string;
  readonly rule: number;
}

/** `ns[default]-policy[deny-all]-rule[0]`, as Istio names what it makes of a rule, alone or within the details. */
export function denyingRule(text: string): DenyingRule | undefined {
  const found = /ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\]/.exec(text);
  return found === null
    ? undefined
    : { namespace: found[1] as string, name: found[2] as string, rule: Number(found[3]) };
}

/** `wasmplugin[ns.name]`: the policy that stands for a plugin whose module is not there; '' for all others. */
export function missingPlugin(text: string): string {
  return /wasmplugin\[([^\]]*)\]/.exec(text)?.[1]?.replace('.', '/') ?? '';
}

/** A rule of a RateLimit, by its name. */
export interface LimitingRule {
  readonly namespace: string;
  readonly name: string;
  readonly rule: string;
  /** What was answered, where a caller takes it for a failure or a policy's denial; 0 elsewhere. */
  readonly status: number;
}

/** `ratelimit[ns/name/rule]`, in a record's policy and in denials, and `local_rate_limited[ns/name/rule]` in our own proxy's details. */
export function limitingRule(text: string): LimitingRule | undefined {
  const found = /^(?:ratelimit|local_rate_limited)\[([^\]/]*)\/([^\]/]+)\/([^\]/]+)\](?: (\d{3}))?$/.exec(text);
  if (found === null) return undefined;
  const [, namespace, name, rule, status] = found as unknown as [string, string, string, string, string | undefined];
  return { namespace, name, rule, status: Number(status ?? 0) };
}

/** In the words of a verdict; '' where no RateLimit refused. */
export function exceededLimit(text: string): string {
  const limit = limitingRule(text);
  return limit === undefined ? '' : `rule ${limit.rule} of RateLimit ${limit.namespace}/${limit.name}`;
}

export function denialWords(details: string): string {
  const rule = denyingRule(details);
  if (rule !== undefined) return `AuthorizationPolicy ${rule.namespace}/${rule.name}, rule ${rule.rule}`;
  const absent = missingPlugin(details);
  if (absent !== '') return `WasmPlugin ${absent}, whose module is not there`;
  if (details.includes('messagelimits[')) return 'MessageLimits: the body is too large';
  const limit = limitingRule(details);
  if (limit !== undefined) return `RateLimit ${limit.namespace}/${limit.name}, rule ${limit.rule}`;
  if (details.startsWith('rbac_')) return 'no ALLOW rule matched';
  if (details.startsWith('jwt_authn')) return `token refused: ${tokenTrouble(details)}`;
  if (details.startsWith('ext_authz_denied')) return 'external authorizer';
  if (details.startsWith('ext_authz_error')) return 'external authorizer did not answer';
  if (details === NO_FILTER_CHAIN) return 'plaintext where mutual TLS is demanded, or an unknown server name';
  return details;
}

/** "jwt_authn_access_denied{Jwt_is_expired}": details have no spaces, the words had. */
export function tokenTrouble(details: string): string {
  return (/\{(.*)\}$/.exec(details)?.[1] ?? '').replaceAll('_', ' ') || 'no reason is known';
}
