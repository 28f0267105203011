// AuthorizationPolicy at a server's sidecar, every rule as ALLOW and as DENY; RequestAuthentication by presence.
import type { Call, Expectation, Feature, Scenario } from './scenario.ts';
import { EDGE_GATEWAY, ALPN, as, DENIED, FRIEND, OK, OTHER, plain, policy, SELECT } from './server-calls.ts';

/** The rule alone, as ALLOW and as DENY: what it takes and what it leaves. */
function rule(name: string, field: string, text: string, hits: readonly Call[], misses: readonly Call[]): Scenario[] {
  return (['ALLOW', 'DENY'] as const).map((action) => ({
    name: `${action}: ${name}`,
    proves: [`AuthorizationPolicy.${field}`, 'AuthorizationPolicy.action'],
    config: policy('p', 'AuthorizationPolicy', `{ ${SELECT}, action: ${action}, rules: [${text}] }`),
    steps: [
      ...hits.map((call) => ({ call, expect: action === 'ALLOW' ? OK : DENIED })),
      ...misses.map((call) => ({ call, expect: action === 'ALLOW' ? DENIED : OK })),
    ],
  }));
}

const source = (text: string): string => `{ from: [{ source: { ${text} } }] }`;
const operation = (text: string): string => `{ to: [{ operation: { ${text} } }] }`;
const when = (key: string, text: string): string => `{ when: [{ key: "${key}", ${text} }] }`;

