// Rules of AuthorizationPolicy (istio pkg/config/validation/validation.go, pkg/config/security).

import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationPolicySpec,
  AuthorizationRule,
  AuthorizationSource,
} from '../model/authorization-policy.ts';
import { type Path, shown } from '../problem.ts';
import { checkAddress, checkMethodCase, checkTargets, type Context, isBeyondIpv4, isIpOrCidr } from './rules.ts';

const ONLY_L7 = new Set(['requestPrincipals', 'notRequestPrincipals']);

export function validateAuthorizationPolicy(context: Context, spec: AuthorizationPolicySpec, path: Path): void {
  const say = (reason: string, ...at: string[]): void =>
    context.problems.say('TS-CFG-0328', [...path, ...at], { reason });
  checkTargets(context, spec, path);
  const action = spec.action ?? 'ALLOW';
  if (spec.rules === undefined && (action === 'DENY' || action === 'CUSTOM'))
    say(`${action} without rules never matches`);
  if (action === 'CUSTOM' && (spec.provider?.name ?? '') === '') say('CUSTOM needs provider.name');
  if (action !== 'CUSTOM' && spec.provider !== undefined) say('provider is only for CUSTOM', 'provider');
  if (action === 'ALLOW' && (spec.rules ?? []).length === 0) context.problems.say('TS-CFG-0403', path);
  for (const [i, rule] of (spec.rules ?? []).entries()) {
    const at = [...path, 'rules', i];
    checkRule(context, rule, at);
    if (action === 'CUSTOM') checkCustom(context, rule, at);
    const denied = action === 'DENY' ? deniedOnTcp(rule) : undefined;
    if (denied !== undefined) context.problems.say('TS-CFG-0404', at, { denied });
  }
}

function checkRule(context: Context, rule: AuthorizationRule, path: Path): void {
  for (const [i, { source }] of (rule.from ?? []).entries()) checkSource(context, source, [...path, 'from', i]);
  for (const [i, { operation }] of (rule.to ?? []).entries()) checkOperation(context, operation, [...path, 'to', i]);
  for (const [i, condition] of (rule.when ?? []).entries()) checkCondition(context, condition, [...path, 'when', i]);
}

/** Lists of a source or operation: at least one, none empty, no empty value. */
function checkLists(context: Context, part: Readonly<Record<string, readonly string[] | undefined>>, path: Path): void {
  const lists = Object.entries(part);
  if (lists.every(([, values]) => (values ?? []).length === 0))
    context.problems.say('TS-CFG-0328', path, { reason: `${String(path.at(-1))} must not be empty` });
  for (const [field, values] of lists) {
    for (const [i, value] of (values ?? []).entries())
      if (value === '') context.problems.say('TS-CFG-0328', [...path, field, i], { reason: 'the value is empty' });
  }
}

function checkSource(context: Context, source: AuthorizationSource | undefined, path: Path): void {
  if (source === undefined) return context.problems.say('TS-CFG-0103', [...path, 'source'], { field: 'source' });
  const at = [...path, 'source'];
  checkLists(context, source as Readonly<Record<string, readonly string[] | undefined>>, at);
  for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const) {
    for (const [i, block] of (source[field] ?? []).entries()) {
      checkAddress(context, block, [...at, field, i], 'IP address or CIDR');
      checkFamily(context, block, [...at, field, i]);
    }
  }
  for (const field of ['serviceAccounts', 'notServiceAccounts'] as const) {
    for (const [i, account] of (source[field] ?? []).entries()) {
      if (account.includes('*') || account.split('/').length > 2)
        context.problems.say('TS-CFG-0328', [...at, field, i], {
          reason: `${shown(account)} is no \`namespace/account\` or \`account\`; wildcards are not allowed`,
        });
    }
  }
  const named = source.serviceAccounts !== undefined || source.notServiceAccounts !== undefined;
  const others = (['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const).filter(
    (field) => source[field] !== undefined,
  );
  if (named && others.length > 0)
    context.problems.say('TS-CFG-0328', [...at, others[0] as string], {
      reason: `serviceAccounts and ${others[0]} exclude each other`,
    });
}

function checkFamily(context: Context, block: string, path: Path): void {
  if (!isBeyondIpv4(block)) return;
  const reason = `${shown(block)} holds addresses of IPv6 only; all of IPv4 are 0.0.0.0/0`;
  context.problems.say('TS-CFG-0412', path, { reason });
}

