// VirtualService: timeouts, retries, faults and CORS.
import type { Expectation, Feature, Scenario, Step } from './scenario.ts';
import { policy } from './server-calls.ts';
import { routes, to, WEB_SUBSETS } from './yaml.ts';

const V1 = to('web', 'v1');

function rule(name: string, proves: string, block: string, ...steps: readonly Step[]): Scenario {
  return {
    name,
    proves: [`VirtualService.http.${proves}`],
    config: WEB_SUBSETS + routes(`{ ${block}, ${V1} }`),
    steps,
  };
}

const sent = (headers: Record<string, string>, expect: Expectation, more: Partial<Step['call']> = {}): Step => ({
  call: { headers, ...more },
  expect,
});

/** A call that is answered after 3 s. */
const lateGrpc = (
  timeout: string,
  expect: Expectation = { status: 200, lessThanMs: 2500, downstream: { 'grpc-status': '14' } },
  more: Partial<Step['call']> = {},
): Step =>
  sent({ 'content-type': 'application/grpc', 'grpc-timeout': timeout, 'x-delay': '3000' }, expect, {
    method: 'POST',
    body: '',
    h2: true,
    ...more,
  });

const TIMEOUTS: Feature = [
  rule(
    'timeout: an answer that comes too late is 504',
    'timeout',
    'timeout: 200ms',
    sent(
      { 'x-delay': '3000' },
      { status: 504, flag: 'UT', atLeastMs: 200, lessThanMs: 2500, body: 'upstream request timeout' },
    ),
  ),
  rule(
    'timeout: one that comes in time is left alone',
    'timeout',
    'timeout: 4s',
    sent({ 'x-delay': '50' }, { status: 200, backend: 'web-v1', atLeastMs: 50 }),
  ),
  rule('timeout: 0s is none', 'timeout', 'timeout: 0s', sent({ 'x-delay': '300' }, { status: 200 })),
  rule(
    'timeout: none by default',
    'timeout',
    'match: [{ uri: { prefix: / } }]',
    sent({ 'x-delay': '300' }, { status: 200 }),
  ),
  rule(
    'timeout: the log names the reason',
    'timeout',
    'timeout: 100ms',
    sent({ 'x-delay': '2000' }, { status: 504, log: { response_code_details: 'response_timeout' } }),
  ),
  rule('timeout: a gRPC call may ask for less', 'timeout', 'timeout: 4s', lateGrpc('200m')),
  rule('timeout: a gRPC call may not ask for more', 'timeout', 'timeout: 200ms', lateGrpc('4S')),
  rule(
    "timeout: without one a gRPC call's own counts",
    'timeout',
    'match: [{ uri: { prefix: / } }]',
    lateGrpc('200m'),
    lateGrpc('4S', { status: 200, lessThanMs: 4000 }),
  ),
  {
    name: "timeout: the server's sidecar ends a gRPC call whose deadline is passed",
    proves: ['VirtualService.http.timeout'],
    config: policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }'),
    steps: [lateGrpc('200m', { status: 200, lessThanMs: 2500, downstream: { 'grpc-status': '4' } }, { via: 'server' })],
  },
  rule(
    'retries: perTryTimeout tries again',
    'retries.perTryTimeout',
    'retries: { attempts: 2, perTryTimeout: 100ms, retryOn: "5xx" }',
    sent({ 'x-delay': '2000' }, { status: 504, arrivals: 3, flag: 'URX,UT', lessThanMs: 2500 }),
  ),
];

