// gRPC's status codes and the outcome of a call, as the gRPC specification's statuscodes page lists them.

export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type GrpcStatusCode = (typeof GRPC_STATUS)[keyof typeof GRPC_STATUS];

export interface GrpcStatus {
  readonly code: GrpcStatusCode;
  readonly message: string;
}

export const GRPC_OK: GrpcStatus = { code: GRPC_STATUS.ok, message: '' };

export function isGrpcStatusCode(code: number): code is GrpcStatusCode {
  return Number.isInteger(code) && code >= 0 && code <= 16;
}

/** What an HTTP status without a grpc-status means (http-grpc-status-mapping). */
export function statusFromHttp(httpStatus: number): GrpcStatusCode {
  switch (httpStatus) {
    case 400:
      return GRPC_STATUS.internal;
    case 401:
      return GRPC_STATUS.unauthenticated;
    case 403:
      return GRPC_STATUS.permissionDenied;
    case 404:
      return GRPC_STATUS.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC_STATUS.unavailable;
    default:
      return GRPC_STATUS.unknown;
  }
}

/** What an HTTP/2 RST_STREAM code means to a caller ("Errors" of PROTOCOL-HTTP2). */
export function statusFromReset(http2Code: number): GrpcStatusCode {
  switch (http2Code) {
    case 7: // REFUSED_STREAM: the server did not look at it
      return GRPC_STATUS.unavailable;
    case 8: // CANCEL
      return GRPC_STATUS.cancelled;
    case 11: // ENHANCE_YOUR_CALM
      return GRPC_STATUS.resourceExhausted;
    case 12: // INADEQUATE_SECURITY
      return GRPC_STATUS.permissionDenied;
    default:
      return GRPC_STATUS.internal;
  }
}
