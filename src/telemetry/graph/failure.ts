// What counts as a failed request for success rates: the server's fault or the mesh's, not the client's; and what counts
// as denied: what a policy, a token, an external authorizer or a RateLimit refused.

import type { ResponseFlag, StreamRecord } from '../stream-record.ts';

/** The client went away by itself, or was refused by policy: no failure of the service. */
const CLIENT_FLAGS: ReadonlySet<ResponseFlag> = new Set(['DC', 'DR', 'DPE', 'UAEX', 'RL', 'SI', 'IH']);

/** Unknown, DeadlineExceeded, Internal, Unavailable, DataLoss: what a server is to blame for. */
const GRPC_FAILURES: ReadonlySet<number> = new Set([2, 4, 13, 14, 15]);

/** How the details of a refusal begin, with Envoy as with our proxy. */
export const NO_FILTER_CHAIN = 'filter_chain_not_found';
const DENIALS = [
  NO_FILTER_CHAIN,
  'rbac_access_denied',
  'jwt_authn_access_denied',
  'ext_authz_denied',
  'ext_authz_error',
] as const;

export function isFailure(record: StreamRecord): boolean {
  if (record.responseCode >= 500) return true;
  if (record.grpc && GRPC_FAILURES.has(record.grpcStatus)) return true;
  // A connection, or a request that got no answer, failed when the proxy says why.
  if (record.responseCode !== 0) return false;
  return record.flags.some((flag) => !CLIENT_FLAGS.has(flag));
}

type Told = Pick<StreamRecord, 'responseCodeDetails' | 'connectionTerminationDetails' | 'policyRule' | 'responseCode'>;

/** The details that say which rule refused it; '' when it was not refused by the proxy that tells. */
export function denialOf(record: Told): string {
  const { responseCodeDetails, connectionTerminationDetails } = record;
  if (responseCodeDetails === 'via_upstream') return '';
  if (responseCodeDetails.startsWith('local_rate_limited')) return limitOf(record);
  const details = responseCodeDetails === '' ? connectionTerminationDetails : responseCodeDetails;
  return details !== '' && DENIALS.some((beginning) => details.startsWith(beginning)) ? details : '';
}

/** Envoy's details do not name the rule, the policy of the record does. A limit that no RateLimit made is not ours to name. */
function limitOf({ policyRule, responseCode }: Told): string {
  if (!policyRule.startsWith('ratelimit[')) return '';
  return isMistaken(responseCode) ? `${policyRule} ${responseCode}` : policyRule;
}

/** What the caller's proxy takes for a failure, or the caller for a denial, is told with its status, so that it counts once. */
function isMistaken(status: number): boolean {
  return status === 401 || status === 403 || status >= 500;
}
