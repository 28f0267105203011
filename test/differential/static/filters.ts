// Area `filters`: RBAC, CORS, faults, limits and header mutations in front of plain routes, with settings of routes over them.
import { Dice } from './dice.ts';
import { headerMatch, routeMatch } from './matches.ts';
import type { Ask, Protocol, Trial } from './model.ts';
import { routeAsk } from './routes.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions.filters.http';
const ASKS = 24;
const ALWAYS = { default_value: { numerator: 100 } };
const DEPTH = 3;

type Config = Record<string, unknown>;

/** A filter in the chain, and what a level of the route table says of it. */
interface Kind {
  readonly name: string;
  readonly make: (dice: Dice) => Config;
  readonly ofRoute: (dice: Dice) => Config;
}

const KINDS: readonly Kind[] = [
  {
    name: 'envoy.filters.http.rbac',
    make: (dice) => ({ '@type': `${EXTENSIONS}.rbac.v3.RBAC`, ...rules(dice) }),
    ofRoute: (dice) => ({
      '@type': `${EXTENSIONS}.rbac.v3.RBACPerRoute`,
      ...(dice.chance(0.7) ? { rbac: rules(dice) } : {}),
    }),
  },
  {
    name: 'envoy.filters.http.cors',
    make: () => ({ '@type': `${EXTENSIONS}.cors.v3.Cors` }),
    ofRoute: (dice) => ({ '@type': `${EXTENSIONS}.cors.v3.CorsPolicy`, ...cors(dice) }),
  },
  {
    name: 'envoy.filters.http.fault',
    make: (dice) => ({ '@type': `${EXTENSIONS}.fault.v3.HTTPFault`, ...fault(dice) }),
    ofRoute: (dice) => ({ '@type': `${EXTENSIONS}.fault.v3.HTTPFault`, ...fault(dice) }),
  },
  {
    name: 'envoy.filters.http.buffer',
    make: (dice) => ({ '@type': `${EXTENSIONS}.buffer.v3.Buffer`, max_request_bytes: dice.pick([2, 4, 100]) }),
    ofRoute: (dice) => ({
      '@type': `${EXTENSIONS}.buffer.v3.BufferPerRoute`,
      ...dice.pick<() => Config>([
        () => ({ disabled: true }),
        () => ({ buffer: { max_request_bytes: dice.pick([3, 4]) } }),
      ])(),
    }),
  },
  {
    name: 'envoy.filters.http.local_ratelimit',
    make: (dice) => ({ '@type': `${EXTENSIONS}.local_ratelimit.v3.LocalRateLimit`, ...localLimit(dice) }),
    ofRoute: (dice) => ({ '@type': `${EXTENSIONS}.local_ratelimit.v3.LocalRateLimit`, ...localLimit(dice) }),
  },
  {
    name: 'envoy.filters.http.header_mutation',
    make: (dice) => ({ '@type': `${EXTENSIONS}.header_mutation.v3.HeaderMutation`, mutations: headerChanges(dice) }),
    ofRoute: (dice) => ({
      '@type': `${EXTENSIONS}.header_mutation.v3.HeaderMutationPerRoute`,
      mutations: headerChanges(dice),
    }),
  },
];

export function makeFilters(seed: number, client: Protocol, upstream: Protocol): Trial {
  const dice = new Dice(seed);
  const kinds = KINDS.filter(() => dice.chance(0.4));
  if (kinds.length === 0) kinds.push(KINDS[0] as Kind);
  const ofLevel = (share: number, of = kinds): Config => {
    const chosen: Config = {};
    for (const kind of of)
      if (dice.chance(share))
        chosen[kind.name] = dice.chance(0.2)
          ? { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true }
          : kind.ofRoute(dice);
    return Object.keys(chosen).length === 0 ? {} : { typed_per_filter_config: chosen };
  };
  const to = (): Config => ({ route: { cluster: `${dice.pick(['a', 'b'])}-${upstream}`, timeout: '10s' } });
  const routes = dice.list(
    1,
    3,
    (): Config => ({ name: `r${dice.int(1000)}`, match: routeMatch(dice), ...to(), ...ofLevel(0.5) }),
  );
  routes.push({ name: 'rest', match: { prefix: '/' }, ...to(), ...ofLevel(0.3) });
  // Of header mutations Envoy takes all levels; ours is the nearest one.
  const ofHost = kinds.filter(({ name }) => name !== 'envoy.filters.http.header_mutation');
  const manager = {
    ...dice.fields(0.3, { use_remote_address: () => true, normalize_path: () => true }),
    http_filters: kinds.map((kind) => ({ name: kind.name, typed_config: kind.make(dice) })),
    route_config: { name: 'table', virtual_hosts: [{ name: 'all', domains: ['*'], routes, ...ofLevel(0.3, ofHost) }] },
  };
  return {
    area: 'filters',
    seed,
    client,
    upstream,
    manager,
    asks: dice.list(ASKS, ASKS, () => filterAsk(dice, upstream)),
  };
}

