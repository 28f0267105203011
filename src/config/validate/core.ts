// Rules of Service, EndpointSlice and MeshConfig that later stages rely on.

import type { EndpointSliceSpec, ServiceSpec } from '../model/core.ts';
import type { MeshConfigSpec } from '../model/mesh-config.ts';
import { type Path, shown } from '../problem.ts';
import { checkConnectionPool, checkLocality, checkOutlierDetection } from './destination-rule.ts';
import { checkRetries } from './http-route.ts';
import { checkAddress, checkDuplicates, checkExportTo, type Context, isDnsLabel, isFqdn } from './rules.ts';

export function validateService(context: Context, spec: ServiceSpec, path: Path): void {
  const say = (reason: string, ...at: (string | number)[]): void =>
    context.problems.say('TS-CFG-0340', [...path, ...at], { reason });
  const ports = spec.ports ?? [];
  const keys = ports.map((p) => `${p.port}/${p.protocol ?? 'TCP'}`);
  for (const [i, key] of keys.entries()) if (keys.indexOf(key) !== i) say(`port ${key} appears twice`, 'ports', i);
  if (ports.length > 1) {
    for (const [i, port] of ports.entries())
      if ((port.name ?? '') === '') say('each of several ports needs a name', 'ports', i);
    checkDuplicates(
      context,
      ports.map((p, i) => p.name ?? `#${i}`),
      [...path, 'ports'],
    );
  }
  if (spec.type === 'ExternalName') {
    if (!isFqdn(spec.externalName ?? '')) say('ExternalName needs externalName, a DNS name', 'externalName');
  } else if (ports.length === 0 && spec.clusterIP !== 'None') say('ports are required', 'ports');
  const ip = spec.clusterIP ?? '';
  if (ip !== '' && ip !== 'None') checkAddress(context, ip, [...path, 'clusterIP'], 'IP address');
}

export function validateEndpointSlice(context: Context, spec: EndpointSliceSpec, path: Path): void {
  if (spec.addressType === 'FQDN') return;
  for (const [i, endpoint] of (spec.endpoints ?? []).entries()) {
    for (const [j, address] of endpoint.addresses.entries())
      checkAddress(context, address, [...path, 'endpoints', i, 'addresses', j], 'IP address');
  }
}

/** SPIFFE ids have no capitals, and none ends with a dot. */
const isTrustDomain = (text: string): boolean => isFqdn(text) && text === text.toLowerCase() && !text.endsWith('.');

export function validateMeshConfig(context: Context, spec: MeshConfigSpec, path: Path): void {
  const say = (reason: string, ...at: string[]): void =>
    context.problems.say('TS-CFG-0342', [...path, ...at], { reason });
  const { rootNamespace, trustDomain, trustDomainAliases } = spec;
  if (rootNamespace !== undefined && !isDnsLabel(rootNamespace))
    say(`${shown(rootNamespace)} is no namespace`, 'rootNamespace');
  if (trustDomain !== undefined && !isTrustDomain(trustDomain))
    say(`${shown(trustDomain)} is no trust domain`, 'trustDomain');
  for (const alias of trustDomainAliases ?? [])
    if (!isTrustDomain(alias)) say(`${shown(alias)} is no trust domain`, 'trustDomainAliases');
  for (const [i, { pem, spiffeBundleUrl: url, trustDomains }] of (spec.caCertificates ?? []).entries()) {
    const at = ['caCertificates', String(i)];
    if (pem === undefined && url === undefined) say('pem or spiffeBundleUrl is required', ...at);
    // Roots that came over a connection that nobody vouched for would vouch for everybody.
    if (url !== undefined && !(URL.canParse(url) && new URL(url).protocol === 'https:'))
      say(`${shown(url)} is no https address`, ...at, 'spiffeBundleUrl');
    for (const name of trustDomains ?? [])
      if (!isTrustDomain(name)) say(`${shown(name)} is no trust domain`, ...at, 'trustDomains');
  }
  const ports = [spec.proxyListenPort ?? 15_001, spec.proxyInboundListenPort ?? 15_006, spec.proxyHttpPort ?? 0];
  if (new Set(ports).size !== ports.length)
    say('proxyListenPort, proxyInboundListenPort and proxyHttpPort must differ', 'proxyListenPort');
  for (const field of [
    'defaultServiceExportTo',
    'defaultVirtualServiceExportTo',
    'defaultDestinationRuleExportTo',
  ] as const) {
    checkExportTo(context, spec[field], [...path, field], true);
  }
  checkRetries(context, spec.defaultHttpRetryPolicy, [...path, 'defaultHttpRetryPolicy']);
  checkConnectionPool(context, spec.defaultTrafficPolicy?.connectionPool, [
    ...path,
    'defaultTrafficPolicy',
    'connectionPool',
  ]);
  checkOutlierDetection(context, spec.defaultTrafficPolicy?.outlierDetection, [
    ...path,
    'defaultTrafficPolicy',
    'outlierDetection',
  ]);
  checkLocality(context, spec.localityLbSetting, [...path, 'localityLbSetting']);
  const providers = spec.extensionProviders ?? [];
  checkDuplicates(
    context,
    providers.map((p) => p.name),
    [...path, 'extensionProviders'],
  );
}
