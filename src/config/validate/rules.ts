// Small rules that several kinds share: hosts, ports, addresses, labels, exportTo, selectors, target references (istio pkg/config/validation).

import type { PolicySelector, StringMatch, TargetRef } from '../model/shared.ts';
import { type Path, type Problems, shown } from '../problem.ts';

export interface Context {
  readonly problems: Problems;
  /** Namespace of the object. */
  readonly namespace: string;
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const HOST_PART = /^[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
/** As URLs spell it. */
const MAPPED = /^\[::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}\]$/;

export function isDnsLabel(text: string): boolean {
  return LABEL.test(text);
}

export function isIp(text: string): boolean {
  return IPV4.test(text) || isIpv6(text);
}

function isIpv6(text: string): boolean {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(':')) return false;
  return URL.canParse(`http://[${text}]/`);
}

/** An address, or an address and a prefix length. */
export function isIpOrCidr(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash === -1) return isIp(text);
  const ip = text.slice(0, slash);
  const bits = text.slice(slash + 1);
  return isIp(ip) && /^\d{1,3}$/.test(bits) && Number(bits) <= (ip.includes(':') ? 128 : 32);
}

/** Written like IPv4 in IPv6, but wider than that: a range of IPv6, which is compared with no address of IPv4. */
export function isBeyondIpv4(text: string): boolean {
  const [ip = '', bits] = text.split('/');
  return bits !== undefined && Number(bits) < 96 && ip.includes(':') && isIpOrCidr(text) && MAPPED.test(hostOf(ip));
}

function hostOf(ip: string): string {
  return new URL(`http://[${ip}]/`).hostname;
}

export function isFqdn(text: string): boolean {
  if (text.length === 0 || text.length > 255) return false;
  const parts = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  return parts.every((part) => HOST_PART.test(part));
}

/** A DNS name whose left-most part may be, or begin with, `*`. */
export function isWildcardHost(text: string): boolean {
  if (text === '*') return true;
  if (text.length > 255) return false;
  const first = text.split('.', 1)[0] as string;
  if (!first.includes('*')) return isFqdn(text);
  if (!first.startsWith('*') || first.lastIndexOf('*') > 0) return false;
  const rest = text.slice(first.length + 1);
  return (first === '*' || HOST_PART.test(first.slice(1))) && isFqdn(rest);
}

/** Does wildcard `pattern` cover every name that `host` covers? */
export function covers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  if (!pattern.startsWith('*')) return false;
  const tail = pattern.slice(1);
  return host.startsWith('*') ? host.slice(1).endsWith(tail) : host.length > tail.length && host.endsWith(tail);
}

export function checkHost(
  context: Context,
  host: string,
  path: Path,
  options: { readonly wildcard?: boolean; readonly star?: boolean } = {},
): void {
  if (host === '*' && options.star === false) return context.problems.say('TS-CFG-0303', path);
  const legal = options.wildcard === false ? isFqdn(host) : isWildcardHost(host);
  if (!legal) context.problems.say('TS-CFG-0301', path, { value: shown(host), what: 'host name' });
}

export function checkPort(context: Context, port: number, path: Path): void {
  if (port < 1 || port > 65_535) context.problems.say('TS-CFG-0305', path, { value: port });
}

export function checkAddress(
  context: Context,
  value: string,
  path: Path,
  what: 'IP address' | 'IP address or CIDR',
): void {
  const legal = what === 'IP address' ? isIp(value) : isIpOrCidr(value);
  if (!legal) context.problems.say('TS-CFG-0325', path, { value: shown(value), what });
}

export function checkUnixPath(context: Context, value: string, path: Path): void {
  const legal = value.startsWith('@') || (value.startsWith('/') && !value.endsWith('/'));
  if (!legal)
    context.problems.say('TS-CFG-0325', path, {
      value: shown(`unix://${value}`),
      what: 'absolute path of a Unix socket',
    });
}

export function checkDuplicates(context: Context, values: readonly string[], path: Path): void {
  const seen = new Set<string>();
  for (const [i, value] of values.entries()) {
    if (seen.has(value))
      context.problems.say('TS-CFG-0302', [...path, i], { value: shown(value), field: String(path.at(-1)) });
    seen.add(value);
  }
}

const PROTOCOLS = new Set([
  'HTTP',
  'HTTPS',
  'GRPC',
  'GRPC-WEB',
  'HTTP2',
  'MONGO',
  'REDIS',
  'MYSQL',
  'TCP',
  'TLS',
  'UDP',
  'HTTP_PROXY',
  'HBONE',
  'DOUBLE_HBONE',
]);
const HTTP_PROTOCOLS = new Set(['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTP_PROXY']);

export function isHttpProtocol(protocol: string): boolean {
  return HTTP_PROTOCOLS.has(protocol.toUpperCase());
}

export function isTlsProtocol(protocol: string): boolean {
  return ['HTTPS', 'TLS'].includes(protocol.toUpperCase());
}

export function checkProtocol(context: Context, protocol: string | undefined, path: Path): void {
  if (protocol !== undefined && protocol !== '' && !PROTOCOLS.has(protocol.toUpperCase())) {
    context.problems.say('TS-CFG-0334', path, { value: shown(protocol) });
  }
}

const LABEL_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

