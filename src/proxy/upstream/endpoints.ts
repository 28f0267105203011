// Reads a ClusterLoadAssignment into host specs: one per endpoint, keyed by its address.

import type { Address } from '#proto/envoy/config/core/v3/address_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { LbEndpoint } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import type { HostSpec, Locality } from '../cluster/host.ts';
import { ConfigError } from '../errors.ts';
import { hostPort } from '../http/connection-facts.ts';

const NOWHERE: Locality = { region: '', zone: '', subZone: '' };
/** Numbers of envoy.config.core.v3.HealthStatus. */
const STATUS: Readonly<Record<number, HostSpec['status']>> = { 0: 'healthy', 1: 'healthy', 2: 'unhealthy', 3: 'draining', 4: 'unhealthy', 5: 'degraded' };

export function readAssignment(assignment: ClusterLoadAssignment): HostSpec[] {
  const specs: HostSpec[] = [];
  for (const group of assignment.endpoints) {
    const locality = group.locality === undefined ? NOWHERE : { region: group.locality.region, zone: group.locality.zone, subZone: group.locality.subZone };
    for (const endpoint of group.lbEndpoints) {
      specs.push(readEndpoint(endpoint, assignment.clusterName, group.priority, locality, group.loadBalancingWeight ?? 0));
    }
  }
  return specs;
}

function readEndpoint(lb: LbEndpoint, cluster: string, priority: number, locality: Locality, localityWeight: number): HostSpec {
  const field = `cluster "${cluster}".load_assignment`;
  const inner = lb.hostIdentifier.case === 'endpoint' ? lb.hostIdentifier.value : undefined;
  if (inner?.address === undefined) throw new ConfigError('proxy.field-required', `${field}.endpoint.address`);
  const where = readAddress(inner.address, `${field}.endpoint.address`);
  return {
    ...where,
    hostname: inner.hostname,
    priority,
    locality,
    weight: lb.loadBalancingWeight ?? 1,
    localityWeight,
    status: STATUS[lb.healthStatus] ?? 'healthy',
    metadata: lb.metadata?.filterMetadata ?? {},
    healthCheckPort: inner.healthCheckConfig?.portValue ?? 0,
    healthCheckDisabled: inner.healthCheckConfig?.disableActiveHealthCheck ?? false,
  };
}

export function readAddress(address: Address, field: string): Pick<HostSpec, 'key' | 'address' | 'port' | 'internalListener' | 'internalEndpointId'> {
  const at = address.address;
  switch (at.case) {
    case 'socketAddress': {
      const port = at.value.portSpecifier.case === 'portValue' ? at.value.portSpecifier.value : 0;
      return { key: hostPort(at.value.address, port), address: at.value.address, port, internalListener: '', internalEndpointId: '' };
    }
    case 'pipe':
      return { key: at.value.path, address: at.value.path, port: 0, internalListener: '', internalEndpointId: '' };
    case 'envoyInternalAddress': {
      const name = at.value.addressNameSpecifier.value ?? '';
      const id = at.value.endpointId;
      return { key: `envoy://${name}/${id}`, address: '', port: 0, internalListener: name, internalEndpointId: id };
    }
    default:
      throw new ConfigError('proxy.field-required', field);
  }
}
