// What the router does to a request's head before it leaves: rewrites, headers of the route, upgrades.

import { type Clock, type Random, turnTime } from '#base';
import type { HeaderBlock, RequestHead } from '#wire/http';
import type { HttpStream } from '../http/http-stream.ts';
import type { ManagerConfig } from '../http/manager-config.ts';
import type { CompiledRoute, ForwardTarget, RouteChoice } from '../route/index.ts';
import { type RouteTimeouts, tellTimeout } from './timeouts.ts';

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
  { input, config }: HttpStream,
  random: Random,
): void {
  const { headers } = head;
  const options = config.router;
  addWebSocketKey(head, random);
  choice.mutateRequestHeaders(head, input);
  const authority = head.authority;
  // Before the path changes: a host may be made of the path that the client asked for.
  const called = head.authority;
  if (rewriteHost(head, choice, target) && called !== '' && !options.suppressHeaders)
    headers.set('x-envoy-original-host', called);
  if (head.authority !== authority && target.appendXForwardedHost) headers.add('x-forwarded-host', authority);
  if (target.rewritePath !== undefined && head.path !== '') {
    // Envoy names the original also where the rewrite changed nothing.
    if (!options.suppressHeaders) headers.set('x-envoy-original-path', head.path);
    if (input.record.originalPath === '') input.record.originalPath = head.path;
    head.path = target.rewritePath(head.path);
    input.record.path = head.path;
  }
}

/** What the endpoint hears of the attempt that begins. */
export function tellAttempt(
  headers: HeaderBlock,
  route: CompiledRoute,
  attempts: number,
  timeouts: RouteTimeouts,
  { config, record }: HttpStream,
  clock: Clock,
): void {
  if (route.attemptCountInRequest) headers.set('x-envoy-attempt-count', String(attempts));
  if (!config.router.suppressHeaders)
    tellTimeout(headers, timeouts, attempts < 2 ? 0 : turnTime(clock) - record.startMs);
}

/** False where the route leaves the host alone. */
function rewriteHost(head: RequestHead, choice: RouteChoice, target: ForwardTarget): boolean {
  if (choice.hostRewriteLiteral !== '') {
    head.authority = choice.hostRewriteLiteral;
    return true;
  }
  const rewrite = target.hostRewrite;
  switch (rewrite?.kind) {
    case 'literal':
      head.authority = rewrite.value;
      return true;
    case 'header': {
      const value = head.headers.get(rewrite.name);
      if (value === undefined || value === '') return false;
      head.authority = value;
      return true;
    }
    case 'path':
      head.authority = rewrite.rewrite(head.path);
      return true;
    default:
      return false;
  }
}

/** Over HTTP/2 a WebSocket's handshake has no key (RFC 8441 §5); an application that speaks HTTP/1.1 wants one (RFC 6455 §4.1). */
function addWebSocketKey(head: RequestHead, random: Random): void {
  if (head.protocol !== 'websocket' || head.version !== '2' || head.headers.has('sec-websocket-key')) return;
  const key = Buffer.from(random.uuid().replaceAll('-', ''), 'hex').toString('base64');
  head.headers.add('sec-websocket-key', key);
}
