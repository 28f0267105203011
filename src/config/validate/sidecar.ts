// Rules of Sidecar (istio pkg/config/validation/validation.go).

import type { SidecarEgress, SidecarIngress, SidecarSpec } from '../model/sidecar.ts';
import { type Path, shown } from '../problem.ts';
import { checkConnectionPool } from './destination-rule.ts';
import { checkServerTls } from './gateway.ts';
import { checkDestination } from './http-route.ts';
import {
  checkAddress,
  checkPort,
  checkProtocol,
  checkSelectorLabels,
  checkUnixPath,
  type Context,
  isDnsLabel,
  isFqdn,
  isHttpProtocol,
  isWildcardHost,
} from './rules.ts';

export function validateSidecar(context: Context, spec: SidecarSpec, path: Path): void {
  if (spec.workloadSelector !== undefined)
    checkSelectorLabels(context, spec.workloadSelector.labels, [...path, 'workloadSelector', 'labels']);
  const parts = [spec.egress?.length, spec.ingress?.length, spec.outboundTrafficPolicy, spec.inboundConnectionPool];
  if (parts.every((part) => part === undefined || part === 0))
    context.problems.say('TS-CFG-0336', path, { reason: 'the Sidecar is empty' });
  const ports = new Set<number>();
  for (const [i, ingress] of (spec.ingress ?? []).entries())
    checkIngress(context, ingress, ports, [...path, 'ingress', i]);
  checkConnectionPool(context, spec.inboundConnectionPool, [...path, 'inboundConnectionPool']);
  checkEgressList(context, spec.egress ?? [], [...path, 'egress']);
  const policy = spec.outboundTrafficPolicy;
  if (policy?.egressProxy === undefined) return;
  const at = [...path, 'outboundTrafficPolicy', 'egressProxy'];
  const say = (reason: string): void => context.problems.say('TS-CFG-0327', at, { reason });
  if (policy.mode !== 'ALLOW_ANY') return say('egressProxy is only for ALLOW_ANY');
  if (!isFqdn(policy.egressProxy.host)) say(`${shown(policy.egressProxy.host)} is no fully qualified host`);
  if (policy.egressProxy.port === undefined) say('the port is required');
  checkDestination(context, policy.egressProxy, at);
}

function checkIngress(context: Context, ingress: SidecarIngress, ports: Set<number>, path: Path): void {
  const say = (reason: string, ...at: string[]): void =>
    context.problems.say('TS-CFG-0327', [...path, ...at], { reason });
  const { port, tls } = ingress;
  const number = port.number ?? 0;
  checkPort(context, number, [...path, 'port', 'number']);
  checkProtocol(context, port.protocol, [...path, 'port', 'protocol']);
  if ((ingress.bind ?? '') !== '') checkAddress(context, ingress.bind as string, [...path, 'bind'], 'IP address');
  if (ports.has(number)) say(`port ${number} appears twice`, 'port', 'number');
  ports.add(number);
  checkDefaultEndpoint(context, ingress.defaultEndpoint ?? '', [...path, 'defaultEndpoint']);
  checkConnectionPool(context, ingress.connectionPool, [...path, 'connectionPool']);
  if (ingress.connectionPool?.http !== undefined && !isHttpProtocol(port.protocol ?? '')) {
    context.problems.say('TS-CFG-0411', [...path, 'connectionPool', 'http'], {
      field: 'http',
      reason: 'the port’s protocol is not HTTP',
    });
  }
  if (tls === undefined) return;
  if (!['SIMPLE', 'MUTUAL'].includes(tls.mode ?? 'PASSTHROUGH')) say('tls is SIMPLE or MUTUAL here', 'tls', 'mode');
  const never = [
    'httpsRedirect',
    'credentialName',
    'credentialNames',
    'caCertCredentialName',
    'subjectAltNames',
  ] as const;
  for (const field of never) if (tls[field] !== undefined) say(`${field} cannot be set here`, 'tls', field);
  checkServerTls(context, tls, [...path, 'tls']);
}

const LOCAL_ENDPOINT = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]|):(\d{1,5})$/;

function checkDefaultEndpoint(context: Context, endpoint: string, path: Path): void {
  if (endpoint === '') return;
  if (endpoint.startsWith('unix://')) return checkUnixPath(context, endpoint.slice('unix://'.length), path);
  const match = LOCAL_ENDPOINT.exec(endpoint);
  if (match === null) {
    context.problems.say(
      'TS-CFG-0327',
      path,
      { reason: `${shown(endpoint)} is no local endpoint` },
      { expected: '127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///PATH' },
    );
  } else checkPort(context, Number(match[2]), path);
}

function checkEgressList(context: Context, list: readonly SidecarEgress[], path: Path): void {
  const listeners = new Set<string>();
  for (const [i, egress] of list.entries()) {
    const at = [...path, i];
    const say = (reason: string, ...field: string[]): void =>
      context.problems.say('TS-CFG-0327', [...at, ...field], { reason });
    if (egress.port === undefined) {
      if (i !== list.length - 1) say('the listener without a port must be the last, and there is one only');
    } else {
      checkEgressPort(context, egress, at);
      const key = (egress.port.number ?? 0) === 0 ? (egress.bind ?? '') : String(egress.port.number);
      if (listeners.has(key)) say(`${shown(key)} appears twice`, 'port');
      listeners.add(key);
    }
    checkEgressHosts(context, egress.hosts, [...at, 'hosts']);
  }
}

function checkEgressPort(context: Context, egress: SidecarEgress, path: Path): void {
  const say = (reason: string, ...field: string[]): void =>
    context.problems.say('TS-CFG-0327', [...path, ...field], { reason });
  const bind = egress.bind ?? '';
  checkProtocol(context, egress.port?.protocol, [...path, 'port', 'protocol']);
  if ((egress.port?.number ?? 0) !== 0) {
    checkPort(context, egress.port?.number ?? 0, [...path, 'port', 'number']);
    if (bind !== '') checkAddress(context, bind, [...path, 'bind'], 'IP address');
    return;
  }
  if (!bind.startsWith('unix://')) say('port 0 needs a unix:// bind', 'bind');
  else checkUnixPath(context, bind.slice('unix://'.length), [...path, 'bind']);
  if (egress.captureMode === 'IPTABLES') say('a Unix socket cannot be captured', 'captureMode');
}

function checkEgressHosts(context: Context, hosts: readonly string[], path: Path): void {
  const seen = new Set<string>();
  for (const [i, entry] of hosts.entries()) {
    const slash = entry.indexOf('/');
    const namespace = entry.slice(0, Math.max(0, slash));
    const host = entry.slice(slash + 1);
    const legal = slash > 0 && (['*', '.', '~'].includes(namespace) || isDnsLabel(namespace)) && isWildcardHost(host);
    if (!legal) context.problems.say('TS-CFG-0301', [...path, i], { value: shown(entry), what: '`namespace/host`' });
    const key = namespace === '.' ? `${context.namespace}/${host}` : entry;
    if (seen.has(key)) context.problems.say('TS-CFG-0407', [...path, i], { value: shown(entry) });
    seen.add(key);
  }
  if (seen.has('*/*') && seen.size > 1)
    context.problems.say('TS-CFG-0412', path, { reason: '`*/*` covers all other hosts' });
}
