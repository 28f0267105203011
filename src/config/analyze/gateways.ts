// Findings about Gateways: servers and certificates that several share, and hosts of VirtualServices that none serves. What the
// Gateway API's objects became is left out: nobody wrote it.

import { sortedEntries } from '#base';
import type { Complaint } from '../model/complaint.ts';
import type { GatewaySpec } from '../model/gateway.ts';
import type { ConfigObject } from '../model/object.ts';
import type { ConfigView } from '../model/view.ts';
import type { VirtualServiceSpec } from '../model/virtual-service.ts';
import type { Path } from '../problem.ts';
import { covers } from '../validate/rules.ts';
import { finding, nameOf } from './findings.ts';

type Gateway = ConfigObject<GatewaySpec>;

const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';

export function analyzeGateways(view: ConfigView): Complaint[] {
  const servers = view
    .list('Gateway')
    .filter(isWritten)
    .flatMap((object) => {
      const selector = JSON.stringify(sortedEntries(object.spec.selector ?? {}));
      return object.spec.servers.map((server, i) => ({
        object,
        selector,
        server,
        path: ['spec', 'servers', i] as Path,
      }));
    });
  const found: Complaint[] = [];
  const certificates = servers.filter(({ server }) => (server.tls?.credentialName ?? '') !== '');
  for (const same of Map.groupBy(
    certificates,
    ({ selector, server }) => `${selector} ${server.tls?.credentialName}`,
  ).values()) {
    for (const { object, server, path, others } of ofSeveral(same))
      found.push(
        finding('IST0138', object, [...path, 'tls'], { value: server.tls?.credentialName ?? '', objects: others }),
      );
  }
  const byPortAndHost = servers.flatMap((entry) => entry.server.hosts.map((host) => ({ ...entry, host })));
  for (const same of Map.groupBy(
    byPortAndHost,
    ({ selector, server, host }) => `${selector} ${server.bind ?? ''} ${server.port.number} ${host}`,
  ).values()) {
    for (const { object, server, path, host, others } of ofSeveral(same))
      found.push(finding('IST0145', object, path, { port: server.port.number, hosts: host, objects: others }));
  }
  return found;
}

function isWritten({ spec }: Gateway): boolean {
  return spec.selector?.[GATEWAY_NAME] === undefined;
}

/** Each of them with the others' names; none where all are of one Gateway. */
function ofSeveral<T extends { readonly object: Gateway }>(same: readonly T[]): readonly (T & { others: string })[] {
  const objects = [...new Set(same.map(({ object }) => object))];
  if (objects.length < 2) return [];
  return same.map((one) => ({
    ...one,
    others: objects
      .filter((other) => other !== one.object)
      .map(nameOf)
      .join(', '),
  }));
}

/** Short names are left alone: what they stand for, the mesh's services say. */
export function unservedHosts(view: ConfigView, object: ConfigObject<VirtualServiceSpec>): Complaint[] {
  const found: Complaint[] = [];
  for (const written of object.spec.gateways ?? []) {
    const slash = written.indexOf('/');
    const namespace = slash === -1 ? object.metadata.namespace : written.slice(0, slash);
    const gateway = view.get('Gateway', namespace, written.slice(slash + 1));
    if (written === 'mesh' || gateway === undefined || !isWritten(gateway)) continue;
    for (const [j, host] of (object.spec.hosts ?? []).entries()) {
      const served = gateway.spec.servers.some((server) =>
        server.hosts.some((candidate) => servesHost(candidate, namespace, host, object.metadata.namespace)),
      );
      if (!served && (host.includes('.') || host === '*'))
        found.push(finding('IST0132', object, ['spec', 'hosts', j], { host, gateway: nameOf(gateway) }));
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