function rules(dice: Dice): Config {
  const policies = (): Config => ({
    action: dice.pick(['ALLOW', 'ALLOW', 'DENY']),
    policies: Object.fromEntries(
      dice.list(1, 2, () => [
        `p${dice.int(100)}`,
        {
          permissions: dice.list(1, 2, () => permission(dice, DEPTH)),
          principals: dice.list(1, 2, () => principal(dice, DEPTH)),
        },
      ]),
    ),
  });
  return dice.chance(0.9)
    ? { rules: policies(), ...dice.fields(0.2, { shadow_rules: policies }) }
    : { shadow_rules: policies() };
}

function permission(dice: Dice, depth: number): Config {
  const leaf = [
    (): Config => ({ any: true }),
    (): Config => ({ header: headerMatch(dice) }),
    (): Config => ({ header: headerMatch(dice) }),
    (): Config => ({
      url_path: { path: dice.chance(0.5) ? { exact: dice.pick(['/a', '/a/b', '/', '/A']) } : textPath(dice) },
    }),
    (): Config => ({ destination_ip: range(dice) }),
    (): Config => ({ metadata: { filter: 'x', path: [{ key: 'y' }], value: { string_match: { exact: 'z' } } } }),
    (): Config => ({ requested_server_name: dice.chance(0.5) ? { exact: '' } : { prefix: 'x' } }),
    (): Config => ({
      uri_template: {
        name: 'template',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
          path_template: dice.pick(['/a/*', '/a/**', '/user/{id}/cart', '/*']),
        },
      },
    }),
  ];
  if (depth === 0 || dice.chance(0.5)) return dice.pick(leaf)();
  const inner = (): Config => permission(dice, depth - 1);
  return dice.pick([
    (): Config => ({ not_rule: inner() }),
    (): Config => ({ and_rules: { rules: dice.list(1, 3, inner) } }),
    (): Config => ({ or_rules: { rules: dice.list(1, 3, inner) } }),
  ])();
}

function principal(dice: Dice, depth: number): Config {
  const leaf = [
    (): Config => ({ any: true }),
    (): Config => ({ any: true }),
    (): Config => ({ header: headerMatch(dice) }),
    (): Config => ({ url_path: { path: textPath(dice) } }),
    (): Config => ({ direct_remote_ip: range(dice) }),
    (): Config => ({ remote_ip: range(dice) }),
    (): Config => ({ authenticated: {} }),
    (): Config => ({ authenticated: { principal_name: { exact: 'x' } } }),
  ];
  if (depth === 0 || dice.chance(0.5)) return dice.pick(leaf)();
  const inner = (): Config => principal(dice, depth - 1);
  return dice.pick([
    (): Config => ({ not_id: inner() }),
    (): Config => ({ and_ids: { ids: dice.list(1, 3, inner) } }),
    (): Config => ({ or_ids: { ids: dice.list(1, 3, inner) } }),
  ])();
}

function textPath(dice: Dice): Config {
  const kind = dice.pick(['exact', 'prefix', 'suffix', 'contains', 'safe_regex']);
  const value = dice.pick(['/a', '/a/', 'b', '/A', '?', '%2F', ';', '//', '/user']);
  if (kind === 'safe_regex') return { safe_regex: { regex: dice.pick(['/a.*', '.*b', '/[^?]*', '/user/[^/]+/cart']) } };
  return { [kind]: value, ...(dice.chance(0.3) ? { ignore_case: true } : {}) };
}

const range = (dice: Dice): Config =>
  dice.pick([
    { address_prefix: '127.0.0.0', prefix_len: 8 },
    { address_prefix: '127.0.0.1', prefix_len: 32 },
    { address_prefix: '127.0.0.2', prefix_len: 31 },
    { address_prefix: '1.2.3.0', prefix_len: 24 },
    { address_prefix: '10.0.0.0', prefix_len: 8 },
    { address_prefix: '0.0.0.0', prefix_len: 0 },
    { address_prefix: '::1', prefix_len: 128 },
  ]);