/** Labels as Kubernetes allows them. */
export function checkLabels(context: Context, labels: Readonly<Record<string, string>> | undefined, path: Path): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    const at = [...path, key];
    const [prefix, name] = key.includes('/')
      ? [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)]
      : [undefined, key];
    if ((prefix !== undefined && !isFqdn(prefix)) || name.length > 63 || !LABEL_NAME.test(name)) {
      context.problems.say('TS-CFG-0319', at, {
        value: shown(key),
        reason: 'its name has other characters than letters, digits, `-`, `_` and `.`',
      });
    }
    if (value.length > 63 || (value !== '' && !LABEL_NAME.test(value))) {
      context.problems.say('TS-CFG-0319', at, {
        value: shown(`${key}=${value}`),
        reason: 'its value has other characters than letters, digits, `-`, `_` and `.`, or more than 63',
      });
    }
  }
}

/** Labels of a selector: no wildcards; an empty selector is said to choose everything. */
export function checkSelectorLabels(
  context: Context,
  labels: Readonly<Record<string, string>> | undefined,
  path: Path,
): void {
  const entries = Object.entries(labels ?? {});
  for (const [key, value] of entries) {
    const at = [...path, key];
    if (key === '') context.problems.say('TS-CFG-0319', at, { value: '""', reason: 'its name is empty' });
    else if (key.includes('*') || value.includes('*'))
      context.problems.say('TS-CFG-0319', at, {
        value: shown(`${key}=${value}`),
        reason: 'a selector has no wildcards',
      });
    else if (value.length > 63)
      context.problems.say('TS-CFG-0319', at, { value: shown(key), reason: 'its value has more than 63 characters' });
  }
  if (entries.length === 0) context.problems.say('TS-CFG-0401', path);
}

export function checkExportTo(
  context: Context,
  exportTo: readonly string[] | undefined,
  path: Path,
  allowNone: boolean,
): void {
  if (exportTo === undefined) return;
  const seen = new Set<string>();
  for (const [i, entry] of exportTo.entries()) {
    const key = entry === '.' ? context.namespace : entry;
    const at = [...path, i];
    const legal = key === '*' || (key === '~' && allowNone) || isDnsLabel(key);
    if (!legal) context.problems.say('TS-CFG-0318', at, { reason: `${shown(entry)} is no namespace` });
    else if (seen.has(key)) context.problems.say('TS-CFG-0318', at, { reason: `${shown(entry)} appears twice` });
    seen.add(key);
  }
  if (exportTo.length < 2) return;
  if (seen.has('*')) context.problems.say('TS-CFG-0318', path, { reason: '`*` stands alone' });
  if (seen.has('~')) context.problems.say('TS-CFG-0318', path, { reason: '`~` stands alone' });
}

const TARGET_KINDS = new Set([
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
  'core/Service',
  '/Service',
  'networking.istio.io/ServiceEntry',
]);

interface Targeted {
  readonly selector?: PolicySelector;
  readonly targetRef?: TargetRef;
  readonly targetRefs?: readonly TargetRef[];
}

export function checkTargets(context: Context, spec: Targeted, path: Path): void {
  if (spec.selector !== undefined)
    checkSelectorLabels(context, spec.selector.matchLabels, [...path, 'selector', 'matchLabels']);
  if (spec.targetRef !== undefined) checkTarget(context, spec.targetRef, [...path, 'targetRef']);
  for (const [i, ref] of (spec.targetRefs ?? []).entries()) checkTarget(context, ref, [...path, 'targetRefs', i]);
}

function checkTarget(context: Context, ref: TargetRef, path: Path): void {
  if ((ref.namespace ?? '') !== '')
    context.problems.say('TS-CFG-0320', [...path, 'namespace'], { reason: 'the namespace must be left out' });
  const target = `${ref.group ?? ''}/${ref.kind}`;
  const say = (reason: string): void => context.problems.say('TS-CFG-0320', [...path, 'kind'], { reason });
  if (!TARGET_KINDS.has(target)) say(`${shown(target)} cannot be a target`);
}

/** Gateways of a VirtualService or one of its matches. */
export function checkGatewayNames(context: Context, gateways: readonly string[] | undefined, path: Path): void {
  for (const [i, gateway] of (gateways ?? []).entries()) {
    const at = [...path, i];
    const slash = gateway.indexOf('/');
    if (slash === -1) {
      if (gateway.includes('.')) context.problems.say('TS-CFG-0402', at, { value: shown(gateway) });
      if (!isFqdn(gateway)) context.problems.say('TS-CFG-0306', at, { value: shown(gateway) });
    } else if (!isDnsLabel(gateway.slice(0, slash)) || !isDnsLabel(gateway.slice(slash + 1))) {
      context.problems.say('TS-CFG-0306', at, { value: shown(gateway) });
    }
  }
}

export function checkStringMatch(context: Context, match: StringMatch | undefined, path: Path): void {
  if (match?.prefix === '') context.problems.say('TS-CFG-0339', [...path, 'prefix'], { reason: 'the prefix is empty' });
  if (match?.regex === '') context.problems.say('TS-CFG-0339', [...path, 'regex'], { reason: 'the pattern is empty' });
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** `get` is a method of its own (RFC 9110 §9.1), and hardly ever meant. */
export function checkMethodCase(context: Context, value: string, path: Path): void {
  const nearest = value.toUpperCase();
  if (value === nearest || !METHODS.has(nearest)) return;
  context.problems.say('TS-CFG-0412', path, { reason: `${shown(value)}: methods are compared with case` }, { nearest });
}
