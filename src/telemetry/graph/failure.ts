// What counts as a failed request for success rates: the server's fault or the mesh's, not the client's.

import type { ResponseFlag, StreamRecord } from '../stream-record.ts';

/** The client went away by itself, or was refused by policy: no failure of the service. */
const CLIENT_FLAGS: ReadonlySet<ResponseFlag> = new Set(['DC', 'DR', 'DPE', 'UAEX', 'RL', 'SI', 'IH']);

/** Unknown, DeadlineExceeded, Internal, Unavailable, DataLoss: what a server is to blame for. */
const GRPC_FAILURES: ReadonlySet<number> = new Set([2, 4, 13, 14, 15]);

export function isFailure(record: StreamRecord): boolean {
  if (record.responseCode >= 500) return true;
  if (record.grpc && GRPC_FAILURES.has(record.grpcStatus)) return true;
  // A connection, or a request that got no answer, failed when the proxy says why.
  if (record.responseCode !== 0) return false;
  return record.flags.some((flag) => !CLIENT_FLAGS.has(flag));
}