function cors(dice: Dice): Config {
  return {
    ...(dice.chance(0.9)
      ? {
          allow_origin_string_match: dice.list(1, 2, () =>
            dice.pick<Config>([
              { exact: 'https://a.example' },
              { prefix: 'https://' },
              { suffix: '.example', ignore_case: true },
              { safe_regex: { regex: 'https?://[a-z.]+' } },
            ]),
          ),
        }
      : {}),
    ...dice.fields(0.5, {
      allow_methods: () => dice.pick(['GET', 'GET,POST']),
      allow_headers: () => dice.pick(['x-one', 'x-one,x-two']),
      max_age: () => '60',
      allow_credentials: () => dice.chance(0.7),
    }),
    ...dice.fields(0.2, {
      filter_enabled: () => ({ default_value: { numerator: dice.pick([0, 100]) } }),
      shadow_enabled: () => ALWAYS,
      allow_private_network_access: () => true,
      forward_not_matching_preflights: () => dice.chance(0.5),
    }),
  };
}

/** Not of gRPC statuses: Envoy answers other requests with 200 then, ours with the HTTP status that goes with it. */
function fault(dice: Dice): Config {
  const percentage = { numerator: dice.pick([0, 100, 100]) };
  const abort = dice.pick<Config>([
    { http_status: 418 },
    { http_status: 503 },
    { header_abort: {} },
    { header_abort: {} },
  ]);
  return {
    abort: { ...abort, percentage },
    ...dice.fields(0.3, {
      headers: () => [headerMatch(dice)],
      upstream_cluster: () => dice.pick(['a-h1', 'b-h1']),
      downstream_nodes: () => ['them'],
      disable_downstream_cluster_stats: () => true,
    }),
  };
}

function localLimit(dice: Dice): Config {
  // Empty or endless: what a bucket has left is order's, not the rules'.
  const empty = { max_tokens: 1_000_000, tokens_per_fill: 1, fill_interval: '3600s' };
  return {
    stat_prefix: 'limit',
    token_bucket: empty,
    filter_enabled: ALWAYS,
    filter_enforced: ALWAYS,
    ...dice.fields(0.4, {
      response_headers_to_add: () => [{ header: { key: 'x-limited', value: 'yes' } }],
      status: () => ({ code: 'ServiceUnavailable' }),
      request_headers_to_add_when_not_enforced: () => [{ header: { key: 'x-not-enforced', value: 'yes' } }],
      enable_x_ratelimit_headers: () => 'OFF',
    }),
  };
}

function headerChanges(dice: Dice): Config {
  const change = (): Config => {
    if (dice.chance(0.3)) return { remove: dice.pick(['x-one', 'x-two', 'x-gone', 'user-agent']) };
    return {
      append: {
        header: {
          key: dice.pick(['x-one', 'x-new', 'X-Upper']),
          value: dice.pick(['plain', '%REQ(X-TWO)%', '%REQ(X-MISSING)%']),
        },
        append_action: dice.pick([
          'APPEND_IF_EXISTS_OR_ADD',
          'ADD_IF_ABSENT',
          'OVERWRITE_IF_EXISTS_OR_ADD',
          'OVERWRITE_IF_EXISTS',
        ]),
      },
    };
  };
  return dice.fields(0.7, {
    request_mutations: () => dice.list(1, 3, change),
    response_mutations: () => dice.list(1, 3, change),
  });
}

function filterAsk(dice: Dice, upstream: Protocol): Ask {
  const ask = routeAsk(dice, upstream);
  const headers = [...ask.headers];
  const optional: Record<string, () => string> = {
    origin: () => dice.pick(['https://a.example', 'https://b.example', 'HTTPS://A.EXAMPLE', 'null', '']),
    'access-control-request-method': () => dice.pick(['GET', 'POST', '']),
    'access-control-request-private-network': () => 'true',
    'x-envoy-fault-abort-request': () => dice.pick(['418', '503', '99', 'x', '200']),
    'x-envoy-fault-abort-request-percentage': () => dice.pick(['0', '100']),
  };
  for (const [name, make] of Object.entries(optional)) if (dice.chance(0.25)) headers.push([name, make()]);
  return {
    ...ask,
    headers,
    method: dice.chance(0.2) ? 'OPTIONS' : ask.method,
    ...(dice.chance(0.4) ? { from: `127.0.0.${2 + dice.int(3)}` } : {}),
  };
}
