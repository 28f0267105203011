// What goes wrong in gRPC calls, with the status that the other side sees.
import type { GrpcStatus, GrpcStatusCode } from './status.ts';
import { GRPC_STATUS } from './status.ts';

/** Thrown by a method to end its call with a status other than `internal`. */
export class GrpcError extends Error {
  readonly status: GrpcStatus;

  constructor(code: GrpcStatusCode, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.status = { code, message };
  }
}

export const GRPC_ERRORS = {
  tooLarge: (size: number, max: number): GrpcStatus => ({
    code: GRPC_STATUS.resourceExhausted,
    message: `received a message of ${size} bytes, at most ${max} are accepted; send less at a time or raise the receiver's limit`,
  }),
  truncated: { code: GRPC_STATUS.internal, message: 'the stream ended inside a message' },
  compressedWithoutEncoding: {
    code: GRPC_STATUS.internal,
    message: 'a message is marked as compressed, but grpc-encoding names no algorithm',
  },
  badFlag: (flag: number): GrpcStatus => ({
    code: GRPC_STATUS.internal,
    message: `a message begins with flag ${flag}, expected 0 or 1`,
  }),
  badGzip: {
    code: GRPC_STATUS.internal,
    message: 'a message is marked as gzip but does not unpack within the size limit',
  },
  unknownEncoding: (name: string): GrpcStatus => ({
    code: GRPC_STATUS.unimplemented,
    message: `grpc-encoding "${name}" is not supported, expected identity or gzip`,
  }),
  unknownMethod: (path: string): GrpcStatus => ({ code: GRPC_STATUS.unimplemented, message: `no method ${path} here` }),
  deadline: { code: GRPC_STATUS.deadlineExceeded, message: 'the deadline passed before the call ended' },
  badTimeout: (text: string): GrpcStatus => ({
    code: GRPC_STATUS.internal,
    message: `grpc-timeout "${text}" is no duration, expected 1 to 8 digits and a unit`,
  }),
  unaryCount: (count: number): GrpcStatus => ({
    code: GRPC_STATUS.internal,
    message: `a unary call has one message, ${count === 0 ? 'none' : 'more than one'} came`,
  }),
  noStatus: { code: GRPC_STATUS.internal, message: 'the server ended the stream without a grpc-status' },
  cancelled: { code: GRPC_STATUS.cancelled, message: 'the caller cancelled' },
  closed: { code: GRPC_STATUS.unavailable, message: 'the channel was closed' },
  queueFull: {
    code: GRPC_STATUS.resourceExhausted,
    message: 'too much was sent before a connection was there; wait for onDrain',
  },
} as const;