const RULES: Feature = [
  ...rule(
    'principals',
    'rules.from.source.principals',
    source('principals: ["cluster.local/ns/default/sa/client"]'),
    [as(FRIEND)],
    [as(OTHER), plain()],
  ),
  ...rule(
    'principals by prefix',
    'rules.from.source.principals',
    source('principals: ["cluster.local/ns/default/*"]'),
    [as(FRIEND)],
    [as(OTHER), plain()],
  ),
  ...rule(
    'principals by suffix',
    'rules.from.source.principals',
    source('principals: ["*/sa/client"]'),
    [as(FRIEND)],
    [as(OTHER)],
  ),
  ...rule(
    'principals, any',
    'rules.from.source.principals',
    source('principals: ["*"]'),
    [as(FRIEND), as(OTHER)],
    [plain()],
  ),
  ...rule(
    'notPrincipals',
    'rules.from.source.notPrincipals',
    source('notPrincipals: ["cluster.local/ns/default/sa/client"]'),
    [as(OTHER)],
    [as(FRIEND)],
  ),
  ...rule(
    'namespaces',
    'rules.from.source.namespaces',
    source('namespaces: [default]'),
    [as(FRIEND)],
    [as(OTHER), plain()],
  ),
  ...rule(
    'notNamespaces',
    'rules.from.source.notNamespaces',
    source('notNamespaces: [default]'),
    [as(OTHER)],
    [as(FRIEND)],
  ),
  ...rule(
    'serviceAccounts',
    'rules.from.source.serviceAccounts',
    source('serviceAccounts: [default/client]'),
    [as(FRIEND)],
    [as(OTHER)],
  ),
  ...rule('ipBlocks', 'rules.from.source.ipBlocks', source('ipBlocks: ["127.0.0.0/8"]'), [as(FRIEND), plain()], []),
  ...rule('notIpBlocks', 'rules.from.source.notIpBlocks', source('notIpBlocks: ["127.0.0.0/8"]'), [], [as(FRIEND)]),
  ...rule(
    'methods',
    'rules.to.operation.methods',
    operation('methods: [GET, PUT]'),
    [as(FRIEND), as(FRIEND, { method: 'PUT' })],
    [as(FRIEND, { method: 'POST' })],
  ),
  ...rule(
    'notMethods',
    'rules.to.operation.notMethods',
    operation('notMethods: [POST]'),
    [as(FRIEND)],
    [as(FRIEND, { method: 'POST' })],
  ),
  ...rule(
    'paths',
    'rules.to.operation.paths',
    operation('paths: [/a, "/b/*", "*/c"]'),
    ['/a', '/b/1', '/x/c', '/a?q=1'].map((path) => as(FRIEND, { path })),
    ['/', '/a/', '/b', '/c/x'].map((path) => as(FRIEND, { path })),
  ),
  ...rule(
    'path templates',
    'rules.to.operation.paths',
    operation('paths: ["/user/{*}/cart", "/all/{**}"]'),
    ['/user/jane/cart', '/all/a/b'].map((path) => as(FRIEND, { path })),
    ['/user/jane/x/cart', '/user/cart', '/other'].map((path) => as(FRIEND, { path })),
  ),
  ...rule(
    'notPaths',
    'rules.to.operation.notPaths',
    operation('notPaths: [/a]'),
    [as(FRIEND, { path: '/b' })],
    [as(FRIEND, { path: '/a' })],
  ),
  ...rule(
    'paths after normalisation',
    'rules.to.operation.paths',
    operation('paths: [/admin]'),
    [as(FRIEND, { path: '/x/../admin' }), as(FRIEND, { path: '/./admin' })],
    [as(FRIEND, { path: '/admin2' })],
  ),
  ...rule(
    'hosts',
    'rules.to.operation.hosts',
    operation('hosts: [a.example, "*.b.example"]'),
    [as(FRIEND, { host: 'a.example' }), as(FRIEND, { host: 'A.EXAMPLE' }), as(FRIEND, { host: 'x.b.example' })],
    [as(FRIEND, { host: 'c.example' })],
  ),
  ...rule(
    'ports',
    'rules.to.operation.ports',
    operation('ports: ["8000"]'),
    [as(FRIEND)],
    [as(FRIEND, { port: 7000 })],
  ),
  ...rule(
    'when request.headers',
    'rules.when',
    when('request.headers[x-user]', 'values: ["jane", "j*x"]'),
    [as(FRIEND, { headers: { 'x-user': 'jane' } }), as(FRIEND, { headers: { 'x-user': 'jaax' } })],
    [as(FRIEND, { headers: { 'x-user': 'bob' } }), as(FRIEND)],
  ).map((one) => ({ ...one, config: one.config.replace('"j*x"', '"jaa*"') })),
  ...rule(
    'when notValues',
    'rules.when.notValues',
    when('request.headers[x-user]', 'notValues: ["bob"]'),
    [as(FRIEND, { headers: { 'x-user': 'jane' } })],
    [as(FRIEND, { headers: { 'x-user': 'bob' } })],
  ),
  ...rule('when source.ip', 'rules.when', when('source.ip', 'values: ["127.0.0.1"]'), [as(FRIEND)], []),
  ...rule(
    'when source.namespace',
    'rules.when',
    when('source.namespace', 'values: ["other"]'),
    [as(OTHER)],
    [as(FRIEND)],
  ),
  ...rule(
    'when source.principal',
    'rules.when',
    when('source.principal', 'values: ["cluster.local/ns/other/sa/caller"]'),
    [as(OTHER)],
    [as(FRIEND)],
  ),
  ...rule(
    'when destination.port',
    'rules.when',
    when('destination.port', 'values: ["7000"]'),
    [as(FRIEND, { port: 7000 })],
    [as(FRIEND)],
  ),
  ...rule(
    'when connection.sni',
    'rules.when',
    when('connection.sni', 'values: ["outbound_.8000_*"]'),
    [as(FRIEND)],
    [as(FRIEND, { tls: { identity: FRIEND, alpn: ALPN, sni: 'x.example' } })],
  ),
  ...rule(
    'from and to at once',
    'rules',
    '{ from: [{ source: { principals: ["*/sa/client"] } }], to: [{ operation: { methods: [GET] } }] }',
    [as(FRIEND)],
    [as(FRIEND, { method: 'POST' }), as(OTHER)],
  ),
  ...rule('an empty rule', 'rules', '{}', [as(FRIEND), plain()], []),
];

/** A policy for a gateway by reference: it stops what comes through that gateway, and nothing elsewhere. */
function targeted(name: string, target: string, kind: string, stops: boolean): Scenario {
  const reference = `{ group: gateway.networking.k8s.io, kind: ${kind}, name: ${target} }`;
  return {
    name: `targetRefs: ${name}`,
    proves: ['AuthorizationPolicy.targetRefs'],
    config:
      policy('p', 'AuthorizationPolicy', `{ targetRefs: [${reference}], action: DENY, rules: [{}] }`, 'istio-system') +
      `${EDGE_GATEWAY}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec: { hosts: ["*"], gateways: [edge], http: [{ route: [{ destination: { host: server, port: { number: 8000 } } }] }] }
---
`,
    steps: [
      { call: { via: 'gateway' }, expect: stops ? DENIED : OK },
      { call: as(FRIEND), expect: OK },
    ],
  };
}

