// What the xDS server and client refuse, with a code, what was expected, and the remedy.
import { GRPC_STATUS, GrpcError, type GrpcStatusCode } from '#wire/grpc';

interface XdsErrorEntry {
  readonly code: string;
  readonly status: GrpcStatusCode;
  readonly message: string;
  readonly remedy: string;
}

export const XDS_ERRORS = {
  noNode: {
    code: 'TSP-XDS-001',
    status: GRPC_STATUS.invalidArgument,
    message: 'the first request of a stream has no node',
    remedy: 'send node.id with the first request',
  },
  noType: {
    code: 'TSP-XDS-002',
    status: GRPC_STATUS.invalidArgument,
    message: 'an ADS request has no type_url',
    remedy: 'name the type of every request',
  },
  wrongType: {
    code: 'TSP-XDS-003',
    status: GRPC_STATUS.invalidArgument,
    message: 'the request names a type that this service does not serve',
    remedy: 'use the aggregated service',
  },
  tooManyTypes: {
    code: 'TSP-XDS-004',
    status: GRPC_STATUS.resourceExhausted,
    message: 'the stream asks for more types than are allowed',
    remedy: 'open another stream',
  },
  tooManyNames: {
    code: 'TSP-XDS-005',
    status: GRPC_STATUS.resourceExhausted,
    message: 'the stream subscribes to more names than are allowed',
    remedy: 'use a wildcard subscription',
  },
  refused: {
    code: 'TSP-XDS-006',
    status: GRPC_STATUS.permissionDenied,
    message: 'the node may not connect',
    remedy: 'let the node state the namespace and service account of its certificate',
  },
  malformed: {
    code: 'TSP-XDS-007',
    status: GRPC_STATUS.invalidArgument,
    message: 'the request cannot be decoded',
    remedy: 'send xDS v3 discovery requests',
  },
  silent: {
    code: 'TSP-XDS-008',
    status: GRPC_STATUS.deadlineExceeded,
    message: 'the stream sent no request that could be accepted in time',
    remedy: 'send the first request at once',
  },
  failed: {
    code: 'TSP-XDS-009',
    status: GRPC_STATUS.internal,
    message: 'making this configuration failed',
    remedy: 'the control plane has logged why; connect again',
  },
  nodeTooLarge: {
    code: 'TSP-XDS-010',
    status: GRPC_STATUS.invalidArgument,
    message: 'the node is larger than is kept of one',
    remedy: 'shorten its id, or leave labels and annotations out of its metadata',
  },
} as const satisfies Record<string, XdsErrorEntry>;

export function xdsError(entry: XdsErrorEntry, detail = ''): GrpcError {
  return new GrpcError(
    entry.status,
    `${entry.code}: ${entry.message}${detail === '' ? '' : ` (${detail})`}; ${entry.remedy}`,
  );
}
