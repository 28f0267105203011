// Area `routes`: a route table of all kinds of matches and actions behind a connection manager with random options.
import { direct, forward, redirect } from './actions.ts';
import { Dice } from './dice.ts';
import { domainsOf, HEADER_VALUES, HOSTS, NAMES, PATHS, QUERIES, routeMatch } from './matches.ts';
import type { Ask, Protocol, Trial } from './model.ts';
import { mutations } from './mutations.ts';

const ASKS = 24;

export function makeRoutes(seed: number, client: Protocol, upstream: Protocol): Trial {
  const dice = new Dice(seed);
  const hosts = domainsOf(dice, 1 + dice.int(4)).map((domains, i) => ({
    name: `host-${i}`,
    domains,
    routes: dice.list(1, 4, () => routeOf(dice, upstream)),
    ...mutations(dice, 0.12),
    ...dice.fields(0.1, {
      include_request_attempt_count: () => true,
      include_attempt_count_in_response: () => true,
      require_tls: () => dice.pick(['NONE']),
    }),
  }));
  hosts.forEach(
    (host) =>
      dice.chance(0.6) && host.routes.push({ name: 'rest', match: { prefix: '/' }, ...forward(dice, upstream, {}) }),
  );
  const manager = {
    ...managerOptions(dice),
    route_config: {
      name: 'table',
      virtual_hosts: hosts,
      ...mutations(dice, 0.15),
      ...dice.fields(0.2, {
        most_specific_header_mutations_wins: () => true,
        ignore_port_in_host_matching: () => true,
        internal_only_headers: () => ['x-two'],
      }),
    },
  };
  return {
    area: 'routes',
    seed,
    client,
    upstream,
    manager,
    asks: dice.list(ASKS, ASKS, () => routeAsk(dice, upstream)),
  };
}

function routeOf(dice: Dice, upstream: Protocol): Record<string, unknown> {
  const match = routeMatch(dice);
  const action = dice.pick([forward, forward, forward, redirect, direct])(dice, upstream, match);
  return {
    name: `r${dice.int(1000)}`,
    match,
    ...action,
    ...mutations(dice, 0.15),
    ...dice.fields(0.1, {
      metadata: () => ({ filter_metadata: { a: { b: 'meta' } } }),
      response_headers_to_remove: () => ['x-gone'],
    }),
  };
}

/** Of the connection manager. */
function managerOptions(dice: Dice): Record<string, unknown> {
  return {
    ...dice.fields(0.25, {
      normalize_path: () => dice.chance(0.8),
      merge_slashes: () => true,
      path_with_escaped_slashes_action: () => dice.pick(['KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_FORWARD']),
      use_remote_address: () => dice.chance(0.7),
      xff_num_trusted_hops: () => dice.pick([0, 1, 2]),
      skip_xff_append: () => true,
      server_name: () => 'me',
      server_header_transformation: () => dice.pick(['OVERWRITE', 'APPEND_IF_ABSENT', 'PASS_THROUGH']),
      generate_request_id: () => dice.chance(0.5),
      preserve_external_request_id: () => true,
      strip_trailing_host_dot: () => true,
      append_x_forwarded_port: () => true,
      represent_ipv4_remote_address_as_ipv4_mapped_ipv6: () => true,
      scheme_header_transformation: () => ({ scheme_to_overwrite: dice.pick(['http', 'https']) }),
    }),
    ...dice.pick<() => object>([
      () => ({}),
      () => ({}),
      () => ({ strip_matching_host_port: true }),
      () => ({ strip_any_host_port: true }),
    ])(),
  };
}

export function routeAsk(dice: Dice, upstream: Protocol): Ask {
  const headers: [string, string][] = [['host', dice.pick(HOSTS)]];
  for (let n = dice.int(4); n > 0; n--) headers.push([dice.pick(NAMES), dice.pick(HEADER_VALUES)]);
  if (dice.chance(0.5))
    headers.push([
      'x-reply',
      dice.pick([
        'x-gone=1',
        'x-gone=1;server=app',
        'x-new=app',
        'location=/there',
        'via=app',
        'content-type=text/plain',
        'x-envoy-upstream-service-time=7',
      ]),
    ]);
  const optional: Record<string, () => string> = {
    'x-weight': () => dice.pick(['0', '5', '10', '15', '29', '30', '007', '4294967296']),
    'x-cluster': () => dice.pick([`a-${upstream}`, `b-${upstream}`, '']),
    'x-forwarded-for': () =>
      dice.pick(['1.2.3.4', '10.0.0.1', '1.2.3.4, 10.0.0.1', '10.0.0.2,10.0.0.1', 'junk', '1.2.3.4:80', '::1', '']),
    'x-forwarded-proto': () => dice.pick(['http', 'https']),
    'x-forwarded-host': () => 'first.example',
    'x-request-id': () => dice.pick(['mine', 'a3f1c1de-3b2c-4e5f-9a6b-1c2d3e4f5a6b']),
    'x-envoy-internal': () => dice.pick(['true', 'false']),
    'x-envoy-external-address': () => '9.9.9.9',
    'x-envoy-upstream-rq-timeout-ms': () => dice.pick(['5000', '0', 'x', '-1']),
    'x-envoy-expected-rq-timeout-ms': () => '77',
    'x-envoy-max-retries': () => dice.pick(['0', '2', 'x']),
    'x-envoy-retry-on': () => dice.pick(['5xx', 'junk']),
    'x-envoy-downstream-service-cluster': () => 'them',
    'x-envoy-decorator-operation': () => 'op',
    'x-envoy-original-dst-host': () => '1.1.1.1:1',
    'user-agent': () => dice.pick(['me', '']),
    cookie: () => dice.pick(['a=1', 'a=1; b=2']),
    'content-type': () =>
      dice.pick([
        'application/grpc',
        'application/grpc+proto',
        'application/grpc-web',
        'text/plain',
        'Application/grpc',
      ]),
    via: () => 'theirs',
    te: () => dice.pick(['trailers', 'gzip']),
    'x-script': () => dice.pick(['503.200', '500', '404', '302', '204', '304']),
    'proxy-connection': () => 'keep-alive',
    accept: () => '*/*',
  };
  for (const [name, make] of Object.entries(optional))
    if (dice.chance(name === 'x-weight' ? 1 : 0.06)) headers.push([name, make()]);
  const method = dice.pick([
    'GET',
    'GET',
    'GET',
    'GET',
    'POST',
    'POST',
    'HEAD',
    'PUT',
    'DELETE',
    'OPTIONS',
    'PATCH',
    'TRACE',
  ]);
  const body = method === 'POST' || method === 'PUT' ? 'body' : '';
  return { method, target: dice.pick(PATHS) + dice.pick(QUERIES), headers, body };
}
