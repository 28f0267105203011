// HTTP/2 error codes (RFC 9113 §7) and how they meet the stream interface's reset reasons.
import type { ResetReason } from '../http/stream.ts';
import type { H2Violation } from './flood-guard.ts';

export const H2_ERROR = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

export type H2ErrorCode = (typeof H2_ERROR)[keyof typeof H2_ERROR];

/** Ends the connection: thrown inside one read, caught by the connection, sent as GOAWAY. */
export class ConnectionError extends Error {
  readonly code: H2ErrorCode;
  readonly violation: H2Violation;
  constructor(code: H2ErrorCode, message: string, violation: H2Violation = 'protocol_errors') {
    super(message);
    this.code = code;
    this.violation = violation;
  }
}

export function codeForReset(reason: ResetReason): H2ErrorCode {
  switch (reason) {
    case 'refused-stream':
      return H2_ERROR.REFUSED_STREAM;
    case 'protocol-error':
      return H2_ERROR.PROTOCOL_ERROR;
    case 'overflow':
      return H2_ERROR.ENHANCE_YOUR_CALM;
    case 'connection-failure':
    case 'connection-timeout':
    case 'connection-termination':
    case 'tls-failure':
      return H2_ERROR.INTERNAL_ERROR;
    case 'local-reset':
    case 'remote-reset':
    case 'timeout':
      return H2_ERROR.CANCEL;
  }
}

export function resetForCode(code: number): ResetReason {
  return code === H2_ERROR.REFUSED_STREAM ? 'refused-stream' : 'remote-reset';
}
