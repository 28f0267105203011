// Rules of ServiceEntry, WorkloadEntry and WorkloadGroup (istio pkg/config/validation/validation.go).

import type { ServiceEntrySpec } from '../model/service-entry.ts';
import type { WorkloadEntrySpec } from '../model/workload-entry.ts';
import type { ReadinessProbe, WorkloadGroupSpec } from '../model/workload-group.ts';
import { type Path, shown } from '../problem.ts';
import { checkHeaderName } from './headers.ts';
import {
  checkAddress,
  checkDuplicates,
  checkExportTo,
  checkHost,
  checkLabels,
  checkProtocol,
  checkSelectorLabels,
  checkUnixPath,
  type Context,
  isFqdn,
  isHttpProtocol,
  isIp,
  isTlsProtocol,
} from './rules.ts';

export function validateServiceEntry(context: Context, spec: ServiceEntrySpec, path: Path): void {
  for (const [i, host] of spec.hosts.entries()) checkHost(context, host, [...path, 'hosts', i], { star: false });
  checkDuplicates(context, spec.hosts, [...path, 'hosts']);
  if (spec.workloadSelector !== undefined)
    checkSelectorLabels(context, spec.workloadSelector.labels, [...path, 'workloadSelector', 'labels']);
  checkPorts(context, spec, path);
  checkAddresses(context, spec, path);
  checkResolution(context, spec, path);
  checkExportTo(context, spec.exportTo, [...path, 'exportTo'], true);
}

function checkPorts(context: Context, spec: ServiceEntrySpec, path: Path): void {
  const ports = spec.ports ?? [];
  checkDuplicates(
    context,
    ports.map((p) => p.name),
    [...path, 'ports'],
  );
  checkDuplicates(
    context,
    ports.map((p) => String(p.number)),
    [...path, 'ports'],
  );
  for (const [i, port] of ports.entries()) checkProtocol(context, port.protocol, [...path, 'ports', i, 'protocol']);
}

function checkAddresses(context: Context, spec: ServiceEntrySpec, path: Path): void {
  const resolution = spec.resolution ?? 'NONE';
  for (const [i, address] of (spec.addresses ?? []).entries()) {
    const at = [...path, 'addresses', i];
    checkAddress(context, address, at, 'IP address or CIDR');
    if (address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC') {
      context.problems.say('TS-CFG-0326', at, { reason: 'CIDR is only for NONE and STATIC' });
    }
  }
}

function checkResolution(context: Context, spec: ServiceEntrySpec, path: Path): void {
  const say = (reason: string, ...at: (string | number)[]): void =>
    context.problems.say('TS-CFG-0326', [...path, ...at], { reason });
  const resolution = spec.resolution ?? 'NONE';
  const endpoints = spec.endpoints ?? [];
  const ports = new Set((spec.ports ?? []).map((p) => p.name));
  if (resolution === 'NONE' && endpoints.length > 0) say('NONE has no endpoints', 'endpoints');
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1)
    say('DNS_ROUND_ROBIN has one endpoint at most', 'endpoints');
  const wildcard = spec.hosts.some((host) => host.startsWith('*'));
  if ((resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN') && endpoints.length === 0 && wildcard)
    say('a wildcard host cannot be looked up; give endpoints, or use NONE or DYNAMIC_DNS', 'resolution');
  if (resolution === 'DYNAMIC_DNS') checkDynamicDns(spec, endpoints.length, say);
  for (const [i, endpoint] of endpoints.entries()) {
    const at = [...path, 'endpoints', i];
    checkWorkloadEntry(context, endpoint, resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN', at);
    for (const name of Object.keys(endpoint.ports ?? {})) {
      if (!ports.has(name)) say(`the service has no port named ${shown(name)}`, 'endpoints', i, 'ports', name);
    }
    if (endpoint.address?.startsWith('unix://') === true && ports.size !== 1)
      say('an endpoint with a Unix socket needs exactly one service port', 'endpoints', i, 'address');
  }
}

function checkDynamicDns(
  spec: ServiceEntrySpec,
  endpoints: number,
  say: (reason: string, ...at: string[]) => void,
): void {
  if (spec.hosts.some((host) => !host.startsWith('*'))) say('DYNAMIC_DNS is for wildcard hosts', 'hosts');
  if ((spec.addresses ?? []).length > 0) say('DYNAMIC_DNS has no addresses', 'addresses');
  if (endpoints > 0) say('DYNAMIC_DNS has no endpoints', 'endpoints');
  for (const port of spec.ports ?? []) {
    const protocol = port.protocol ?? '';
    if (!isHttpProtocol(protocol) && !isTlsProtocol(protocol))
      say('DYNAMIC_DNS needs HTTP, HTTP2, GRPC, HTTPS or TLS ports', 'ports');
  }
}

export function validateWorkloadEntry(context: Context, spec: WorkloadEntrySpec, path: Path): void {
  checkWorkloadEntry(context, spec, true, path);
}

function checkWorkloadEntry(context: Context, entry: WorkloadEntrySpec, namesAllowed: boolean, path: Path): void {
  const say = (reason: string, ...at: string[]): void =>
    context.problems.say('TS-CFG-0326', [...path, ...at], { reason });
  const address = entry.address ?? '';
  if (address === '' && (entry.network ?? '') === '')
    context.problems.say(
      'TS-CFG-0103',
      [...path, 'address'],
      { field: 'address' },
      { expected: 'an IP address, a DNS name or a unix:// path' },
    );
  if (address.startsWith('unix://')) {
    checkUnixPath(context, address.slice('unix://'.length), [...path, 'address']);
    if (Object.keys(entry.ports ?? {}).length > 0) say('a Unix socket has no ports', 'ports');
  } else if (address !== '' && !isIp(address)) {
    if (!namesAllowed) say(`${shown(address)} is no IP address, as STATIC needs`, 'address');
    else if (!isFqdn(address)) say(`${shown(address)} is neither an IP address nor a DNS name`, 'address');
  }
  checkLabels(context, entry.labels, [...path, 'labels']);
}

export function validateWorkloadGroup(context: Context, spec: WorkloadGroupSpec, path: Path): void {
  checkLabels(context, spec.metadata?.labels, [...path, 'metadata', 'labels']);
  checkLabels(context, spec.template.labels, [...path, 'template', 'labels']);
  if (spec.probe !== undefined) checkProbe(context, spec.probe, [...path, 'probe']);
}

function checkProbe(context: Context, probe: ReadinessProbe, path: Path): void {
  const http = probe.httpGet;
  if (http === undefined) return;
  if (!['', 'HTTP', 'HTTPS'].includes(http.scheme ?? ''))
    context.problems.say('TS-CFG-0341', [...path, 'httpGet', 'scheme'], {
      reason: 'the scheme is neither HTTP nor HTTPS',
    });
  for (const [i, header] of (http.httpHeaders ?? []).entries())
    checkHeaderName(context, header.name ?? '', [...path, 'httpGet', 'httpHeaders', i]);
}
