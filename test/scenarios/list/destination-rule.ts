// DestinationRule: balancing, hashing, pools, ejection, TLS to plain backends, precedence of policies.
import { EJECTED_MS, type Feature, type Scenario, type Step } from './scenario.ts';
import { destinationRule, routes, to, WEB_SUBSETS } from './yaml.ts';

function policy(name: string, proves: string, block: string, ...steps: readonly Step[]): Scenario {
  return { name, proves: [`DestinationRule.trafficPolicy.${proves}`], config: destinationRule('web', block), steps };
}

const all = (times: number, different: number, call: Step['call'] = {}): Step => ({
  call,
  times,
  together: 5,
  different,
  expect: { status: 200 },
});

const BALANCERS: Feature = [
  ...['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM', 'LEAST_CONN', 'UNSPECIFIED'].map((name) =>
    policy(
      `simple: ${name} reaches everybody`,
      'loadBalancer.simple',
      `{ loadBalancer: { simple: ${name} } }`,
      all(60, 3),
    ),
  ),
  policy('simple: ROUND_ROBIN is even', 'loadBalancer.simple', '{ loadBalancer: { simple: ROUND_ROBIN } }', {
    call: {},
    times: 30,
    spread: { 'web-v1': [9, 11], 'web-v2': [9, 11], 'web-v3': [9, 11] },
  }),
  policy(
    'simple: ROUND_ROBIN with warmup',
    'loadBalancer.warmup',
    '{ loadBalancer: { simple: ROUND_ROBIN, warmup: { duration: 1s } } }',
    all(30, 3),
  ),
];

const hash = (key: string, more = ''): string => `{ loadBalancer: { consistentHash: { ${key}${more} } } }`;
const same = (call: Step['call']): Step => all(12, 1, call);
const HASHES: Feature = [
  policy(
    'consistentHash: a header',
    'loadBalancer.consistentHash.httpHeaderName',
    hash('httpHeaderName: x-user'),
    same({ headers: { 'x-user': 'jane' } }),
    same({ headers: { 'x-user': 'jason' } }),
  ),
  policy(
    'consistentHash: a header with maglev',
    'loadBalancer.consistentHash.maglev',
    hash('httpHeaderName: x-user', ', maglev: { tableSize: 1021 }'),
    same({ headers: { 'x-user': 'jane' } }),
  ),
  policy(
    'consistentHash: a header with a ring',
    'loadBalancer.consistentHash.ringHash',
    hash('httpHeaderName: x-user', ', ringHash: { minimumRingSize: 512 }'),
    same({ headers: { 'x-user': 'jane' } }),
  ),
  policy(
    'consistentHash: minimumRingSize',
    'loadBalancer.consistentHash.minimumRingSize',
    hash('httpHeaderName: x-user', ', minimumRingSize: 64'),
    same({ headers: { 'x-user': 'jane' } }),
  ),
  policy(
    'consistentHash: without the header it spreads',
    'loadBalancer.consistentHash.httpHeaderName',
    hash('httpHeaderName: x-user'),
    all(60, 3),
  ),
  policy(
    'consistentHash: the source address',
    'loadBalancer.consistentHash.useSourceIp',
    hash('useSourceIp: true'),
    same({}),
  ),
  policy(
    'consistentHash: a query parameter',
    'loadBalancer.consistentHash.httpQueryParameterName',
    hash('httpQueryParameterName: user'),
    same({ path: '/?user=jane' }),
    same({ path: '/a?b=c&user=jane' }),
  ),
  {
    ...policy(
      'consistentHash: a cookie that the proxy sets',
      'loadBalancer.consistentHash.httpCookie',
      hash('httpCookie: { name: sticky, ttl: 60s }'),
    ),
    steps: [
      {
        call: {},
        cookies: 'keep',
        expect: { status: 200, downstream: { 'set-cookie': /^sticky="?[0-9a-f]+"?; Max-Age=60; HttpOnly/ } },
      },
      {
        call: {},
        cookies: 'send',
        times: 10,
        different: 1,
        expect: { status: 200, downstream: { 'set-cookie': null } },
      },
    ],
  },
  policy(
    'consistentHash: a cookie with a path',
    'loadBalancer.consistentHash.httpCookie.path',
    hash('httpCookie: { name: s, path: /shop, ttl: 10s }'),
    { call: { path: '/shop' }, expect: { status: 200, downstream: { 'set-cookie': /Path=\/shop/ } } },
  ),
  policy(
    'consistentHash: a cookie without ttl is not made',
    'loadBalancer.consistentHash.httpCookie',
    hash('httpCookie: { name: own }'),
    { call: { headers: { cookie: 'own=1' } }, times: 10, different: 1, expect: { status: 200 } },
  ),
];

