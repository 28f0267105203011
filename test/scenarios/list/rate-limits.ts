// Rates of requests: who has a bucket, what is counted, what is answered, at a workload and at a gateway. Buckets fill three times an
// hour, and every try has objects of names of its own, so that nothing depends on how fast anything is or what was asked before.
import type { Call, Expectation, Feature, Scenario } from './scenario.ts';
import { as, EDGE_GATEWAY, FRIEND, OK, OTHER, plain, policy, SELECT } from './server-calls.ts';
import { bearer, forged, jwtRule } from './tokens.ts';

const OPEN_PORTS = policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }');
const TOKENS = policy('tokens', 'RequestAuthentication', `{ ${SELECT}, jwtRules: [${jwtRule()}] }`);
const EDGE = `${EDGE_GATEWAY}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: default }
spec: { hosts: ["*"], gateways: [edge], http: [{ route: [{ destination: { host: server, port: { number: 8000 } } }] }] }
---
`;

const fresh = (name: string): string => `\${fresh:${name}}`;

/** Of the server's; `more` are the rule's other fields. */
function limit(name: string, requests: number, more = '', where = `${SELECT}, `, namespace = 'default'): string {
  return object(fresh(name), `{ name: rule, limit: { requests: ${requests}, per: HOUR }${more} }`, where, namespace);
}

function object(name: string, rules: string, where = `${SELECT}, `, namespace = 'default'): string {
  return `apiVersion: topsail.io/v1alpha1\nkind: RateLimit\nmetadata: { name: "${name}", namespace: ${namespace} }\nspec: { ${where}rules: [${rules}] }\n---\n`;
}

/** `name` as the object's began, `rule` of the rule. */
const exceeded = (name = 'limit', rule = 'rule', namespace = 'default'): Expectation => ({
  status: 429,
  arrivals: 0,
  body: 'local_rate_limited',
  flag: 'RL',
  downstream: { 'x-topsail-rate-limit': new RegExp(`^${namespace}/${name}-\\d+/${rule}$`), 'retry-after': /^\d+$/ },
  log: { response_code_details: /^local_rate_limited/ },
});
/** A line of the log is found by the caller's address, which a header changes. */
const exceededUnlogged = (...which: Parameters<typeof exceeded>): Expectation => {
  const { flag: _, log: __, ...rest } = exceeded(...which);
  return rest;
};
const pass = (call: Call, times = 1) => ({ call, times, expect: OK });
const refuse = (call: Call, ...which: Parameters<typeof exceeded>) => ({ call, expect: exceeded(...which) });

function scenario(name: string, proves: string, config: string, ...steps: Scenario['steps']): Scenario {
  return { name: `rates: ${name}`, proves: proves.split(' ').map((one) => `RateLimit.${one}`), config, steps };
}

const COUNTING: Feature = [
  scenario(
    'as many requests as the limit says pass, one more does not',
    'selector rules.name rules.limit.requests rules.limit.per',
    OPEN_PORTS + limit('limit', 3),
    pass(plain(), 3),
    refuse(plain()),
    refuse(plain({ method: 'POST', body: 'x' })),
  ),
  scenario(
    'the bucket is as large as the burst, whatever comes in an hour',
    'rules.limit.burst',
    OPEN_PORTS + object(fresh('limit'), '{ name: rule, limit: { requests: 1, per: DAY, burst: 2 } }'),
    pass(plain(), 2),
    {
      call: plain(),
      expect: { ...exceeded(), downstream: { 'retry-after': /^86[34]\d\d$/ } },
    },
  ),
  scenario('requests that come at once are not let in twice', 'rules.limit.requests', OPEN_PORTS + limit('limit', 3), {
    call: plain(),
    times: 10,
    together: 10,
    spread: { '200': [3, 3], '429': [7, 7] },
  }),
  scenario(
    'gRPC is told that something is exhausted',
    'rules.answer',
    OPEN_PORTS + limit('limit', 3),
    pass(plain(), 3),
    {
      call: plain({ method: 'POST', h2: true, headers: { 'content-type': 'application/grpc' } }),
      expect: { status: 200, arrivals: 0, flag: 'RL', downstream: { 'grpc-status': '8' } },
    },
  ),
  scenario(
    'limits of mesh, namespace and workload all count; the first that is exceeded refuses and leaves the rest full',
    'rules selector',
    OPEN_PORTS +
      limit('mesh', 5, ', match: { paths: [/mesh] }', '', 'istio-system') +
      limit('namespace', 3, ', match: { notPaths: [/mesh] }', '') +
      limit('own', 4) +
      limit('other', 1, '', 'selector: { matchLabels: { app: other } }, '),
    pass(plain({ path: '/' }), 3),
    refuse(plain({ path: '/' }), 'namespace'),
    pass(plain({ path: '/mesh' })),
    refuse(plain({ path: '/mesh' }), 'own'),
  ),
  scenario(
    'of several rules each counts alone',
    'rules',
    OPEN_PORTS +
      object(
        fresh('limit'),
        '{ name: first, match: { paths: [/a] }, limit: { requests: 1, per: HOUR } }, { name: second, limit: { requests: 2, per: HOUR } }',
      ),
    pass(plain({ path: '/a' })),
    refuse(plain({ path: '/a' }), 'limit', 'first'),
    pass(plain({ path: '/b' })),
    refuse(plain({ path: '/b' }), 'limit', 'second'),
  ),
];

