// Turns a WorkloadEntry, or an endpoint written inside a ServiceEntry, into a workload (inventory §1.4).

import { canonicalIp } from '#base';
import { refOf } from '#config';
import type { ServiceEntry, WorkloadEntry } from './kinds.ts';
import { type Locality, NO_LOCALITY, type Workload } from './model.ts';

const TLS_MODE = 'security.istio.io/tlsMode';
/** `declared:bound` pairs with commas between, written by the agent in interception mode NONE (design §3c.3). */
export const BOUND_PORTS_ANNOTATION = 'topsail.io/bound-ports';
const WORKLOAD_NAME = 'service.istio.io/workload-name';

export type EntrySpec = WorkloadEntry['spec'];

/** `healthy` comes from agents' reports; an entry that nobody reports on counts as healthy. */
export function convertWorkloadEntry(
  entry: WorkloadEntry,
  options: { readonly healthy: boolean; readonly cluster: string },
): Workload {
  return Object.freeze<Workload>({
    ...common(entry.spec, options.cluster),
    key: entry.key,
    name: entry.metadata.labels[WORKLOAD_NAME] ?? entry.metadata.name,
    namespace: entry.metadata.namespace,
    labels: { ...entry.metadata.labels, ...entry.spec.labels },
    boundPorts: parseBoundPorts(entry.metadata.annotations[BOUND_PORTS_ANNOTATION]),
    tlsMode: tlsModeOf({ ...entry.metadata.labels, ...entry.spec.labels }, entry.spec.serviceAccount),
    healthy: options.healthy,
    origin: refOf(entry),
  });
}

export function convertInlineEndpoint(
  entry: ServiceEntry,
  spec: EntrySpec,
  options: { readonly index: number; readonly cluster: string },
): Workload {
  return Object.freeze<Workload>({
    ...common(spec, options.cluster),
    key: `${entry.key}/endpoints[${options.index}]`,
    name: entry.metadata.name,
    namespace: entry.metadata.namespace,
    labels: spec.labels ?? {},
    boundPorts: new Map(),
    tlsMode:
      (entry.spec.location ?? 'MESH_EXTERNAL') === 'MESH_EXTERNAL'
        ? 'disabled'
        : tlsModeOf(spec.labels ?? {}, spec.serviceAccount),
    healthy: true,
    origin: refOf(entry),
  });
}

function common(spec: EntrySpec, cluster: string) {
  return {
    address: canonicalIp(spec.address ?? ''),
    ports: spec.ports ?? {},
    serviceAccount: spec.serviceAccount ?? '',
    network: spec.network ?? '',
    locality: spec.locality === undefined ? labelLocality(spec.labels ?? {}) : parseLocality(spec.locality),
    weight: spec.weight ?? 0,
    cluster,
    // Whether it has one is only its own word.
    outside: false,
  };
}

/** As Istio: a label decides; without one, a service account means that a proxy with an identity stands there. */
function tlsModeOf(labels: Readonly<Record<string, string>>, serviceAccount: string | undefined): 'istio' | 'disabled' {
  const label = labels[TLS_MODE];
  if (label !== undefined) return label === 'istio' ? 'istio' : 'disabled';
  return serviceAccount !== undefined && serviceAccount !== '' ? 'istio' : 'disabled';
}

/** Istio's label, whose parts are divided by dots. */
export function labelLocality(labels: Readonly<Record<string, string>>): Locality {
  return parseLocality(labels['istio-locality']?.replaceAll('.', '/'));
}

export function parseLocality(text: string | undefined): Locality {
  if (text === undefined || text === '') return NO_LOCALITY;
  const [region = '', zone = '', subZone = ''] = text.split('/');
  return { region, zone, subZone };
}

function parseBoundPorts(text: string | undefined): ReadonlyMap<number, number> {
  const ports = new Map<number, number>();
  for (const pair of (text ?? '').split(',')) {
    const [declared, bound] = pair.split(':').map(Number);
    if (isPort(declared) && isPort(bound)) ports.set(declared, bound);
  }
  return ports;
}

function isPort(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value > 0 && value < 65_536;
}
