// Rules of VirtualService (istio pkg/config/validation/virtualservice.go and validation.go).

import type { HttpMatch, HttpRoute, RouteDestination, TlsRoute, VirtualServiceSpec } from '../model/virtual-service.ts';
import { type Path, shown } from '../problem.ts';
import { checkAuthorityOnce, checkHeaderName, checkHeaders, isClaim } from './headers.ts';
import {
  checkCors,
  checkDestination,
  checkDirectResponse,
  checkFault,
  checkRedirect,
  checkRetries,
  checkRewrite,
} from './http-route.ts';
import {
  checkAddress,
  checkExportTo,
  checkGatewayNames,
  checkHost,
  checkLabels,
  checkStringMatch,
  type Context,
  covers,
  isDnsLabel,
  isIp,
  isWildcardHost,
} from './rules.ts';

export function validateVirtualService(context: Context, spec: VirtualServiceSpec, path: Path): void {
  const hosts = spec.hosts ?? [];
  const delegate = hosts.length === 0;
  checkGatewayNames(context, spec.gateways, [...path, 'gateways']);
  if (delegate) checkDelegate(context, spec, path);
  const onGatewaysOnly = (spec.gateways ?? []).length > 0 && !spec.gateways?.includes('mesh');
  checkHosts(context, hosts, onGatewaysOnly, [...path, 'hosts']);
  if ([spec.http, spec.tls, spec.tcp].every((routes) => (routes ?? []).length === 0)) {
    context.problems.say('TS-CFG-0109', path, { fields: 'http, tls, tcp' }, { expected: 'http, tls or tcp' });
  }
  for (const [i, route] of (spec.http ?? []).entries())
    checkHttpRoute(context, route, { delegate, onGatewaysOnly }, [...path, 'http', i]);
  for (const [i, route] of (spec.tls ?? []).entries()) checkTlsRoute(context, route, hosts, [...path, 'tls', i]);
  for (const [i, route] of (spec.tcp ?? []).entries()) {
    const at = [...path, 'tcp', i];
    for (const [j, match] of (route.match ?? []).entries()) checkL4Match(context, match, [...at, 'match', j]);
    checkWeighted(context, route.route, at);
  }
  checkExportTo(context, spec.exportTo, [...path, 'exportTo'], false);
}

function checkDelegate(context: Context, spec: VirtualServiceSpec, path: Path): void {
  const say = (field: string): void =>
    context.problems.say('TS-CFG-0314', [...path, field], {
      reason: `without hosts this is a delegate, which has no ${field}`,
    });
  if ((spec.gateways ?? []).length > 0) say('gateways');
  if ((spec.tls ?? []).length > 0) say('tls');
  if ((spec.tcp ?? []).length > 0) say('tcp');
}

function checkHosts(context: Context, hosts: readonly string[], onGatewaysOnly: boolean, path: Path): void {
  for (const [i, host] of hosts.entries()) {
    if (!isIp(host)) checkHost(context, host, [...path, i], { star: onGatewaysOnly });
    const earlier = hosts.slice(0, i).find((other) => covers(other, host) || covers(host, other));
    if (earlier !== undefined && isWildcardHost(host))
      context.problems.say('TS-CFG-0302', [...path, i], {
        value: `${shown(host)} (${shown(earlier)})`,
        field: 'hosts',
      });
  }
}

interface RouteContext {
  readonly delegate: boolean;
  readonly onGatewaysOnly: boolean;
}

function checkHttpRoute(context: Context, route: HttpRoute, around: RouteContext, path: Path): void {
  checkActions(context, route, around.delegate, path);
  for (const [i, match] of (route.match ?? []).entries()) {
    const at = [...path, 'match', i];
    checkHttpMatch(context, match, around, at);
    if (around.delegate || route.delegate !== undefined) checkDelegatedMatch(context, match, at);
  }
  checkHeaders(context, route.headers, [...path, 'headers']);
  checkAuthorityOnce(context, route.rewrite?.authority, route.headers, [...path, 'headers']);
  checkCors(context, route.corsPolicy, [...path, 'corsPolicy']);
  checkFault(context, route.fault, [...path, 'fault']);
  checkRedirect(context, route, [...path, 'redirect']);
  checkDirectResponse(context, route.directResponse, [...path, 'directResponse']);
  checkRewrite(context, route.rewrite, [...path, 'rewrite']);
  checkRetries(context, route.retries, [...path, 'retries']);
  if (route.mirror !== undefined) checkDestination(context, route.mirror, [...path, 'mirror']);
  for (const [i, mirror] of (route.mirrors ?? []).entries())
    checkDestination(context, mirror.destination, [...path, 'mirrors', i, 'destination']);
  if (route.mirror !== undefined && (route.mirrors ?? []).length > 0)
    context.problems.say('TS-CFG-0315', [...path, 'mirrors'], { reason: 'mirror and mirrors exclude each other' });
  if ((route.mirrorPercent ?? 0) > 100)
    context.problems.say('TS-CFG-0315', [...path, 'mirrorPercent'], { reason: 'the share is above 100' });
  for (const [i, target] of (route.route ?? []).entries())
    checkHeaders(context, target.headers, [...path, 'route', i, 'headers']);
  checkTargets(context, route.route, path);
}