const COUNTED: Partial<Call> = {
  method: 'POST',
  host: 'shop.example',
  headers: { 'x-plan': 'free', 'x-any': '1', 'x-from': 'eu-1', 'x-size': '20' },
};

const MATCHING: Feature = [
  scenario(
    'only certain paths count, with whatever query, and some of them not',
    'rules.match.paths rules.match.notPaths',
    OPEN_PORTS +
      limit('limit', 3, ', match: { paths: [/api/*, /one, "*.json", "/items/{*}/parts/{**}"], notPaths: [/api/free] }'),
    ...['/', '/api', '/one/', '/onemore', '/api/free?x=1', '/items/a/b/parts/c', '/?/one', '/a.jsonp'].map((path) =>
      pass(plain({ path })),
    ),
    ...['/one?a=b', '/items/a/parts/b/c', '/deep/a.json?'].map((path) => pass(plain({ path }))),
    ...['/one', '/api/x', '/api/free/', '/x.json', '/items/b/parts/d?q'].map((path) => refuse(plain({ path }))),
    pass(plain({ path: '/api/free' })),
  ),
  scenario(
    'only certain methods, hosts and headers count, together',
    'rules.match.methods rules.match.hosts rules.match.headers',
    OPEN_PORTS +
      limit(
        'limit',
        1,
        ', match: { methods: [POST, PUT], hosts: [shop.example, "*.internal"], headers: { x-plan: { exact: free }, x-any: {}, x-from: { prefix: eu- }, x-size: { regex: "[0-9]+" } } }',
      ),
    ...[
      { method: 'GET' },
      { host: 'shop.example.org' },
      { host: 'internal' },
      { headers: { 'x-plan': 'free' } },
      { headers: { ...COUNTED.headers, 'x-plan': 'paid' } },
      { headers: { ...COUNTED.headers, 'x-from': 'us-1' } },
      { headers: { ...COUNTED.headers, 'x-size': '20x' } },
    ].map((other) => pass(plain({ ...COUNTED, ...other }), 2)),
    pass(plain(COUNTED)),
    refuse(plain({ ...COUNTED, method: 'PUT', host: 'SHOP.example:8000' })),
    refuse(plain({ ...COUNTED, host: 'shop.example:' })),
    refuse(plain({ ...COUNTED, host: 'shop.example.:8000' })),
    refuse(plain({ ...COUNTED, host: 'a.internal' })),
  ),
];