/** Longer than a busy machine needs to send six calls. */
const slow: Step['call'] = { headers: { 'x-delay': '1500' } };
const POOLS: Feature = [
  {
    name: 'connectionPool: one connection and one that waits, the rest overflow',
    proves: [
      'DestinationRule.trafficPolicy.connectionPool.tcp.maxConnections',
      'DestinationRule.trafficPolicy.connectionPool.http.http1MaxPendingRequests',
    ],
    config:
      destinationRule(
        'rpc',
        '{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }',
      ) +
      destinationRule(
        'web',
        '{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }',
        ['v1'],
      ) +
      routes(`{ retries: { attempts: 0 }, ${to('web', 'v1')} }`),
    steps: [{ call: slow, times: 6, together: 6, spread: { '200': [1, 3], '503': [3, 5] } }],
  },
  {
    name: 'connectionPool: an overflow is UO in the log, and counted',
    proves: ['DestinationRule.trafficPolicy.connectionPool.http.http1MaxPendingRequests'],
    config:
      destinationRule(
        'web',
        '{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }',
        ['v1'],
      ) + routes(`{ retries: { attempts: 0 }, ${to('web', 'v1')} }`),
    steps: [
      {
        call: slow,
        times: 6,
        together: 6,
        spread: { '503': [3, 5] },
        counters: { 'cluster.outbound|8000|v1|web.default.svc.cluster.local.upstream_rq_pending_overflow': 3 },
      },
    ],
  },
  policy(
    'connectionPool: maxRequestsPerConnection 1 closes each',
    'connectionPool.http.maxRequestsPerConnection',
    '{ connectionPool: { http: { maxRequestsPerConnection: 1 } } }',
    {
      call: {},
      times: 6,
      expect: { status: 200 },
      counters: { 'cluster.outbound|8000||web.default.svc.cluster.local.upstream_cx_total': 6 },
    },
  ),
  {
    name: 'connectionPool: h2UpgradePolicy UPGRADE speaks HTTP/2',
    proves: ['DestinationRule.trafficPolicy.connectionPool.http.h2UpgradePolicy'],
    config: destinationRule('web', '{ connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }'),
    steps: [{ call: {}, times: 3, expect: { status: 200, protocol: '2.0' } }],
  },
  policy(
    'connectionPool: HTTP/1.1 by default',
    'connectionPool.http.h2UpgradePolicy',
    '{ connectionPool: { http: { h2UpgradePolicy: DO_NOT_UPGRADE } } }',
    { call: {}, expect: { status: 200, protocol: '1.1' } },
  ),
  policy(
    'connectionPool: useClientProtocol, HTTP/2',
    'connectionPool.http.useClientProtocol',
    '{ connectionPool: { http: { useClientProtocol: true } } }',
    { call: { h2: true }, expect: { status: 200, protocol: '2.0' } },
    { call: {}, expect: { status: 200, protocol: '1.1' } },
  ),
  policy(
    'connectionPool: an unreachable endpoint fails in time',
    'connectionPool.tcp.connectTimeout',
    '{ connectionPool: { tcp: { connectTimeout: 200ms } } }',
    all(60, 3),
  ),
  policy(
    'connectionPool: keepalive and idle time are taken',
    'connectionPool.tcp.tcpKeepalive',
    '{ connectionPool: { tcp: { tcpKeepalive: { time: 60s, interval: 10s, probes: 3 }, idleTimeout: 30s }, http: { idleTimeout: 20s } } }',
    all(60, 3),
  ),
  policy(
    'connectionPool: maxRetries',
    'connectionPool.http.maxRetries',
    '{ connectionPool: { http: { maxRetries: 1 } } }',
    all(60, 3),
  ),
];

