// One rule of an AuthorizationPolicy as an RBAC policy, for HTTP or for TCP (inventory §7, semantics).

import type { PolicySchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import type { AuthorizationPolicy, MeshSettings } from '#registry';
import type { Init } from '../encode.ts';
import { ANY_PERMISSION, ANY_PRINCIPAL, type Permission, permission, type Principal, principal } from './atoms.ts';

type Rule = NonNullable<AuthorizationPolicy['spec']['rules']>[number];
type Source = NonNullable<NonNullable<Rule['from']>[number]['source']>;
type Operation = NonNullable<NonNullable<Rule['to']>[number]['operation']>;
type When = NonNullable<Rule['when']>[number];

export interface RuleContext {
  readonly mesh: MeshSettings;
  /** The policy's namespace: short service accounts are of it. */
  readonly namespace: string;
  readonly protocol: 'http' | 'tcp';
  /** Allowing rules must never match too much, denying ones never too little. */
  readonly effect: 'allow' | 'deny';
  /** The port that the proxy sees for a workload's declared port. */
  readonly boundPort: (declared: number) => number;
}

/** Something that cannot be judged here: an allowing rule then never matches, a denying one goes without the condition. */
const UNKNOWN = Symbol('unknown');
type Judged<T> = T | typeof UNKNOWN | undefined;

/** Undefined when the rule can never match. */
export function rbacPolicy(rule: Rule, context: RuleContext): Init<typeof PolicySchema> | undefined {
  const permissions = collect(
    rule.to,
    ({ operation }) => operationOf(operation ?? {}, rule.when ?? [], context),
    () => operationOf({}, rule.when ?? [], context),
  );
  const principals = collect(
    rule.from,
    ({ source }) => sourceOf(source ?? {}, rule.when ?? [], context),
    () => sourceOf({}, rule.when ?? [], context),
  );
  if (permissions.length === 0 || principals.length === 0) return undefined;
  return { permissions, principals };
}

function collect<E, T>(
  entries: readonly E[] | undefined,
  of: (entry: E) => T | undefined,
  none: () => T | undefined,
): T[] {
  const list = entries === undefined || entries.length === 0 ? [none()] : entries.map(of);
  return list.filter((value) => value !== undefined);
}

function operationOf(operation: Operation, when: readonly When[], context: RuleContext): Permission | undefined {
  const http = context.protocol === 'http';
  const parts: Judged<Permission>[] = [
    ...field(operation.hosts, operation.notHosts, permission.host, http),
    ...field(operation.methods, operation.notMethods, permission.method, http),
    ...field(operation.paths, operation.notPaths, permission.path, http),
    ...field(operation.ports, operation.notPorts, (port) => permission.port(context.boundPort(Number(port))), true),
    ...when.flatMap((condition) => permissionsOf(condition, context)),
  ];
  return join(parts, context, ANY_PERMISSION, (rules) => ({ rule: { case: 'andRules', value: { rules } } }));

  function field(
    values: readonly string[] | undefined,
    not: readonly string[] | undefined,
    make: (value: string) => Permission,
    known: boolean,
  ): Judged<Permission>[] {
    return [
      listed(values, known, (list) => orRules(list.map(make))),
      listed(not, known, (list) => notRule(orRules(list.map(make)))),
    ];
  }
}

function sourceOf(source: Source, when: readonly When[], context: RuleContext): Principal | undefined {
  const field = (
    values: readonly string[] | undefined,
    not: readonly string[] | undefined,
    make: (value: string) => Principal,
    known = true,
  ): Judged<Principal>[] => [
    listed(values, known, (list) => orIds(list.map(make))),
    listed(not, known, (list) => notId(orIds(list.map(make)))),
  ];
  const parts: Judged<Principal>[] = [
    ...field(aliases(source.principals, context.mesh), aliases(source.notPrincipals, context.mesh), principal.identity),
    ...field(source.requestPrincipals, source.notRequestPrincipals, principal.request, context.protocol === 'http'),
    ...field(source.namespaces, source.notNamespaces, principal.namespace),
    ...field(source.serviceAccounts, source.notServiceAccounts, (value) => serviceAccount(value, context.namespace)),
    ...field(source.ipBlocks, source.notIpBlocks, principal.sourceIp),
    ...field(source.remoteIpBlocks, source.notRemoteIpBlocks, principal.remoteIp),
    ...field(source.trustDomains, source.notTrustDomains, principal.trustDomain),
    ...when.flatMap((condition) => principalsOf(condition, context)),
  ];
  return join(parts, context, ANY_PRINCIPAL, (ids) => ({ identifier: { case: 'andIds', value: { ids } } }));
}

function permissionsOf(when: When, context: RuleContext): Judged<Permission>[] {
  const make: Readonly<Record<string, (value: string) => Permission>> = {
    'destination.ip': permission.address,
    'destination.port': (port) => permission.port(context.boundPort(Number(port))),
    'connection.sni': permission.sni,
  };
  const noted = FILTER_KEY.exec(when.key);
  const of =
    noted === null
      ? make[when.key]
      : (value: string) => permission.filterMetadata(noted[1] ?? '', noted[2] ?? '', value);
  if (of === undefined) return [];
  return [
    listed(when.values, true, (list) => orRules(list.map(of))),
    listed(when.notValues, true, (list) => notRule(orRules(list.map(of)))),
  ];
}

const FILTER_KEY = /^experimental\.(envoy\.filters\.[^[]+)\[([^\]]+)\]$/;
const HEADER_KEY = /^request\.headers\[(.+)\]$/;
const CLAIM_KEY = /^request\.auth\.claims((?:\[[^\]]+\])+)$/;
const PERMISSION_KEYS = new Set(['destination.ip', 'destination.port', 'connection.sni']);

