// Endpoints, and assignments of many of them, as a control plane sends them.

import { create, toBinary } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';

export function endpointAt(address: string) {
  return {
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        address: {
          address: {
            case: 'socketAddress' as const,
            value: { address, portSpecifier: { case: 'portValue' as const, value: 80 } },
          },
        },
      },
    },
  };
}

/** `count` endpoints 10.NETWORK.0.0:80 and on; `network` and `count / 256` are below 256. */
export function assignmentOf(clusterName: string, network: number, count: number): Uint8Array {
  const lbEndpoints = Array.from({ length: count }, (_, i) => endpointAt(`10.${network}.${i >> 8}.${i & 255}`));
  return toBinary(
    ClusterLoadAssignmentSchema,
    create(ClusterLoadAssignmentSchema, { clusterName, endpoints: [{ lbEndpoints }] }),
  );
}