function checkActions(context: Context, route: HttpRoute, delegate: boolean, path: Path): void {
  const say = (reason: string, field: string): void =>
    context.problems.say('TS-CFG-0313', [...path, field], { reason }, { atKey: true });
  const set = (['route', 'redirect', 'directResponse', 'delegate'] as const).filter((field) =>
    field === 'route' ? (route.route ?? []).length > 0 : route[field] !== undefined,
  );
  if (delegate && route.delegate !== undefined) say('a delegate cannot delegate', 'delegate');
  if (set.length === 0)
    context.problems.say('TS-CFG-0313', path, { reason: 'route, redirect or directResponse is required' });
  else if (set.length > 1) say(`${set.join(' and ')} exclude each other`, set[1] as string);
  for (const action of ['redirect', 'directResponse'] as const) {
    if (route[action] === undefined) continue;
    if (route.fault !== undefined && action === 'redirect') say('fault and redirect exclude each other', 'fault');
    if (route.rewrite !== undefined) say(`rewrite and ${action} exclude each other`, 'rewrite');
  }
}

function checkHttpMatch(context: Context, match: HttpMatch, around: RouteContext, path: Path): void {
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const)
    checkStringMatch(context, match[field], [...path, field]);
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const [name, value] of Object.entries(match[field] ?? {})) {
      const at = [...path, field, name];
      if (!isClaim(name)) checkHeaderName(context, name, at);
      else if (!around.onGatewaysOnly)
        context.problems.say(
          'TS-CFG-0339',
          at,
          { reason: 'claims of tokens can only be matched at gateways' },
          { atKey: true },
        );
      checkStringMatch(context, value, at);
    }
  }
  for (const [name, value] of Object.entries(match.queryParams ?? {}))
    checkStringMatch(context, value, [...path, 'queryParams', name]);
  if (match.sourceNamespace !== undefined && !isDnsLabel(match.sourceNamespace)) {
    context.problems.say('TS-CFG-0339', [...path, 'sourceNamespace'], {
      reason: `${shown(match.sourceNamespace)} is no namespace`,
    });
  }
  checkLabels(context, match.sourceLabels, [...path, 'sourceLabels']);
  checkGatewayNames(context, match.gateways, [...path, 'gateways']);
}

function checkDelegatedMatch(context: Context, match: HttpMatch, path: Path): void {
  const say = (at: Path): void => context.problems.say('TS-CFG-0314', at, { reason: 'patterns cannot be delegated' });
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const)
    if (match[field]?.regex !== undefined) say([...path, field]);
  for (const field of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [name, value] of Object.entries(match[field] ?? {}))
      if (value.regex !== undefined) say([...path, field, name]);
  }
}

function checkTlsRoute(context: Context, route: TlsRoute, hosts: readonly string[], path: Path): void {
  for (const [i, match] of route.match.entries()) {
    const at = [...path, 'match', i];
    for (const [j, sni] of match.sniHosts.entries()) {
      const here = [...at, 'sniHosts', j];
      if (isIp(sni)) context.problems.say('TS-CFG-0408', here, { value: shown(sni) });
      else {
        checkHost(context, sni, here);
        if (!hosts.some((host) => covers(host, sni)))
          context.problems.say('TS-CFG-0317', here, { value: shown(sni) }, { expected: hosts.join(', ') });
      }
    }
    checkL4Match(context, match, at);
  }
  checkWeighted(context, route.route, path);
}

interface L4Match {
  readonly destinationSubnets?: readonly string[];
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly gateways?: readonly string[];
}

function checkL4Match(context: Context, match: L4Match, path: Path): void {
  for (const [i, subnet] of (match.destinationSubnets ?? []).entries())
    checkAddress(context, subnet, [...path, 'destinationSubnets', i], 'IP address or CIDR');
  checkLabels(context, match.sourceLabels, [...path, 'sourceLabels']);
  checkGatewayNames(context, match.gateways, [...path, 'gateways']);
}

function checkWeighted(context: Context, targets: readonly RouteDestination[] | undefined, path: Path): void {
  if ((targets ?? []).length === 0) context.problems.say('TS-CFG-0313', path, { reason: 'route is required' });
  checkTargets(context, targets, path);
}

function checkTargets(context: Context, targets: readonly RouteDestination[] | undefined, path: Path): void {
  let sum = 0;
  for (const [i, target] of (targets ?? []).entries()) {
    checkDestination(context, target.destination, [...path, 'route', i, 'destination']);
    sum += target.weight ?? 0;
  }
  if ((targets ?? []).length > 1 && sum === 0)
    context.problems.say('TS-CFG-0304', [...path, 'route'], { field: 'route' });
}
