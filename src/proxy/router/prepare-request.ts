// What the router does to a request's head before it leaves: rewrites, headers of the route, upgrades.

import type { RequestHead } from '#wire/http';
import type { ManagerConfig } from '../http/manager-config.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import type { ForwardTarget, RouteChoice } from '../route/index.ts';

export function upgradeAllowed(head: RequestHead, target: ForwardTarget, config: ManagerConfig): boolean {
  const type = head.method === 'CONNECT' && head.protocol === '' ? 'connect' : head.protocol;
  const ofRoute = target.upgrades.get(type);
  if (ofRoute !== undefined) return ofRoute.enabled;
  return config.upgrades.get(type) === true;
}

export function prepareUpstreamHead(
  head: RequestHead,
  choice: RouteChoice,
  target: ForwardTarget,
  input: MatchInput,
  timeoutMs: number,
): void {
  const { headers } = head;
  choice.mutateRequestHeaders(head, input);
  const authority = head.authority;
  if (target.rewritePath !== undefined && head.path !== '') {
    const path = target.rewritePath(head.path);
    if (path !== head.path) {
      headers.set('x-envoy-original-path', head.path);
      if (input.record.originalPath === '') input.record.originalPath = head.path;
      head.path = path;
      input.record.path = path;
    }
  }
  rewriteHost(head, choice, target);
  if (head.authority !== authority && target.appendXForwardedHost) headers.add('x-forwarded-host', authority);
  if (timeoutMs > 0) headers.set('x-envoy-expected-rq-timeout-ms', String(Math.round(timeoutMs)));
}

function rewriteHost(head: RequestHead, choice: RouteChoice, target: ForwardTarget): void {
  if (choice.hostRewriteLiteral !== '') {
    head.authority = choice.hostRewriteLiteral;
    return;
  }
  const rewrite = target.hostRewrite;
  switch (rewrite?.kind) {
    case 'literal':
      head.authority = rewrite.value;
      return;
    case 'header': {
      const value = head.headers.get(rewrite.name);
      if (value !== undefined && value !== '') head.authority = value;
      return;
    }
    case 'path':
      head.authority = rewrite.rewrite(head.path);
      return;
    default:
  }
}
