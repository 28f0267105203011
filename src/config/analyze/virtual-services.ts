// Findings about VirtualServices: destinations, gateways, hosts of other VirtualServices, rules that never match.

import type { Complaint } from '../model/complaint.ts';
import type { ConfigObject } from '../model/object.ts';
import type { Destination, VirtualServiceSpec } from '../model/virtual-service.ts';
import type { Path } from '../problem.ts';
import { covers } from '../validate/rules.ts';
import type { AnalysisContext } from './context.ts';
import { finding, nameOf } from './findings.ts';
import { unreachableRules } from './unreachable.ts';

type VirtualService = ConfigObject<VirtualServiceSpec>;

export function analyzeVirtualServices(context: AnalysisContext): Complaint[] {
  const all = context.view.list('VirtualService');
  return [
    ...all.flatMap((object) => [
      ...destinations(context, object),
      ...gateways(context, object),
      ...unreachableRules(object),
    ]),
    ...sameHosts(context, all),
  ];
}

function* allDestinations(spec: VirtualServiceSpec): Iterable<readonly [Destination, Path]> {
  for (const [i, route] of (spec.http ?? []).entries()) {
    for (const [j, target] of (route.route ?? []).entries())
      yield [target.destination, ['spec', 'http', i, 'route', j, 'destination']];
    if (route.mirror !== undefined) yield [route.mirror, ['spec', 'http', i, 'mirror']];
    for (const [j, mirror] of (route.mirrors ?? []).entries())
      yield [mirror.destination, ['spec', 'http', i, 'mirrors', j, 'destination']];
  }
  for (const kind of ['tls', 'tcp'] as const) {
    for (const [i, route] of (spec[kind] ?? []).entries()) {
      for (const [j, target] of (route.route ?? []).entries())
        yield [target.destination, ['spec', kind, i, 'route', j, 'destination']];
    }
  }
}

function destinations(context: AnalysisContext, object: VirtualService): Complaint[] {
  const found: Complaint[] = [];
  for (const [destination, path] of allDestinations(object.spec)) {
    const host = context.hostOf(destination.host, object.metadata.namespace);
    if (host === undefined) {
      found.push(finding('IST0101', object, [...path, 'host'], { what: 'host', value: destination.host }));
      continue;
    }
    const subset = destination.subset ?? '';
    if (subset !== '' && !context.hasSubset(host, subset)) {
      found.push(
        finding('IST0101', object, [...path, 'subset'], { what: 'subset', value: `${subset} of ${host.host}` }),
      );
    }
    if (destination.port === undefined && host.ports.length > 1) {
      found.push(finding('IST0112', object, path, { host: host.host, ports: host.ports.join(', ') }));
    }
  }
  return found;
}

function gateways(context: AnalysisContext, object: VirtualService): Complaint[] {
  const found: Complaint[] = [];
  for (const [i, written] of (object.spec.gateways ?? []).entries()) {
    if (written === 'mesh') continue;
    const slash = written.indexOf('/');
    const namespace = slash === -1 ? object.metadata.namespace : written.slice(0, slash);
    const gateway = context.view.get('Gateway', namespace, written.slice(slash + 1));
    if (gateway === undefined) {
      found.push(finding('IST0101', object, ['spec', 'gateways', i], { what: 'gateway', value: written }));
      continue;
    }
    for (const [j, host] of (object.spec.hosts ?? []).entries()) {
      const served = gateway.spec.servers.some((server) =>
        server.hosts.some((candidate) => servesHost(candidate, namespace, host, object.metadata.namespace)),
      );
      if (!served) found.push(finding('IST0132', object, ['spec', 'hosts', j], { host, gateway: nameOf(gateway) }));
    }
  }
  return found;
}

/** A server's `[namespace/]host` and a VirtualService's host overlap, and the namespace fits. */
function servesHost(written: string, gatewayNamespace: string, host: string, namespace: string): boolean {
  const slash = written.indexOf('/');
  const wanted = slash === -1 ? '*' : written.slice(0, slash);
  const name = written.slice(slash + 1);
  const fits = wanted === '*' || namespace === (wanted === '.' ? gatewayNamespace : wanted);
  return fits && (covers(name, host) || covers(host, name));
}

function sameHosts(context: AnalysisContext, all: readonly VirtualService[]): Complaint[] {
  const inMesh = all.filter(({ spec }) => (spec.gateways ?? ['mesh']).includes('mesh') || spec.gateways?.length === 0);
  const entries = inMesh.flatMap((object) =>
    (object.spec.hosts ?? []).map((host) => ({ object, host: context.fullName(host, object.metadata.namespace) })),
  );
  const found: Complaint[] = [];
  for (const [host, same] of Map.groupBy(entries, (entry) => entry.host)) {
    const objects = [...new Set(same.map((entry) => entry.object))];
    for (const object of objects) {
      const conflicting = objects.filter((other) => other !== object && meet(object, other));
      if (conflicting.length === 0) continue;
      found.push(
        finding('IST0109', object, ['spec', 'hosts'], {
          objects: [object, ...conflicting].map(nameOf).sort().join(', '),
          host,
        }),
      );
    }
  }
  return found;
}

/** Is there a namespace whose proxies see both? */
function meet(a: VirtualService, b: VirtualService): boolean {
  const [left, right] = [seenBy(a), seenBy(b)];
  return left === 'all' || right === 'all' || [...left].some((namespace) => right.has(namespace));
}

function seenBy(object: VirtualService): 'all' | ReadonlySet<string> {
  const exportTo = object.spec.exportTo ?? [];
  if (exportTo.length === 0 || exportTo.includes('*')) return 'all';
  return new Set(exportTo.map((entry) => (entry === '.' ? object.metadata.namespace : entry)));
}
