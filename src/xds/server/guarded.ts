// Keeps a failure outside of a request (in a timer, in a turn) to the one stream that it happened on.
import type { Logger } from '#base';
import { GrpcError, type ServerCall } from '#wire/grpc';
import { XDS_ERRORS, xdsError } from '../errors.ts';

export function guarded(call: ServerCall, log: Logger, node: string | undefined, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof GrpcError) {
      call.end(error.status);
      return;
    }
    log.error('an xDS stream failed', { node, error: error instanceof Error ? error.stack : String(error) });
    call.end(xdsError(XDS_ERRORS.failed).status);
  }
}
