// Area `retries`: which answers and ends are tried again, counted where attempts arrive.
import { Dice } from './dice.ts';
import type { Ask, Protocol, Trial } from './model.ts';

const ASKS = 24;
const ON = [
  '5xx',
  'gateway-error',
  'reset',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'reset-before-request',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'unavailable',
  'internal',
  'resource-exhausted',
  'deadline-exceeded',
  'junk',
];
const STEPS = ['200', '404', '409', '500', '502', '503', '504', '429', 'close', 'reset'];

export function makeRetries(seed: number, client: Protocol, upstream: Protocol): Trial {
  const dice = new Dice(seed);
  const policy = (): Record<string, unknown> => ({
    retry_on: [...new Set(dice.list(1, 3, () => dice.pick(ON)))].join(','),
    retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
    ...dice.fields(0.5, {
      num_retries: () => dice.pick([0, 1, 2, 4]),
      retriable_status_codes: () => dice.list(1, 2, () => dice.pick([404, 409, 503, 200])),
      retriable_headers: () => [{ name: 'x-new', string_match: { exact: 'again' } }],
    }),
    ...dice.fields(0.15, {
      retriable_request_headers: () => [{ name: 'x-one', present_match: true }],
      per_try_timeout: () => '8s',
    }),
  });
  const routes = ['/a', '/b', '/'].map((prefix) => ({
    name: prefix,
    match: { prefix },
    route: {
      cluster: upstream === 'h1' ? 'fresh-h1' : 'a-h2',
      timeout: '10s',
      ...dice.fields(0.7, { retry_policy: policy }),
    },
  }));
  const host = {
    name: 'all',
    domains: ['*'],
    routes,
    ...dice.fields(0.4, {
      retry_policy: policy,
      include_request_attempt_count: () => true,
      include_attempt_count_in_response: () => true,
    }),
  };
  const manager = { use_remote_address: dice.chance(0.5), route_config: { name: 'table', virtual_hosts: [host] } };
  return { area: 'retries', seed, client, upstream, manager, asks: dice.list(ASKS, ASKS, () => retryAsk(dice)) };
}

function retryAsk(dice: Dice): Ask {
  const headers: [string, string][] = [
    ['host', 'a.example'],
    ['x-script', dice.list(1, 4, () => dice.pick(STEPS)).join('.')],
  ];
  const optional: Record<string, () => string> = {
    'x-envoy-retry-on': () => dice.pick(ON),
    'x-envoy-max-retries': () => dice.pick(['0', '1', '3']),
    'x-envoy-retriable-status-codes': () => dice.pick(['404', '404,409', '200', 'x']),
    'x-envoy-retriable-header-names': () => 'x-new',
    'x-envoy-retry-grpc-on': () => dice.pick(['cancelled', 'unavailable', 'internal,unavailable']),
    'x-one': () => '1',
    'x-reply': () => dice.pick(['x-new=again', 'grpc-status=14', 'grpc-status=1', 'grpc-status=0', 'grpc-status=13']),
    'content-type': () => dice.pick(['application/grpc', 'text/plain']),
  };
  for (const [name, make] of Object.entries(optional)) if (dice.chance(0.25)) headers.push([name, make()]);
  const method = dice.pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH']);
  return {
    method,
    target: dice.pick(['/a', '/b', '/c']),
    headers,
    body: method.startsWith('P') && dice.chance(0.7) ? 'body' : '',
  };
}