function checkOperation(context: Context, operation: AuthorizationOperation | undefined, path: Path): void {
  if (operation === undefined)
    return context.problems.say('TS-CFG-0103', [...path, 'operation'], { field: 'operation' });
  const at = [...path, 'operation'];
  checkLists(context, operation as Readonly<Record<string, readonly string[] | undefined>>, at);
  for (const field of ['ports', 'notPorts'] as const) {
    for (const [i, port] of (operation[field] ?? []).entries()) {
      if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
        context.problems.say('TS-CFG-0305', [...at, field, i], { value: shown(port) });
    }
  }
  for (const field of ['methods', 'notMethods'] as const) {
    for (const [i, value] of (operation[field] ?? []).entries()) checkMethodCase(context, value, [...at, field, i]);
  }
  for (const field of ['paths', 'notPaths'] as const) {
    for (const [i, value] of (operation[field] ?? []).entries()) checkPath(context, value, [...at, field, i]);
  }
}

/** Path templates: `{*}` and at most one `{**}`, which no template follows, each a whole segment, not mixed with `*`. */
export function checkPath(context: Context, value: string, path: Path): void {
  if (!/[{}]/.test(value)) return;
  const say = (reason: string): void => context.problems.say('TS-CFG-0330', path, { value: shown(value), reason });
  const segments = value.split('/');
  if (!value.startsWith('/')) return say('a template begins with `/`');
  let rest = false;
  for (const segment of segments) {
    if (segment === '{*}' || segment === '{**}') {
      if (rest) return say('no `{*}` or `{**}` may follow `{**}`');
      rest = segment === '{**}';
      continue;
    }
    if (/[{}]/.test(segment)) return say('braces are only legal as `{*}` or `{**}`, alone in their segment');
    if (segment.includes('*')) return say('a template has no bare `*`');
  }
}

const KEYS = new Set([
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.serviceAccount',
  'source.trustDomain',
  'source.principal',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
]);
const HEADER_KEY = /^request\.headers\[[^\]]+\]$/;
const CLAIM_KEY = /^request\.auth\.claims(\[[^\]]+\])+$/;
const FILTER_KEY = /^experimental\.envoy\.filters\.[^[]+\[[^\]]+\]$/;

function checkCondition(context: Context, condition: AuthorizationCondition, path: Path): void {
  const { key } = condition;
  const say = (reason: string, ...at: (string | number)[]): void =>
    context.problems.say('TS-CFG-0329', [...path, ...at], { value: shown(key), reason });
  const values = [...(condition.values ?? []), ...(condition.notValues ?? [])];
  if (values.length === 0) say('values or notValues is required');
  if (![HEADER_KEY, CLAIM_KEY, FILTER_KEY].some((form) => form.test(key)) && !KEYS.has(key))
    return say('it is no attribute', 'key');
  for (const value of values) {
    if (key.endsWith('.ip')) checkFamily(context, value, path);
    if (value === '') say('a value is empty');
    else if (key.endsWith('.ip') && !isIpOrCidr(value)) say(`${shown(value)} is no IP address or CIDR`);
    else if (key === 'destination.port' && (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65_535))
      say(`${shown(value)} is no port`);
  }
}

const NOT_CUSTOM_KEYS = new Set([
  'source.namespace',
  'source.serviceAccount',
  'source.trustDomain',
  'source.principal',
]);

function checkCustom(context: Context, rule: AuthorizationRule, path: Path): void {
  const say = (what: string, at: Path): void =>
    context.problems.say('TS-CFG-0328', at, { reason: `${what} cannot be used with CUSTOM` });
  for (const [i, { source }] of (rule.from ?? []).entries()) {
    for (const field of Object.keys(source ?? {}))
      if (!/IpBlocks$|^ipBlocks$/i.test(field)) say(field, [...path, 'from', i, 'source', field]);
  }
  for (const [i, { key }] of (rule.when ?? []).entries()) {
    if (NOT_CUSTOM_KEYS.has(key) || key.startsWith('request.auth.')) say(key, [...path, 'when', i, 'key']);
  }
}

/** On TCP ports a denying rule goes without its HTTP fields: what it denies there, where it has some and no port confines it. */
function deniedOnTcp({ from = [], to = [], when = [] }: AuthorizationRule): string | undefined {
  const confined =
    (to.length > 0 && to.every(({ operation }) => namesPorts(operation))) ||
    when.some(({ key }) => key === 'destination.port');
  if (confined) return undefined;
  const overHttp = (source: AuthorizationSource | undefined): readonly string[] =>
    Object.keys(source ?? {}).filter((field) => ONLY_L7.has(field));
  const http =
    to.some(({ operation }) => !namesPorts(operation)) ||
    from.some(({ source }) => overHttp(source).length > 0) ||
    when.some(({ key }) => key.startsWith('request.'));
  if (!http) return undefined;
  const anybody =
    from.length === 0 || from.some(({ source }) => overHttp(source).length === Object.keys(source ?? {}).length);
  return anybody && when.every(({ key }) => key.startsWith('request.'))
    ? 'everything'
    : 'all that its other fields match, whatever the request';
}

function namesPorts(operation: AuthorizationOperation | undefined): boolean {
  return operation?.ports !== undefined || operation?.notPorts !== undefined;
}
