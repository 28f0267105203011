// What the load balancer is told of a request.

import { PLAIN_PICK, type PickContext } from '../cluster/pick-context.ts';
import { type CompiledRetryPolicy, type ForwardTarget, hashRequest, type RouteChoice } from '../route/index.ts';
import type { LeftHosts } from './left-hosts.ts';
import type { Router } from './router.ts';

export function pickContext(
  router: Router,
  choice: RouteChoice,
  left: LeftHosts | undefined,
  retry: CompiledRetryPolicy | undefined,
): PickContext {
  const { stream } = router;
  const target = choice.route.action as ForwardTarget;
  const { downstream } = stream.connection;
  // Each attempt asks anew, for the same.
  router.setCookies = undefined;
  const redirected = downstream.restoredDestination;
  const avoid = left?.avoid;
  const usedPriorities = left?.priorities;
  if (
    !redirected &&
    avoid === undefined &&
    usedPriorities === undefined &&
    target.hashPolicies.length === 0 &&
    choice.metadataMatch === undefined
  )
    return PLAIN_PICK;
  return {
    hash:
      target.hashPolicies.length === 0
        ? undefined
        : hashRequest(target.hashPolicies, stream.input, (cookie) => (router.setCookies ??= []).push(cookie)),
    avoid,
    attempts: retry?.hostSelectionAttempts ?? 1,
    usedPriorities,
    metadataMatch: choice.metadataMatch,
    originalDestination: redirected ? { address: downstream.localAddress, port: downstream.localPort } : undefined,
  };
}
