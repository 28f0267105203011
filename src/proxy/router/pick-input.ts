// What the load balancer is told of a request.

import { PLAIN_PICK, type PickContext } from '../cluster/pick-context.ts';
import { type ForwardTarget, hashRequest, type RouteChoice } from '../route/index.ts';
import type { LeftHosts } from './left-hosts.ts';
import type { Router } from './router.ts';

export function pickContext(
  router: Router,
  choice: RouteChoice,
  target: ForwardTarget,
  left: LeftHosts | undefined,
): PickContext {
  const { stream } = router;
  const { downstream } = stream.connection;
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
    attempts: target.retry?.hostSelectionAttempts ?? 1,
    usedPriorities,
    metadataMatch: choice.metadataMatch,
    originalDestination: redirected ? { address: downstream.localAddress, port: downstream.localPort } : undefined,
  };
}
