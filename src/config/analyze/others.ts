// Findings about DestinationRules, Gateways, Sidecars, Services and selectors of policies.

import { sortedEntries } from '#base';
import type { Complaint } from '../model/complaint.ts';
import type { ClientTls } from '../model/destination-rule.ts';
import type { GatewaySpec } from '../model/gateway.ts';
import type { ConfigObject } from '../model/object.ts';
import type { Path } from '../problem.ts';
import type { AnalysisContext } from './context.ts';
import { finding, nameOf } from './findings.ts';

export function analyzeDestinationRules(context: AnalysisContext): Complaint[] {
  return context.view.list('DestinationRule').flatMap((object) => {
    const { spec, metadata } = object;
    const found: Complaint[] = [];
    const host = context.hostOf(spec.host, metadata.namespace);
    if (host === undefined) found.push(finding('IST0174', object, ['spec', 'host'], { host: spec.host }));
    for (const [i, subset] of (spec.subsets ?? []).entries()) {
      if (host?.selector === undefined) continue;
      const chosen = context.anyWorkload(host.namespace, { ...host.selector, ...subset.labels });
      if (chosen === false)
        found.push(finding('IST0173', object, ['spec', 'subsets', i], { subset: subset.name, host: host.host }));
    }
    const policies = [
      [spec.trafficPolicy, ['spec', 'trafficPolicy']],
      ...(spec.subsets ?? []).map((s, i) => [s.trafficPolicy, ['spec', 'subsets', i, 'trafficPolicy']] as const),
    ] as const;
    for (const [policy, path] of policies) {
      if (unverified(policy?.tls))
        found.push(finding('IST0128', object, [...path, 'tls'], { mode: policy?.tls?.mode ?? '', host: spec.host }));
      for (const [i, settings] of (policy?.portLevelSettings ?? []).entries()) {
        if (unverified(settings.tls))
          found.push(
            finding('IST0129', object, [...path, 'portLevelSettings', i, 'tls'], {
              mode: settings.tls?.mode ?? '',
              host: spec.host,
              port: settings.port?.number ?? 0,
            }),
          );
      }
    }
    return found;
  });
}