const retried = (on: string, attempts: number): string => `retries: { attempts: ${attempts}, retryOn: "${on}" }`;
const RETRIES: Feature = [
  rule(
    'retries: 5xx until it works',
    'retries.retryOn',
    retried('5xx', 3),
    sent({ 'x-answer': '503,500,200' }, { status: 200, arrivals: 3, upstream: { 'x-envoy-attempt-count': '3' } }),
  ),
  rule(
    'retries: not more than attempts',
    'retries.attempts',
    retried('5xx', 2),
    sent({ 'x-answer': '503' }, { status: 503, arrivals: 3, flag: 'URX' }),
  ),
  rule(
    'retries: one attempt',
    'retries.attempts',
    retried('5xx', 1),
    sent({ 'x-answer': '500' }, { status: 500, arrivals: 2 }),
  ),
  rule(
    'retries: attempts 0 is off',
    'retries.attempts',
    'retries: { attempts: 0 }',
    sent({ 'x-answer': '503' }, { status: 503, arrivals: 1 }),
  ),
  rule(
    'retries: 5xx leaves 404 alone',
    'retries.retryOn',
    retried('5xx', 3),
    sent({ 'x-answer': '404' }, { status: 404, arrivals: 1 }),
  ),
  rule(
    'retries: gateway-error takes 502, 503 and 504',
    'retries.retryOn',
    retried('gateway-error', 3),
    sent({ 'x-answer': '502,503,504,200' }, { status: 200, arrivals: 4 }),
  ),
  rule(
    'retries: gateway-error leaves 500 alone',
    'retries.retryOn',
    retried('gateway-error', 3),
    sent({ 'x-answer': '500' }, { status: 500, arrivals: 1 }),
  ),
  rule(
    'retries: a status code in retryOn',
    'retries.retryOn',
    retried('429', 2),
    sent({ 'x-answer': '429,200' }, { status: 200, arrivals: 2 }),
  ),
  rule(
    'retries: several status codes',
    'retries.retryOn',
    retried('404,418', 3),
    sent({ 'x-answer': '418,404,200' }, { status: 200, arrivals: 3 }),
  ),
  rule(
    'retries: retriable-4xx is 409',
    'retries.retryOn',
    retried('retriable-4xx', 2),
    sent({ 'x-answer': '409,200' }, { status: 200, arrivals: 2 }),
  ),
  rule(
    'retries: retriable-4xx leaves 400 alone',
    'retries.retryOn',
    retried('retriable-4xx', 2),
    sent({ 'x-answer': '400' }, { status: 400, arrivals: 1 }),
  ),
  rule(
    'retries: reset',
    'retries.retryOn',
    retried('reset', 2),
    sent({ 'x-reset': 'once' }, { status: 200, arrivals: 2 }),
  ),
  rule(
    'retries: a reset without the word for it',
    'retries.retryOn',
    retried('gateway-error', 0).replace('attempts: 0', 'attempts: 1').replace('gateway-error', 'retriable-4xx'),
    sent({ 'x-reset': 'always' }, { status: 503, arrivals: 1, flag: 'UC' }),
  ),
  rule(
    'retries: a POST is repeated when it is asked for',
    'retries.retryOn',
    retried('5xx', 2),
    sent({ 'x-answer': '503,200' }, { status: 200, arrivals: 2 }, { method: 'POST', body: 'again' }),
  ),
  rule(
    'retries: the default repeats no POST that was answered',
    'retries',
    'match: [{ uri: { prefix: / } }]',
    sent({ 'x-answer': '503' }, { status: 503, arrivals: 1 }, { method: 'POST', body: 'pay' }),
  ),
  rule(
    'retries: the default repeats no POST whose connection broke',
    'retries',
    'match: [{ uri: { prefix: / } }]',
    sent({ 'x-reset': 'always' }, { status: 503, arrivals: 1, flag: 'UC' }, { method: 'POST', body: 'pay' }),
  ),
  rule(
    'retries: the attempt is counted for the application',
    'retries',
    'match: [{ uri: { prefix: / } }]',
    sent({}, { status: 200, upstream: { 'x-envoy-attempt-count': '1' } }),
  ),
];

const FAULTS: Feature = [
  rule(
    'fault: abort everything',
    'fault.abort',
    'fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }',
    sent({}, { status: 418, arrivals: 0, flag: 'FI', body: 'fault filter abort' }),
  ),
  rule(
    'fault: abort nothing',
    'fault.abort.percentage',
    'fault: { abort: { httpStatus: 500, percentage: { value: 0 } } }',
    sent({}, { status: 200, flag: '-' }),
  ),
  rule(
    'fault: abort half',
    'fault.abort.percentage',
    'fault: { abort: { httpStatus: 500, percentage: { value: 50 } } }',
    { call: {}, times: 200, together: 10, spread: { '500': [60, 140], '200': [60, 140] } },
  ),
  ...[400, 401, 429, 503, 599].map((code) =>
    rule(
      `fault: abort with ${code}`,
      'fault.abort.httpStatus',
      `fault: { abort: { httpStatus: ${code}, percentage: { value: 100 } } }`,
      sent({}, { status: code }),
    ),
  ),
  rule(
    'fault: abort with a gRPC status',
    'fault.abort.grpcStatus',
    'fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 100 } } }',
    sent(
      { 'content-type': 'application/grpc' },
      { status: 200, downstream: { 'grpc-status': '14' } },
      { method: 'POST', body: '' },
    ),
  ),
  rule(
    'fault: delay everything',
    'fault.delay',
    'fault: { delay: { fixedDelay: 150ms, percentage: { value: 100 } } }',
    sent({}, { status: 200, atLeastMs: 150, flag: 'DI' }),
  ),
  rule(
    'fault: delay nothing',
    'fault.delay.percentage',
    'fault: { delay: { fixedDelay: 3s, percentage: { value: 0 } } }',
    sent({}, { status: 200, lessThanMs: 2500 }),
  ),
  rule(
    'fault: delay, then abort',
    'fault.delay',
    'fault: { delay: { fixedDelay: 100ms, percentage: { value: 100 } }, abort: { httpStatus: 503, percentage: { value: 100 } } }',
    sent({}, { status: 503, atLeastMs: 100, flag: 'DI,FI' }),
  ),
  {
    name: 'fault: only for those that match',
    proves: ['VirtualService.http.fault'],
    config:
      WEB_SUBSETS +
      routes(
        `{ match: [{ headers: { x-user: { exact: jason } } }], fault: { abort: { httpStatus: 500, percentage: { value: 100 } } }, ${V1} }`,
        `{ ${V1} }`,
      ),
    steps: [sent({ 'x-user': 'jason' }, { status: 500 }), sent({ 'x-user': 'jane' }, { status: 200 })],
  },
];