const EJECTION: Feature = [
  {
    name: 'outlierDetection: an ejected endpoint gets nothing',
    proves: [
      'DestinationRule.trafficPolicy.outlierDetection.consecutive5xxErrors',
      'DestinationRule.trafficPolicy.outlierDetection.baseEjectionTime',
      'DestinationRule.trafficPolicy.outlierDetection.maxEjectionPercent',
    ],
    config:
      destinationRule(
        'web',
        '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
      ) + routes('{ retries: { attempts: 0 }, route: [{ destination: { host: web } }] }'),
    steps: [
      { call: { headers: { 'x-answer': '500', 'x-only': 'web-v2' } }, times: 9 },
      { call: {}, times: 12, spread: { 'web-v2': [0, 0] }, expect: { status: 200 }, soon: true },
    ],
  },
  {
    name: 'outlierDetection: gateway errors only, 500 is none',
    proves: ['DestinationRule.trafficPolicy.outlierDetection.consecutiveGatewayErrors'],
    config:
      destinationRule(
        'web',
        '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
      ) + routes('{ retries: { attempts: 0 }, route: [{ destination: { host: web } }] }'),
    steps: [
      { call: { headers: { 'x-answer': '500', 'x-only': 'web-v2' } }, times: 9, pauseMs: EJECTED_MS },
      { call: {}, times: 9, different: 3, expect: { status: 200 } },
      { call: { headers: { 'x-answer': '503', 'x-only': 'web-v3' } }, times: 9 },
      { call: {}, times: 9, spread: { 'web-v3': [0, 0] }, expect: { status: 200 }, soon: true },
    ],
  },
  {
    name: 'outlierDetection: the statuses that are errors, and no others',
    proves: ['DestinationRule.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes'],
    config:
      destinationRule(
        'web',
        '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [404, 429], interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
      ) + routes('{ retries: { attempts: 0 }, route: [{ destination: { host: web } }] }'),
    steps: [
      { call: { headers: { 'x-answer': '500', 'x-only': 'web-v2' } }, times: 9, pauseMs: EJECTED_MS },
      { call: {}, times: 9, different: 3, expect: { status: 200 } },
      { call: { headers: { 'x-answer': '429', 'x-only': 'web-v3' } }, times: 9 },
      { call: {}, times: 9, spread: { 'web-v3': [0, 0] }, expect: { status: 200 }, soon: true },
    ],
  },
  {
    name: 'outlierDetection: errors of gateways stay what they are, others are none',
    proves: ['DestinationRule.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes'],
    config:
      destinationRule(
        'web',
        '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, outlierDetectionHttpErrorCodes: [429, 500, 503], interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
      ) + routes('{ retries: { attempts: 0 }, route: [{ destination: { host: web } }] }'),
    steps: [
      { call: { headers: { 'x-answer': '429', 'x-only': 'web-v2' } }, times: 9, pauseMs: EJECTED_MS },
      { call: { headers: { 'x-answer': '500', 'x-only': 'web-v2' } }, times: 9, pauseMs: EJECTED_MS },
      { call: { headers: { 'x-answer': '502', 'x-only': 'web-v2' } }, times: 9, pauseMs: EJECTED_MS },
      { call: {}, times: 9, different: 3, expect: { status: 200 } },
      { call: { headers: { 'x-answer': '503', 'x-only': 'web-v3' } }, times: 9 },
      { call: {}, times: 9, spread: { 'web-v3': [0, 0] }, expect: { status: 200 }, soon: true },
    ],
  },
  {
    name: 'outlierDetection: not more than maxEjectionPercent',
    proves: ['DestinationRule.trafficPolicy.outlierDetection.maxEjectionPercent'],
    config:
      destinationRule(
        'web',
        '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 40 } }',
      ) + routes('{ retries: { attempts: 0 }, route: [{ destination: { host: web } }] }'),
    steps: [
      { call: { headers: { 'x-answer': '500' } }, times: 9 },
      { call: {}, times: 12, different: 2, expect: { status: 200 }, soon: true },
    ],
  },
  {
    name: 'localityLbSetting: failoverPriority without outlierDetection stays near, and leaves whoever fails',
    proves: ['DestinationRule.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority'],
    config:
      destinationRule(
        'web',
        '{ loadBalancer: { simple: ROUND_ROBIN, localityLbSetting: { failoverPriority: ["version=v1"] } } }',
      ) + routes('{ retries: { attempts: 0 }, route: [{ destination: { host: web } }] }'),
    steps: [
      { call: {}, times: 9, spread: { 'web-v1': [9, 9] }, expect: { status: 200 } },
      {
        call: { headers: { 'x-answer': '503', 'x-only': 'web-v1' } },
        times: 5,
        expect: { status: 503 },
      },
      { call: {}, times: 9, spread: { 'web-v1': [0, 0] }, expect: { status: 200 }, soon: true },
    ],
  },
];

