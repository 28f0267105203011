// What a load balancer may know about the request (or connection) it picks a host for.

import type { JsonObject } from '@bufbuild/protobuf';
import type { Host } from './host.ts';

export interface PickContext {
  /** Hash of the request by the route's hash policies; undefined = none applied. */
  readonly hash: number | undefined;
  /** Hosts that a retry avoids. */
  readonly avoid: ((host: Host) => boolean) | undefined;
  /** How often a choice that `avoid` refuses is made again (host_selection_retry_max_attempts); the last one stands. */
  readonly attempts: number;
  /** Priorities that a retry has already used (previous_priorities); undefined = none. */
  readonly usedPriorities: ReadonlySet<number> | undefined;
  /** The route's metadata_match; counts only in clusters with subsets. */
  readonly metadataMatch: Readonly<Record<string, JsonObject>> | undefined;
  /** Where the client wanted to go (original_dst clusters), "address:port". */
  readonly originalDestination: { readonly address: string; readonly port: number } | undefined;
}

export const PLAIN_PICK: PickContext = {
  hash: undefined,
  avoid: undefined,
  attempts: 1,
  usedPriorities: undefined,
  metadataMatch: undefined,
  originalDestination: undefined,
};
