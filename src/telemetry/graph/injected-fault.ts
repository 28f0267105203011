// Faults that a VirtualService has its clients' proxies inject, as edges, tap and verdicts tell them: nothing of the service failed.

import { readCause } from '#base';

export interface FaultTold {
  readonly flags: readonly string[];
  /** -1: none. */
  readonly grpcStatus: number;
  readonly status: number;
  /** The place that caused the route (`readCause`), as far as it is known. */
  readonly cause: string;
}

const ABORTED = 'FI';
const DELAYED = 'DI';

/** `abort 503`, `delay`, or both, then the object that asks for it: "delay, abort grpc 14 VirtualService default/reviews"; '' without a fault. */
export function injectedFault({ flags, grpcStatus, status, cause }: FaultTold): string {
  const what = [
    ...(flags.includes(DELAYED) ? ['delay'] : []),
    ...(flags.includes(ABORTED) ? [grpcStatus > 0 ? `abort grpc ${grpcStatus}` : `abort ${status}`] : []),
  ].join(', ');
  const object = readCause(cause)?.object;
  if (what === '' || object === undefined) return what;
  return `${what} ${object.kind} ${object.namespace}/${object.name}`;
}