const SAFE = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: safe, namespace: default }
spec:
  hosts: [safe.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: \${port:secure} } }]
---
`;
const FILES = 'caCertificates: "${file:roots}"';
const NAMED = 'subjectAltNames: [secure.example.com]';

function verified(name: string, field: string, tls: string, passes: boolean): Scenario {
  return {
    name,
    proves: [`DestinationRule.trafficPolicy.tls.${field}`],
    config: SAFE + destinationRule('safe.example.com', `{ tls: { mode: SIMPLE, sni: secure.example.com, ${tls} } }`),
    steps: [
      {
        call: { via: 'forward', to: 'safe.example.com' },
        expect: passes ? { status: 200, backend: 'secure' } : { status: 503, arrivals: 0 },
      },
    ],
  };
}

const PRECEDENCE: Feature = [
  {
    name: 'subsets: labels choose endpoints',
    proves: ['DestinationRule.subsets.labels'],
    config: WEB_SUBSETS + routes(`{ match: [{ uri: { prefix: /2 } }], ${to('web', 'v2')} }`, `{ ${to('web', 'v3')} }`),
    steps: [all(6, 1, { path: '/2' }), { call: {}, times: 6, expect: { backend: 'web-v3' } }],
  },
  {
    name: 'subsets: one without endpoints is 503 UH',
    proves: ['DestinationRule.subsets'],
    config: destinationRule('web', '', ['v9']) + routes(`{ ${to('web', 'v9')} }`),
    steps: [{ call: {}, expect: { status: 503, flag: 'UH', body: 'no healthy upstream', arrivals: 0 } }],
  },
  {
    name: 'subsets: a subset’s policy overrides the rule’s',
    proves: ['DestinationRule.subsets.trafficPolicy'],
    config: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: web, namespace: default }
spec:
  host: web
  trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }
  subsets:
  - { name: v1, labels: { version: v1 }, trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: DO_NOT_UPGRADE } } } }
  - { name: v2, labels: { version: v2 } }
---
${routes(`{ match: [{ uri: { prefix: /1 } }], ${to('web', 'v1')} }`, `{ ${to('web', 'v2')} }`)}`,
    steps: [
      { call: { path: '/1' }, expect: { status: 200, backend: 'web-v1', protocol: '1.1' } },
      { call: {}, expect: { status: 200, backend: 'web-v2', protocol: '2.0' } },
    ],
  },
  policy(
    'portLevelSettings: only this port',
    'portLevelSettings',
    '{ portLevelSettings: [{ port: { number: 8001 }, connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }] }',
    { call: { to: 'web:8001' }, expect: { status: 200, protocol: '2.0' } },
    { call: {}, expect: { status: 200, protocol: '1.1' } },
  ),
  {
    name: 'host: a wildcard rule reaches the services below it',
    proves: ['DestinationRule.host'],
    config: destinationRule(
      '"*.default.svc.cluster.local"',
      '{ connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }',
    ).replace('name: "*', 'name: all'),
    steps: [
      { call: {}, expect: { status: 200, protocol: '2.0' } },
      { call: { to: 'api:8000' }, expect: { status: 200, protocol: '2.0' } },
    ],
  },
  {
    name: 'exportTo: a rule that is for another namespace does nothing here',
    proves: ['DestinationRule.exportTo'],
    config: destinationRule('web', '{ connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }')
      .replace('namespace: default }', 'namespace: other }')
      .replace('host: web', 'host: web.default.svc.cluster.local\n  exportTo: ["."]'),
    steps: [{ call: {}, expect: { status: 200, protocol: '1.1' } }],
  },
  {
    name: 'tls: SIMPLE to a backend that speaks TLS',
    proves: [
      'DestinationRule.trafficPolicy.tls.mode',
      'DestinationRule.trafficPolicy.tls.insecureSkipVerify',
      'DestinationRule.trafficPolicy.tls.sni',
    ],
    config:
      SAFE +
      destinationRule(
        'safe.example.com',
        '{ tls: { mode: SIMPLE, sni: secure.example.com, insecureSkipVerify: true } }',
      ),
    steps: [{ call: { via: 'forward', to: 'safe.example.com' }, expect: { status: 200, backend: 'secure' } }],
  },
  verified('tls: SIMPLE: verified by a file of authorities and a name', 'caCertificates', `${FILES}, ${NAMED}`, true),
  verified(
    'tls: SIMPLE: a name that the server has not',
    'subjectAltNames',
    `${FILES}, ${NAMED}`.replace('[secure', '[other'),
    false,
  ),
  verified('tls: SIMPLE: the machine’s own authorities do not know it', 'caCertificates', NAMED, false),
  verified(
    'tls: SIMPLE: somebody else’s certificate is on the revocation list',
    'caCrl',
    `${FILES}, ${NAMED}, caCrl: "\${file:crl:revoked.example.com}"`,
    true,
  ),
  verified(
    'tls: SIMPLE: the server’s certificate is on the revocation list',
    'caCrl',
    `${FILES}, ${NAMED}, caCrl: "\${file:crl:secure.example.com}"`,
    false,
  ),
  {
    name: 'tls: SIMPLE to a backend that speaks none',
    proves: ['DestinationRule.trafficPolicy.tls.mode'],
    config:
      destinationRule('web', '{ tls: { mode: SIMPLE, insecureSkipVerify: true } }') +
      routes('{ retries: { attempts: 0 }, route: [{ destination: { host: web } }] }'),
    steps: [{ call: {}, expect: { status: 503, flag: 'UF' } }],
  },
  policy('tls: DISABLE is plaintext', 'tls.mode', '{ tls: { mode: DISABLE } }', all(60, 3)),
  {
    name: 'proxyProtocol: a backend reads who the client is ahead of its bytes',
    proves: ['DestinationRule.trafficPolicy.proxyProtocol.version'],
    config: destinationRule('db', '{ proxyProtocol: { version: V1 } }'),
    steps: [
      {
        call: { to: 'db:9000', tcp: 'hello' },
        expect: { body: /^db-v[12]:PROXY TCP4 127\.0\.0\.1 [0-9.]+ [0-9]+ [0-9]+\r\n(?:db-v[12]:)?hello$/ },
      },
    ],
  },
];

export const feature: Feature = [...BALANCERS, ...HASHES, ...POOLS, ...EJECTION, ...PRECEDENCE];