function principalsOf(when: When, context: RuleContext): Judged<Principal>[] {
  if (PERMISSION_KEYS.has(when.key) || FILTER_KEY.test(when.key)) return [];
  const headerName = HEADER_KEY.exec(when.key)?.[1];
  const claims = CLAIM_KEY.exec(when.key)?.[1]?.slice(1, -1).split('][');
  const make: Readonly<Record<string, (value: string) => Principal>> = {
    'source.ip': principal.sourceIp,
    'remote.ip': principal.remoteIp,
    'source.namespace': principal.namespace,
    'source.serviceAccount': (value) => serviceAccount(value, context.namespace),
    'source.trustDomain': principal.trustDomain,
    'source.principal': principal.identity,
    'request.auth.principal': principal.request,
    'request.auth.audiences': (value) => principal.claim(['aud'], value),
    'request.auth.presenter': (value) => principal.claim(['azp'], value),
  };
  const of =
    headerName !== undefined
      ? (value: string) => principal.header(headerName, value)
      : claims !== undefined
        ? (value: string) => principal.claim(claims, value)
        : make[when.key];
  const known = of !== undefined && (context.protocol === 'http' || !when.key.startsWith('request.'));
  const expand = (values: readonly string[] | undefined) =>
    when.key === 'source.principal' ? aliases(values, context.mesh) : values;
  const build = of ?? (() => ANY_PRINCIPAL);
  return [
    listed(expand(when.values), known, (list) => orIds(list.map(build))),
    listed(expand(when.notValues), known, (list) => notId(orIds(list.map(build)))),
  ];
}

function listed<T>(
  values: readonly string[] | undefined,
  known: boolean,
  make: (values: readonly string[]) => T,
): Judged<T> {
  if (values === undefined || values.length === 0) return undefined;
  return known ? make(values) : UNKNOWN;
}

function join<T>(parts: readonly Judged<T>[], context: RuleContext, whole: T, and: (all: T[]) => T): T | undefined {
  if (context.effect === 'allow' && parts.includes(UNKNOWN)) return undefined;
  const known = parts.filter((part): part is T & {} => part !== UNKNOWN && part !== undefined);
  return known.length === 0 ? whole : known.length === 1 ? known[0] : and(known);
}

function serviceAccount(value: string, namespace: string): Principal {
  const [first = '', second] = value.split('/');
  return second === undefined ? principal.serviceAccount(namespace, first) : principal.serviceAccount(first, second);
}

function trustDomains(mesh: MeshSettings): readonly string[] {
  return [...new Set([mesh.trustDomain, ...mesh.trustDomainAliases])];
}

/** A principal of one of our trust domains is meant in each of them; `cluster.local` always means ours, `*END` those that end so. */
function aliases(values: readonly string[] | undefined, mesh: MeshSettings): readonly string[] | undefined {
  const domains = trustDomains(mesh);
  return values?.flatMap((value) => {
    const slash = value.indexOf('/');
    const domain = slash < 0 ? '' : value.slice(0, slash);
    const inEach = (list: readonly string[]): string[] => list.map((other) => other + value.slice(slash));
    if (domain === 'cluster.local' || domains.includes(domain)) return inEach(domains);
    if (domain.length < 2 || !domain.startsWith('*')) return [value];
    const others = domains.filter((one) => !one.endsWith(domain.slice(1)));
    return others.length === domains.length ? [value] : [value, ...inEach(others)];
  });
}

function orRules(rules: Permission[]): Permission {
  return rules.length === 1 ? (rules[0] as Permission) : { rule: { case: 'orRules', value: { rules } } };
}

function notRule(rule: Permission): Permission {
  return { rule: { case: 'notRule', value: rule } };
}

function orIds(ids: Principal[]): Principal {
  return ids.length === 1 ? (ids[0] as Principal) : { identifier: { case: 'orIds', value: { ids } } };
}

function notId(id: Principal): Principal {
  return { identifier: { case: 'notId', value: id } };
}
