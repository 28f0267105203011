// Reads a ClusterLoadAssignment into host specs; weights, priorities and localities as Envoy takes them.

import type { Steps } from '#base';
import type { Address } from '#proto/envoy/config/core/v3/address_pb.ts';
import type { Metadata } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { LbEndpoint, LocalityLbEndpoints } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ConfigError } from '../errors.ts';
import type { HostSpec, Locality } from './host.ts';
import { MAX_PRIORITY } from './limits.ts';

export interface Assignment {
  readonly specs: readonly HostSpec[];
  /** 1.4 unless the assignment says otherwise. */
  readonly overprovisioning: number;
  /** Health of a priority is counted by weights instead of hosts. */
  readonly weightedHealth: boolean;
}

/** What all endpoints of a locality have of it. */
export interface GroupFacts {
  readonly locality: Locality;
  readonly priority: number;
  readonly localityWeight: number;
}

const NO_METADATA: HostSpec['metadata'] = {};
/** By the numbers of HealthStatus: unknown, healthy, unhealthy, draining, timeout, degraded. */
const STATUSES: readonly HostSpec['status'][] = [
  'healthy',
  'healthy',
  'unhealthy',
  'draining',
  'unhealthy',
  'degraded',
];

/** Some 0.1 ms. */
const ENDPOINTS_PER_STEP = 100;

/** Of endpoints with one address the first counts, as in Envoy. */
export function* readAssignment(assignment: ClusterLoadAssignment): Steps<Assignment> {
  const specs = new Map<string, HostSpec>();
  let count = 0;
  for (const [i, group] of assignment.endpoints.entries()) {
    const field = groupField(assignment, i);
    const locality = readLocality(group, field);
    for (const [k, endpoint] of group.lbEndpoints.entries()) {
      const spec = readEndpoint(endpoint, group, locality, `${field}.lb_endpoints[${k}]`);
      if (!specs.has(spec.key)) specs.set(spec.key, spec);
      if (++count % ENDPOINTS_PER_STEP === 0) yield;
    }
  }
  return assignmentOf(assignment, specs);
}

export function assignmentOf({ policy }: ClusterLoadAssignment, specs: ReadonlyMap<string, HostSpec>): Assignment {
  return {
    specs: [...specs.values()],
    overprovisioning: (policy?.overprovisioningFactor ?? 140) / 100,
    weightedHealth: policy?.weightedPriorityHealth ?? false,
  };
}

export function groupField({ clusterName }: ClusterLoadAssignment, index: number): string {
  return `cluster load assignment "${clusterName}".endpoints[${index}]`;
}

export function readLocality({ priority, locality }: LocalityLbEndpoints, field: string): Locality {
  if (priority > MAX_PRIORITY)
    throw new ConfigError('proxy.field-invalid', `${field}.priority`, `must be at most ${MAX_PRIORITY}`);
  return { region: locality?.region ?? '', zone: locality?.zone ?? '', subZone: locality?.subZone ?? '' };
}

export function readEndpoint(
  endpoint: LbEndpoint,
  group: LocalityLbEndpoints,
  locality: Locality,
  field: string,
): HostSpec {
  if (endpoint.hostIdentifier.case !== 'endpoint')
    throw new ConfigError('proxy.unsupported', field, 'endpoints by name are not read');
  const { address, hostname, healthCheckConfig } = endpoint.hostIdentifier.value;
  if (address === undefined) throw new ConfigError('proxy.field-required', `${field}.endpoint.address`);
  return {
    ...readAddress(address, field),
    hostname,
    priority: group.priority,
    locality,
    weight: Math.max(1, endpoint.loadBalancingWeight ?? 1),
    localityWeight: group.loadBalancingWeight ?? 0,
    status: statusOf(endpoint.healthStatus),
    metadata: readMetadata(endpoint.metadata),
    healthCheckPort: healthCheckConfig?.portValue ?? 0,
    healthCheckDisabled: healthCheckConfig?.disableActiveHealthCheck ?? false,
  };
}

export function statusOf(healthStatus: number): HostSpec['status'] {
  return STATUSES[healthStatus] ?? 'healthy';
}

export function socketKey(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function readMetadata(metadata: Metadata | undefined): HostSpec['metadata'] {
  return metadata?.filterMetadata ?? NO_METADATA;
}

function readAddress(
  address: Address,
  field: string,
): Pick<HostSpec, 'key' | 'address' | 'port' | 'internalListener' | 'internalEndpointId'> {
  const plain = { internalListener: '', internalEndpointId: '' };
  switch (address.address.case) {
    case 'socketAddress': {
      const { address: host, portSpecifier } = address.address.value;
      if (portSpecifier.case === 'namedPort')
        throw new ConfigError('proxy.unsupported', `${field}.named_port`, 'give port_value');
      const port = portSpecifier.value ?? 0;
      return { ...plain, key: socketKey(host, port), address: host, port };
    }
    case 'pipe':
      return { ...plain, key: address.address.value.path, address: address.address.value.path, port: 0 };
    case 'envoyInternalAddress': {
      const { addressNameSpecifier, endpointId } = address.address.value;
      const listener = addressNameSpecifier.value ?? '';
      return {
        key: `internal:${listener}/${endpointId}`,
        address: '',
        port: 0,
        internalListener: listener,
        internalEndpointId: endpointId,
      };
    }
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.endpoint.address`);
  }
}
