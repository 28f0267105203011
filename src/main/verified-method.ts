// A gRPC method whose messages wait for the verdict on who sends them. What fails after it ends the one call, as what fails within a message does.
import type { Logger } from '#base';
import type { Caller } from '#identity';
import { GRPC_OK, GRPC_STATUS, type MethodHandler, type ServerCall, type ServerCallHandler } from '#wire/grpc';
import type { DiscoveryIdentity } from './discovery-identity.ts';

/** Messages before the verdict. */
const WAITING_MAX = 16;

/** `begin` is called when the caller is known, and takes what has come since; the call may be over by then. */
export function verifiedMethod(
  identity: Pick<DiscoveryIdentity, 'caller'>,
  log: Logger,
  begin: (call: ServerCall, caller: Caller) => ServerCallHandler,
): MethodHandler {
  return (call) => {
    let handler: ServerCallHandler | undefined;
    const waiting: Uint8Array[] = [];
    const decide = async (): Promise<void> => {
      const verdict = await identity.caller(call.peer, call.metadata);
      if (!verdict.ok) return call.end({ code: GRPC_STATUS.unauthenticated, message: verdict.error.message });
      const wentBefore = !call.open;
      handler = begin(call, verdict.value);
      try {
        for (const bytes of waiting.splice(0)) handler.onMessage(bytes);
      } finally {
        if (wentBefore) handler.onClosed?.(GRPC_OK);
      }
    };
    decide().catch((error: unknown) => {
      log.error('a gRPC method failed', {
        path: call.path,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      call.end({ code: GRPC_STATUS.internal, message: 'the method failed; its server has logged why' });
    });
    return {
      onMessage: (bytes) => {
        if (handler !== undefined) handler.onMessage(bytes);
        else if (waiting.length < WAITING_MAX) waiting.push(bytes);
      },
      onHalfClose: () => call.end(),
      onDrain: () => handler?.onDrain?.(),
      onClosed: (status) => handler?.onClosed?.(status),
    };
  };
}