const ORIGIN = 'https://a.example';
const preflight = (origin: string, expect: Expectation): Step =>
  sent({ origin, 'access-control-request-method': 'GET' }, expect, { method: 'OPTIONS' });
const CORS: Feature = [
  rule(
    'cors: exact origin, plain request',
    'corsPolicy.allowOrigins',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }] }`,
    sent({ origin: ORIGIN }, { status: 200, downstream: { 'access-control-allow-origin': ORIGIN } }),
    sent({ origin: 'https://b.example' }, { status: 200, downstream: { 'access-control-allow-origin': null } }),
  ),
  rule(
    'cors: prefix origin',
    'corsPolicy.allowOrigins',
    'corsPolicy: { allowOrigins: [{ prefix: "https://a." }] }',
    sent({ origin: ORIGIN }, { status: 200, downstream: { 'access-control-allow-origin': ORIGIN } }),
  ),
  rule(
    'cors: regex origin',
    'corsPolicy.allowOrigins',
    'corsPolicy: { allowOrigins: [{ regex: "https://[ab][.]example" }] }',
    sent({ origin: ORIGIN }, { status: 200, downstream: { 'access-control-allow-origin': ORIGIN } }),
  ),
  rule(
    'cors: a preflight is answered without the application',
    'corsPolicy.allowMethods',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }], allowMethods: [GET, PUT], allowHeaders: [x-a], maxAge: 600s }`,
    preflight(ORIGIN, {
      status: 200,
      arrivals: 0,
      downstream: {
        'access-control-allow-methods': 'GET,PUT',
        'access-control-allow-headers': 'x-a',
        'access-control-max-age': '600',
      },
    }),
  ),
  rule(
    'cors: maxAge',
    'corsPolicy.maxAge',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }], maxAge: 24h }`,
    preflight(ORIGIN, { status: 200, downstream: { 'access-control-max-age': '86400' } }),
  ),
  rule(
    'cors: allowCredentials',
    'corsPolicy.allowCredentials',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }], allowCredentials: true }`,
    sent({ origin: ORIGIN }, { status: 200, downstream: { 'access-control-allow-credentials': 'true' } }),
  ),
  rule(
    'cors: exposeHeaders',
    'corsPolicy.exposeHeaders',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }], exposeHeaders: [x-b, x-c] }`,
    sent({ origin: ORIGIN }, { status: 200, downstream: { 'access-control-expose-headers': 'x-b,x-c' } }),
  ),
  rule(
    'cors: a foreign preflight is forwarded',
    'corsPolicy.unmatchedPreflights',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }], unmatchedPreflights: FORWARD }`,
    preflight('https://b.example', { status: 200, arrivals: 1 }),
  ),
  rule(
    'cors: a foreign preflight is answered',
    'corsPolicy.unmatchedPreflights',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }], unmatchedPreflights: IGNORE }`,
    preflight('https://b.example', { status: 200, arrivals: 0, downstream: { 'access-control-allow-origin': null } }),
  ),
  rule(
    'cors: an OPTIONS that is no preflight goes through',
    'corsPolicy',
    `corsPolicy: { allowOrigins: [{ exact: "${ORIGIN}" }] }`,
    sent({ origin: ORIGIN }, { status: 200, arrivals: 1 }, { method: 'OPTIONS' }),
  ),
];

export const feature: Feature = [...TIMEOUTS, ...RETRIES, ...FAULTS, ...CORS];
