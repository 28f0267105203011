// Turns a ServiceEntry into one registry service per host (inventory §1.4).

import { canonicalIp } from '#base';
import { refOf } from '#config';
import { bothFamilies } from './allocate-address.ts';
import { isWildcard, sameHost } from './host.ts';
import type { ServiceEntry } from './kinds.ts';
import type { Resolution, Service } from './model.ts';
import { protocolFromName, selectProtocol } from './select-protocol.ts';

const RESOLUTION: Readonly<Record<string, Resolution>> = {
  NONE: 'none',
  STATIC: 'static',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dynamic-dns',
};
const NO_ALLOCATION = 'networking.istio.io/enable-autoallocate-ip';

/** Hosts of an entry that get a virtual address of ours. */
export function hostsToAllocate(entry: ServiceEntry): readonly string[] {
  if ((entry.spec.addresses ?? []).length > 0) return [];
  if (entry.metadata.labels[NO_ALLOCATION] === 'false') return [];
  const resolution = RESOLUTION[entry.spec.resolution ?? 'NONE'] ?? 'none';
  if (resolution === 'none') return [];
  return (entry.spec.hosts ?? []).map(sameHost).filter((host) => resolution === 'dynamic-dns' || !isWildcard(host));
}

export function convertServiceEntry(
  entry: ServiceEntry,
  options: { readonly allocated: (host: string) => string | undefined },
): readonly Service[] {
  const spec = entry.spec;
  const allocatable = new Set(hostsToAllocate(entry));
  const ports = (spec.ports ?? []).map((port) => ({
    number: port.number,
    name: port.name,
    protocol:
      (port.protocol === undefined ? undefined : protocolFromName(port.protocol)) ??
      selectProtocol({ name: port.name }),
    targetPort: port.targetPort ?? port.number,
  }));
  return (spec.hosts ?? []).map((text) => {
    const host = sameHost(text);
    const address = allocatable.has(host) ? options.allocated(host) : undefined;
    return Object.freeze<Service>({
      hostname: host,
      namespace: entry.metadata.namespace,
      name: entry.metadata.name,
      registry: 'External',
      ports,
      resolution: RESOLUTION[spec.resolution ?? 'NONE'] ?? 'none',
      headless: false,
      addresses: address !== undefined ? bothFamilies(address) : (spec.addresses ?? []).map(canonicalIp),
      allocated: address !== undefined,
      labels: entry.metadata.labels,
      selector: spec.workloadSelector?.labels,
      exportTo: spec.exportTo ?? [],
      meshExternal: (spec.location ?? 'MESH_EXTERNAL') === 'MESH_EXTERNAL',
      externalName: undefined,
      subjectAltNames: spec.subjectAltNames ?? [],
      createdMs: entry.metadata.creationTimestampMs,
      origin: refOf(entry),
    });
  });
}