const KEYS: Feature = [
  scenario(
    'every client has a bucket of its own, by its certificate',
    'rules.by.attribute',
    limit('limit', 2, ', by: [{ attribute: CLIENT }]'),
    pass(as(FRIEND), 2),
    refuse(as(FRIEND)),
    refuse(as(FRIEND, { headers: { 'x-forwarded-client-cert': `URI=${OTHER}` } })),
    pass(as(OTHER), 2),
    refuse(as(OTHER)),
  ),
  scenario(
    'clients without a certificate share one',
    'rules.by.attribute',
    OPEN_PORTS + limit('limit', 2, ', by: [{ attribute: CLIENT }]'),
    pass(plain({ headers: { 'x-forwarded-client-cert': `URI=${FRIEND}` } })),
    pass(plain({ headers: { 'x-forwarded-client-cert': `URI=${OTHER}` } })),
    refuse(plain({ headers: { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/a/sa/b' } })),
  ),
  scenario(
    'every user has one, by a claim of the verified token; who has none shares',
    'rules.by.claim',
    OPEN_PORTS + TOKENS + limit('limit', 1, ', by: [{ claim: sub }]'),
    pass(plain({ headers: bearer({ sub: 'ann' }) })),
    refuse(plain({ headers: bearer({ sub: 'ann', jti: 'another' }) })),
    pass(plain({ headers: bearer({ sub: 'bob' }) })),
    pass(plain({ headers: { sub: 'eve' } })),
    refuse(plain({ headers: { sub: 'joe' } })),
  ),
  scenario(
    'claims inside of others, and such as no format can spell',
    'rules.by.claim',
    OPEN_PORTS +
      TOKENS +
      limit('limit', 1, ', by: [{ claim: realm.tenant }, { claim: "[https://shop.example/plan]" }]'),
    ...['a', 'b'].flatMap((tenant) => [
      pass(plain({ headers: bearer({ realm: { tenant }, 'https://shop.example/plan': 'free' }) })),
      refuse(plain({ headers: bearer({ realm: { tenant }, 'https://shop.example/plan': 'free' }) })),
      pass(plain({ headers: bearer({ realm: { tenant }, 'https://shop.example/plan': 'paid' }) })),
    ]),
  ),
  scenario(
    'a token that is not good drains nobody’s bucket',
    'rules.by.claim',
    OPEN_PORTS + TOKENS + limit('limit', 1, ', by: [{ claim: sub }]'),
    {
      call: plain({ headers: bearer({ sub: 'ann' }, forged.privateKey) }),
      times: 3,
      expect: { status: 401, arrivals: 0 },
    },
    pass(plain({ headers: bearer({ sub: 'ann' }) })),
    refuse(plain({ headers: bearer({ sub: 'ann' }) })),
  ),
  scenario(
    'a limit of as many paths as there may be keeps no policy back',
    'rules.match.paths',
    OPEN_PORTS +
      policy('closed', 'AuthorizationPolicy', `{ ${SELECT}, action: DENY, rules: [{}] }`) +
      limit(
        'limit',
        1,
        `, match: { paths: [${Array.from({ length: 64 }, (_, i) => `"/some/${i}/{*}/items"`).join()}] }`,
      ),
    { call: plain({ path: '/some/63/a/items' }), times: 3, expect: { status: 403, arrivals: 0 } },
  ),
  scenario(
    'what a policy denies is not counted',
    'rules',
    OPEN_PORTS +
      policy(
        'closed',
        'AuthorizationPolicy',
        `{ ${SELECT}, action: DENY, rules: [{ to: [{ operation: { paths: [/closed] } }] }] }`,
      ) +
      limit('limit', 1),
    { call: plain({ path: '/closed' }), times: 3, expect: { status: 403, arrivals: 0 } },
    pass(plain({ path: '/open' })),
    refuse(plain({ path: '/open' })),
    { call: plain({ path: '/closed' }), expect: { status: 403, arrivals: 0 } },
  ),
  scenario(
    'every value of a header has one, and every path, whatever its query',
    'rules.by.header rules.by.attribute',
    OPEN_PORTS + limit('limit', 1, ', by: [{ header: X-Api-Key }, { attribute: PATH }, { attribute: METHOD }]'),
    pass(plain({ path: '/a', headers: { 'x-api-key': 'one' } })),
    refuse(plain({ path: '/a?b=c', headers: { 'x-api-key': 'one' } })),
    pass(plain({ path: '/b', headers: { 'x-api-key': 'one' } })),
    pass(plain({ path: '/a', headers: { 'x-api-key': 'two' } })),
    pass(plain({ path: '/a', method: 'DELETE', headers: { 'x-api-key': 'two' } })),
    pass(plain({ path: '/a' })),
    refuse(plain({ path: '/a' })),
  ),
  scenario(
    'at a workload an address is the connection’s, whatever a header says',
    'rules.by.attribute',
    OPEN_PORTS + limit('limit', 2, ', by: [{ attribute: IP }]'),
    pass(plain({ headers: { 'x-forwarded-for': '203.0.113.1' } })),
    pass(plain({ headers: { 'x-forwarded-for': '203.0.113.2' } })),
    { call: plain({ headers: { 'x-forwarded-for': '203.0.113.3' } }), expect: exceededUnlogged() },
  ),
  scenario(
    'of more values than there are buckets the one that was not used for longest begins anew',
    'rules.maxBuckets',
    OPEN_PORTS + limit('limit', 1, ', by: [{ header: x-key }], maxBuckets: 2'),
    pass(plain({ headers: { 'x-key': 'a' } })),
    pass(plain({ headers: { 'x-key': 'b' } })),
    refuse(plain({ headers: { 'x-key': 'a' } })),
    pass(plain({ headers: { 'x-key': 'c' } })),
    refuse(plain({ headers: { 'x-key': 'a' } })),
    pass(plain({ headers: { 'x-key': 'b' } })),
  ),
];

const ANSWERS: Feature = [
  scenario(
    'status and headers are what the rule says',
    'rules.answer.status rules.answer.headers',
    OPEN_PORTS + limit('limit', 1, ', answer: { status: 503, headers: { retry-after: "7", x-why: "100% full" } }'),
    pass(plain()),
    {
      call: plain(),
      expect: { status: 503, arrivals: 0, flag: 'RL', downstream: { 'retry-after': '7', 'x-why': '100% full' } },
    },
  ),
  scenario(
    'answers tell what is left when they are asked to',
    'rules.answer.limitHeaders',
    OPEN_PORTS + limit('limit', 2, ', answer: { limitHeaders: true }'),
    ...['1', '0'].map((left) => ({
      call: plain(),
      expect: { ...OK, downstream: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': left } },
    })),
    {
      call: plain(),
      expect: {
        ...exceeded(),
        downstream: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': /^1[0-9]{3}$/ },
      },
    },
  ),
  scenario(
    'a rule in shadow mode refuses nothing, counts, and tells the application',
    'rules.mode',
    OPEN_PORTS + object('shadow', '{ name: tried, limit: { requests: 1, per: HOUR }, mode: SHADOW }'),
    {
      call: plain(),
      times: 4,
      expect: { ...OK, downstream: { 'x-topsail-rate-limit': null, 'retry-after': null } },
      counters: {
        'ratelimit.default.shadow.tried.http_local_rate_limit.enabled': 4,
        'ratelimit.default.shadow.tried.http_local_rate_limit.rate_limited': 3,
      },
    },
    {
      call: plain(),
      expect: { ...OK, upstream: { 'x-topsail-rate-limit-shadow': 'default/shadow/tried' } },
    },
  ),
];

const edge = (more: Partial<Call> = {}): Call => ({ via: 'gateway', port: 80, host: 'any.example', ...more });
const AT_GATEWAY = 'selector: { matchLabels: { istio: ingressgateway } }, ';

const GATEWAY: Feature = [
  scenario(
    'a gateway counts too, each address for itself; what a caller says of its address counts for nothing',
    'selector rules.by.attribute',
    EDGE + limit('edge', 2, ', by: [{ attribute: IP }]', AT_GATEWAY, 'istio-system'),
    { call: edge(), expect: { status: 200 } },
    { call: edge({ headers: { 'x-forwarded-for': '203.0.113.1' } }), expect: { status: 200 } },
    {
      call: edge({ headers: { 'x-forwarded-for': '203.0.113.2' } }),
      expect: exceededUnlogged('edge', 'rule', 'istio-system'),
    },
  ),
  {
    ...scenario(
      'behind a trusted proxy an address is what that says',
      'rules.by.attribute',
      EDGE + limit('edge', 1, ', by: [{ attribute: IP }]', AT_GATEWAY, 'istio-system'),
      ...['203.0.113.1', '203.0.113.2'].flatMap((address) => [
        { call: edge({ headers: { 'x-forwarded-for': address } }), expect: { status: 200 } },
        {
          call: edge({ headers: { 'x-forwarded-for': `198.51.100.7, ${address}` } }),
          expect: exceededUnlogged('edge', 'rule', 'istio-system'),
        },
      ]),
    ),
    mesh: 'defaultConfig: { gatewayTopology: { numTrustedProxies: 1 } }\n',
  },
];

export const feature: Feature = [...COUNTING, ...MATCHING, ...KEYS, ...ANSWERS, ...GATEWAY];