/** What an earlier filter noted of the request: here the verdict of a policy that is not in force yet. */
function noted(action: 'ALLOW' | 'DENY', field: string, money: Expectation, others: Expectation): Scenario {
  const key = 'experimental.envoy.filters.http.rbac[istio_dry_run_deny_shadow_engine_result]';
  const tried = policy(
    'd',
    'AuthorizationPolicy',
    `{ ${SELECT}, action: DENY, rules: [${operation('paths: ["/money*"]')}] }`,
  );
  const rules = `[${when(key, `${field}: ["denied"]`)}]`;
  return {
    name: `${action}: ${field} of what a filter noted (experimental.envoy.filters.*)`,
    proves: ['AuthorizationPolicy.rules.when.key'],
    config:
      tried.replace('namespace: default }', 'namespace: default, annotations: { istio.io/dry-run: "true" } }') +
      policy('p', 'AuthorizationPolicy', `{ ${SELECT}, action: ${action}, rules: ${rules} }`),
    steps: [
      { call: as(FRIEND, { path: '/money/7' }), expect: money },
      { call: plain({ path: '/money' }), expect: money },
      { call: as(FRIEND, { path: '/free' }), expect: others },
    ],
  };
}

const ORDER: Feature = [
  {
    name: 'ALLOW without rules denies everybody',
    proves: ['AuthorizationPolicy.rules'],
    config: policy('none', 'AuthorizationPolicy', `{ ${SELECT} }`),
    steps: [{ call: as(FRIEND), expect: { ...DENIED, flag: '-' } }],
  },
  {
    name: 'DENY comes before ALLOW',
    proves: ['AuthorizationPolicy.action'],
    config:
      policy('a', 'AuthorizationPolicy', `{ ${SELECT}, rules: [{}] }`) +
      policy('d', 'AuthorizationPolicy', `{ ${SELECT}, action: DENY, rules: [${operation('paths: [/secret]')}] }`),
    steps: [
      { call: as(FRIEND), expect: OK },
      { call: as(FRIEND, { path: '/secret' }), expect: DENIED },
    ],
  },
  {
    name: 'two ALLOWs: either will do',
    proves: ['AuthorizationPolicy.action'],
    config:
      policy('a', 'AuthorizationPolicy', `{ ${SELECT}, rules: [${operation('paths: [/a]')}] }`) +
      policy('b', 'AuthorizationPolicy', `{ ${SELECT}, rules: [${operation('paths: [/b]')}] }`),
    steps: [
      { call: as(FRIEND, { path: '/a' }), expect: OK },
      { call: as(FRIEND, { path: '/b' }), expect: OK },
      { call: as(FRIEND, { path: '/c' }), expect: DENIED },
    ],
  },
  {
    name: 'a policy of the mesh’s root namespace is for all',
    proves: ['AuthorizationPolicy.selector'],
    config: policy(
      'all',
      'AuthorizationPolicy',
      `{ action: DENY, rules: [${operation('paths: [/secret]')}] }`,
      'istio-system',
    ),
    steps: [
      { call: as(FRIEND, { path: '/secret' }), expect: DENIED },
      { call: as(FRIEND), expect: OK },
    ],
  },
  {
    name: 'a selector that is not ours does nothing',
    proves: ['AuthorizationPolicy.selector'],
    config: policy(
      'x',
      'AuthorizationPolicy',
      '{ selector: { matchLabels: { app: other } }, action: DENY, rules: [{}] }',
    ),
    steps: [{ call: as(FRIEND), expect: OK }],
  },
  {
    name: 'a TCP port: the connection is closed',
    proves: ['AuthorizationPolicy.rules.from.source.principals'],
    config: policy('p', 'AuthorizationPolicy', `{ ${SELECT}, rules: [${source('principals: ["*/sa/client"]')}] }`),
    steps: [
      {
        call: as(FRIEND, { port: 9000, tcp: 'hello', tls: { identity: FRIEND, alpn: ['istio'] } }),
        expect: { body: 'server-tcp:hello' },
      },
      {
        call: as(OTHER, { port: 9000, tcp: 'hello', tls: { identity: OTHER, alpn: ['istio'] } }),
        expect: { refused: true },
      },
    ],
  },
  {
    name: 'a TCP port: DENY by methods still denies',
    proves: ['AuthorizationPolicy.rules.to.operation.methods'],
    config: policy(
      'p',
      'AuthorizationPolicy',
      `{ ${SELECT}, action: DENY, rules: [${operation('methods: [GET], ports: ["9000"]')}] }`,
    ),
    steps: [{ call: plain({ port: 9000, tcp: 'hello' }), expect: { refused: true } }],
  },
  {
    name: 'AUDIT denies nothing',
    proves: ['AuthorizationPolicy.action'],
    config: policy('p', 'AuthorizationPolicy', `{ ${SELECT}, action: AUDIT, rules: [{}] }`),
    steps: [{ call: as(FRIEND), expect: OK }],
  },
  {
    name: 'AUDIT leaves a line about what it names, denied or not, and none about the rest',
    proves: ['AuthorizationPolicy.action'],
    config:
      policy('p', 'AuthorizationPolicy', `{ ${SELECT}, action: AUDIT, rules: [${operation('paths: ["/money*"]')}] }`) +
      policy('d', 'AuthorizationPolicy', `{ ${SELECT}, action: DENY, rules: [${operation('paths: [/money/vault]')}] }`),
    steps: [
      {
        call: as(FRIEND, { path: '/money/7' }),
        expect: { ...OK, audit: { source: FRIEND, method: 'GET', path: '/money/7', response_code: 200 } },
      },
      {
        call: as(FRIEND, { path: '/money/vault' }),
        expect: { ...DENIED, audit: { source: FRIEND, path: '/money/vault', response_code: 403 } },
      },
      { call: as(FRIEND, { path: '/free' }), expect: { ...OK, audit: null } },
    ],
  },
  targeted('a Gateway of the Gateway API that this is', 'entrance', 'Gateway', true),
  targeted('a Gateway of the Gateway API that this is not', 'other', 'Gateway', false),
  targeted('the class of the gateway', 'istio', 'GatewayClass', true),
  targeted('another class', 'other', 'GatewayClass', false),
  {
    name: 'targetRefs: a Service that no waypoint serves',
    proves: ['AuthorizationPolicy.targetRefs'],
    config: policy(
      'p',
      'AuthorizationPolicy',
      '{ targetRefs: [{ kind: Service, name: server }, { group: networking.istio.io, kind: ServiceEntry, name: none }], action: DENY, rules: [{}] }',
    ),
    steps: [
      { call: as(FRIEND), expect: OK },
      { call: plain(), expect: OK },
    ],
  },
  noted('ALLOW', 'values', OK, DENIED),
  noted('ALLOW', 'notValues', DENIED, OK),
  // All DENY policies are one filter, and what that notes is for those after it.
  noted('DENY', 'values', OK, OK),
  {
    name: 'CUSTOM with an unknown provider denies',
    proves: ['AuthorizationPolicy.provider'],
    config: policy(
      'p',
      'AuthorizationPolicy',
      `{ ${SELECT}, action: CUSTOM, provider: { name: nobody }, rules: [${operation('paths: [/x]')}] }`,
    ),
    steps: [
      { call: as(FRIEND, { path: '/x' }), expect: { status: 403, arrivals: 0 } },
      { call: as(FRIEND), expect: OK },
    ],
  },
  {
    name: 'RequestAuthentication: no token passes, a bad one is 401',
    proves: ['RequestAuthentication.jwtRules.issuer', 'RequestAuthentication.jwtRules.jwks'],
    config: policy(
      'j',
      'RequestAuthentication',
      `{ ${SELECT}, jwtRules: [{ issuer: me, jwks: '{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}' }] }`,
    ),
    steps: [
      { call: as(FRIEND), expect: OK },
      { call: as(FRIEND, { headers: { authorization: 'Bearer nonsense' } }), expect: { status: 401, arrivals: 0 } },
    ],
  },
];

export const feature: Feature = [...RULES, ...ORDER];