function unverified(tls: ClientTls | undefined): boolean {
  const verifies = (tls?.caCertificates ?? '') !== '' || (tls?.credentialName ?? '') !== '';
  return (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL') && !verifies;
}

export function analyzeGateways(context: AnalysisContext): Complaint[] {
  const gateways = context.view.list('Gateway');
  const servers = gateways.flatMap((object) =>
    object.spec.servers.map((server, i) => ({ object, server, path: ['spec', 'servers', i] as Path })),
  );
  const found: Complaint[] = [];
  const selectorOf = (object: (typeof gateways)[number]): string =>
    JSON.stringify(sortedEntries(object.spec.selector ?? {}));
  const others = (same: readonly { object: ConfigObject }[], object: ConfigObject): string =>
    [...new Set(same.map((s) => s.object))]
      .filter((o) => o !== object)
      .map(nameOf)
      .join(', ');

  for (const { object, server, path } of servers)
    found.push(
      ...credentials(context, object, [server.tls?.credentialName, ...(server.tls?.credentialNames ?? [])], path),
    );
  const certificates = servers.filter(({ server }) => (server.tls?.credentialName ?? '') !== '');
  for (const [, same] of Map.groupBy(
    certificates,
    ({ object, server }) => `${selectorOf(object)} ${server.tls?.credentialName}`,
  )) {
    if (new Set(same.map((s) => s.object)).size < 2) continue;
    for (const { object, server, path } of same)
      found.push(
        finding('IST0138', object, [...path, 'tls'], {
          value: server.tls?.credentialName ?? '',
          objects: others(same, object),
        }),
      );
  }
  const byPortAndHost = servers.flatMap((entry) => entry.server.hosts.map((host) => ({ ...entry, host })));
  const conflicts = Map.groupBy(
    byPortAndHost,
    ({ object, server, host }) => `${selectorOf(object)} ${server.bind ?? ''} ${server.port.number} ${host}`,
  );
  for (const same of conflicts.values()) {
    if (new Set(same.map((s) => s.object)).size < 2) continue;
    for (const { object, server, path, host } of same)
      found.push(
        finding('IST0145', object, path, { port: server.port.number, hosts: host, objects: others(same, object) }),
      );
  }
  for (const object of gateways) found.push(...gatewayWorkloads(context, object));
  return found;
}

function credentials(
  context: AnalysisContext,
  object: ConfigObject,
  names: readonly (string | undefined)[],
  path: Path,
): Complaint[] {
  const plain = names.filter(
    (name): name is string => name !== undefined && name !== '' && !name.includes('://') && !name.startsWith('builtin'),
  );
  // The secret is looked for where the gateway's workloads are; where that is not known, anywhere.
  const exists = (name: string): boolean => context.view.list('Secret').some((secret) => secret.metadata.name === name);
  return plain
    .filter((name) => !exists(name))
    .map((name) => finding('IST0101', object, [...path, 'tls'], { what: 'secret', value: name }));
}

function gatewayWorkloads(context: AnalysisContext, object: ConfigObject<GatewaySpec>): Complaint[] {
  const selector = object.spec.selector ?? {};
  if (Object.keys(selector).length === 0 || context.anyWorkload(undefined, selector) !== false) return [];
  const labels = Object.entries(selector)
    .map(([k, v]) => `${k}=${v}`)
    .join(',');
  return [finding('IST0101', object, ['spec', 'selector'], { what: 'selector', value: labels })];
}

export function analyzeSidecars(context: AnalysisContext): Complaint[] {
  const whole = context.view
    .list('Sidecar')
    .filter(({ spec }) => Object.keys(spec.workloadSelector?.labels ?? {}).length === 0);
  const found: Complaint[] = [];
  for (const [namespace, same] of Map.groupBy(whole, (object) => object.metadata.namespace)) {
    if (same.length < 2) continue;
    for (const object of same)
      found.push(finding('IST0111', object, ['spec'], { objects: same.map(nameOf).join(', '), namespace }));
  }
  return found;
}

const PROTOCOL_NAME = /^(http|http2|https|grpc|grpc-web|tcp|tls|udp|mongo|mysql|redis|hbone)(-|$)/;

export function analyzeServices(context: AnalysisContext): Complaint[] {
  return context.view.list('Service').flatMap((object) => {
    const found: Complaint[] = [];
    for (const [i, port] of (object.spec.ports ?? []).entries()) {
      const name = port.name ?? '';
      const said = port.appProtocol !== undefined || PROTOCOL_NAME.test(name);
      const path = ['spec', 'ports', i];
      if (object.spec.type === 'ExternalName') {
        if (!said || /^tcp(-|$)/.test(name))
          found.push(finding('IST0150', object, path, { name: name === '' ? port.port : name }));
      } else if (!said && (port.protocol ?? 'TCP') === 'TCP')
        found.push(finding('IST0118', object, path, { name: name === '' ? 'web' : name, port: port.port }));
    }
    return found;
  });
}

export function analyzeSelectors(context: AnalysisContext): Complaint[] {
  const found: Complaint[] = [];
  const check = (object: ConfigObject, labels: Readonly<Record<string, string>> | undefined, path: Path): void => {
    if (labels === undefined || Object.keys(labels).length === 0) return;
    const everywhere = object.metadata.namespace === context.rootNamespace;
    if (context.anyWorkload(everywhere ? undefined : object.metadata.namespace, labels) !== false) return;
    found.push(
      finding('IST0127', object, path, {
        labels: Object.entries(labels)
          .map(([k, v]) => `${k}=${v}`)
          .join(','),
      }),
    );
  };
  for (const kind of [
    'AuthorizationPolicy',
    'PeerAuthentication',
    'RequestAuthentication',
    'Telemetry',
    'WasmPlugin',
    'MessageLimits',
    'RateLimit',
  ] as const) {
    for (const object of context.view.list(kind))
      check(object, object.spec.selector?.matchLabels, ['spec', 'selector']);
  }
  for (const object of context.view.list('Sidecar'))
    check(object, object.spec.workloadSelector?.labels, ['spec', 'workloadSelector']);
  for (const object of context.view.list('DestinationRule'))
    check(object, object.spec.workloadSelector?.matchLabels, ['spec', 'workloadSelector']);
  return found;
}
