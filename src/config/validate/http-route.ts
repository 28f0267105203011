// Rules of the parts of an HTTP route: destination, fault, redirect, rewrite, retries, CORS, direct response.

import { GRPC_STATUS_NAMES, RETRY_CONDITIONS } from '#base';
import type { CorsPolicy, Destination, HttpFault, HttpRetry, HttpRoute } from '../model/virtual-service.ts';
import { parseDuration } from '../model/duration.ts';
import { re2Problem } from '../parse/regex.ts';
import { type Path, shown } from '../problem.ts';
import { checkHeaderName } from './headers.ts';
import { checkHost, checkPort, type Context, isDnsLabel } from './rules.ts';

export function checkDestination(context: Context, destination: Destination, path: Path): void {
  checkHost(context, destination.host, [...path, 'host'], { star: false });
  if (destination.subset !== undefined && destination.subset !== '' && !isDnsLabel(destination.subset)) {
    context.problems.say('TS-CFG-0337', [...path, 'subset'], { value: shown(destination.subset) });
  }
  if (destination.port !== undefined) checkPort(context, destination.port.number ?? 0, [...path, 'port']);
}

export function checkFault(context: Context, fault: HttpFault | undefined, path: Path): void {
  if (fault === undefined) return;
  const say = (reason: string, at: Path): void => context.problems.say('TS-CFG-0312', at, { reason });
  const { delay, abort } = fault;
  if (delay === undefined && abort === undefined) say('delay or abort is required', path);
  for (const [name, part] of [
    ['delay', delay],
    ['abort', abort],
  ] as const) {
    const share = part?.percentage?.value ?? 0;
    if (share > 0 && share < 0.0001) say('the share is below 0.0001', [...path, name, 'percentage']);
  }
  if (delay?.exponentialDelay !== undefined)
    say('exponentialDelay does not exist in Istio either; use fixedDelay', [...path, 'delay', 'exponentialDelay']);
  if (abort === undefined) return;
  if (abort.http2Error !== undefined)
    say('http2Error does not exist in Istio either; use httpStatus', [...path, 'abort', 'http2Error']);
  if (abort.httpStatus !== undefined && (abort.httpStatus < 200 || abort.httpStatus > 599))
    say(`${abort.httpStatus} is outside 200 to 599`, [...path, 'abort', 'httpStatus']);
  const grpc = abort.grpcStatus;
  if (grpc !== undefined && !GRPC_STATUS_NAMES.includes(grpc) && !(/^\d{1,2}$/.test(grpc) && Number(grpc) <= 16))
    say(`${shown(grpc)} is no gRPC status`, [...path, 'abort', 'grpcStatus']);
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function checkRedirect(context: Context, route: HttpRoute, path: Path): void {
  const redirect = route.redirect;
  if (redirect === undefined) return;
  const say = (reason: string, field?: string): void =>
    context.problems.say('TS-CFG-0309', field === undefined ? path : [...path, field], { reason });
  const { uri, authority, scheme, redirectCode } = redirect;
  const nothing = [uri, authority, scheme, redirect.prefixRewrite].every((value) => (value ?? '') === '');
  if (nothing && redirect.port === undefined && redirect.derivePort === undefined)
    say('uri, prefixRewrite, authority, scheme or port is required');
  if (redirectCode !== undefined && redirectCode !== 0 && !REDIRECTS.has(redirectCode))
    say(`${redirectCode} is none of 301, 302, 303, 307, 308`, 'redirectCode');
  if ((scheme ?? '') !== '' && scheme !== 'http' && scheme !== 'https')
    say('the scheme is neither http nor https', 'scheme');
  if (redirect.port !== undefined && redirect.port > 0) checkPort(context, redirect.port, [...path, 'port']);
  const prefixed = (route.match ?? []).length > 0 && route.match?.every((match) => match.uri?.prefix !== undefined);
  if ((redirect.prefixRewrite ?? '') !== '' && prefixed !== true)
    say('prefixRewrite needs a match by uri.prefix', 'prefixRewrite');
}

const LARGE = 100 * 1024;
const TOO_LARGE = 1024 * 1024;

export function checkDirectResponse(context: Context, response: HttpRoute['directResponse'], path: Path): void {
  if (response === undefined) return;
  if (response.status < 200 || response.status > 599)
    context.problems.say('TS-CFG-0313', [...path, 'status'], {
      reason: `status ${response.status} is outside 200 to 599`,
    });
  const { string, bytes } = response.body ?? {};
  const size = string === undefined ? ((bytes?.length ?? 0) * 3) / 4 : Buffer.byteLength(string);
  if (size > TOO_LARGE) context.problems.say('TS-CFG-0343', [...path, 'body'], { size });
  else if (size > LARGE) context.problems.say('TS-CFG-0405', [...path, 'body'], { size });
}

export function checkRewrite(context: Context, rewrite: HttpRoute['rewrite'], path: Path): void {
  if (rewrite === undefined) return;
  const say = (reason: string, at: Path = path): void => context.problems.say('TS-CFG-0310', at, { reason });
  const { uri, authority, uriRegexRewrite: regex } = rewrite;
  if ((uri ?? '') !== '' && regex !== undefined) say('uri and uriRegexRewrite exclude each other');
  if ((uri ?? '') === '' && (authority ?? '') === '' && regex === undefined)
    say('uri, uriRegexRewrite or authority is required');
  if (regex === undefined) return;
  const at = [...path, 'uriRegexRewrite'];
  if ((regex.match ?? '') === '' || (regex.rewrite ?? '') === '') return say('match and rewrite are both required', at);
  const reason = re2Problem(regex.match as string);
  if (reason !== undefined)
    context.problems.say('TS-CFG-0107', [...at, 'match'], { value: shown(regex.match), reason });
}

export function checkRetries(context: Context, retries: HttpRetry | undefined, path: Path): void {
  if (retries === undefined) return;
  const say = (reason: string, field: string): void =>
    context.problems.say('TS-CFG-0311', [...path, field], { reason });
  const others =
    retries.perTryTimeout !== undefined ||
    (retries.retryOn ?? '') !== '' ||
    retries.retryRemoteLocalities !== undefined;
  if (retries.attempts === 0 && others)
    say('attempts is 0, which turns retries off, but other fields are set', 'attempts');
  for (const word of (retries.retryOn ?? '').split(',')) {
    const condition = word.trim();
    const status = /^\d{3}$/.test(condition) && Number(condition) >= 100 && Number(condition) <= 599;
    if (condition !== '' && !status && !RETRY_CONDITIONS.includes(condition))
      say(`${shown(condition)} is no condition`, 'retryOn');
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*']);

export function checkCors(context: Context, policy: CorsPolicy | undefined, path: Path): void {
  if (policy === undefined) return;
  const say = (reason: string, at: Path): void => context.problems.say('TS-CFG-0316', at, { reason });
  for (const [i, origin] of (policy.allowOrigins ?? []).entries()) {
    if ((origin.exact ?? origin.prefix ?? origin.regex ?? '') === '')
      say('the origin is empty', [...path, 'allowOrigins', i]);
  }
  for (const [i, method] of (policy.allowMethods ?? []).entries()) {
    if (!METHODS.has(method)) say(`${shown(method)} is no method`, [...path, 'allowMethods', i]);
  }
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [i, name] of (policy[field] ?? []).entries())
      if (name !== '*') checkHeaderName(context, name, [...path, field, i]);
  }
  if (policy.maxAge !== undefined && (parseDuration(policy.maxAge) ?? 0) % 1000 !== 0)
    say('maxAge is not a whole number of seconds', [...path, 'maxAge']);
}
