// Endpoints for gRPC's clients: a locality is only read when it is named and has a weight.

import { fromBinary } from '@bufbuild/protobuf';
import type { XdsResource } from '#base';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { resource } from '../encode.ts';

export function grpcAssignment(from: XdsResource): XdsResource {
  const { clusterName, endpoints } = fromBinary(ClusterLoadAssignmentSchema, from.bytes);
  const localities = endpoints.map((group) => ({
    locality: group.locality ?? {},
    priority: group.priority,
    loadBalancingWeight: group.loadBalancingWeight ?? 1,
    lbEndpoints: group.lbEndpoints.map(({ hostIdentifier, loadBalancingWeight }) => ({
      hostIdentifier,
      ...(loadBalancingWeight === undefined ? {} : { loadBalancingWeight }),
    })),
  }));
  return resource(ClusterLoadAssignmentSchema, from.name, { clusterName, endpoints: localities }, from.origins);
}
