// How long connections live, how many there are, what is told of broken ones, and how many requests are tried again.
import { EJECTED_MS, type Feature, type Scenario, type Step } from './scenario.ts';
import { destinationRule, routes, to } from './yaml.ts';

const POLICY = 'DestinationRule.trafficPolicy';
const ONLY_V1 = routes(`{ retries: { attempts: 0 }, ${to('web', 'v1')} }`);
const OF_V1 = 'cluster.outbound|8000|v1|web.default.svc.cluster.local';
/** A request that lasts longer than a busy machine needs to send a few more. */
const slow: Step['call'] = { headers: { 'x-delay': '900' } };
const fine: Step = { call: {}, expect: { status: 200 } };

function pool(name: string, field: string, policy: string, ...steps: Scenario['steps']): Scenario {
  return {
    name: `connectionPool: ${name}`,
    proves: [`${POLICY}.connectionPool.${field}`],
    config: destinationRule('web', `{ connectionPool: { ${policy} } }`, ['v1']) + ONLY_V1,
    steps,
  };
}

const HTTP: Feature = [
  pool('an HTTP connection that rests is closed', 'http.idleTimeout', 'http: { idleTimeout: 50ms }', {
    ...fine,
    counters: { [`${OF_V1}.upstream_cx_idle_timeout`]: 1 },
  }),
  pool('an HTTP connection lives so long', 'tcp.maxConnectionDuration', 'tcp: { maxConnectionDuration: 100ms }', {
    ...fine,
    counters: { [`${OF_V1}.upstream_cx_max_duration_reached`]: 1 },
  }),
  pool(
    'one request at a time on each HTTP/2 connection',
    'http.maxConcurrentStreams',
    'http: { h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 1 }',
    {
      call: slow,
      times: 3,
      together: 3,
      expect: { status: 200, protocol: '2.0' },
      counters: { [`${OF_V1}.upstream_cx_total`]: 3 },
    },
  ),
  pool(
    'so many requests at a time over HTTP/2',
    'http.http2MaxRequests',
    'http: { h2UpgradePolicy: UPGRADE, http2MaxRequests: 1 }',
    { call: slow, times: 4, together: 4, spread: { '200': [1, 2], '503': [2, 3] } },
  ),
  pool(
    'HTTP/2 connections are asked whether they live',
    'http.http2KeepAlive.interval',
    'http: { h2UpgradePolicy: UPGRADE, http2KeepAlive: { interval: 60ms, timeout: 10s } }',
    { ...fine, pauseMs: 250 },
    { call: slow, expect: { status: 200, downstream: { 'x-pings': /^[1-9]/ } } },
  ),
  {
    name: 'connectionPool: an HTTP/2 connection that does not answer is given up',
    proves: [`${POLICY}.connectionPool.http.http2KeepAlive.timeout`],
    config: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: mute, namespace: default }
spec:
  hosts: [mute.example.com]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP2 }]
  endpoints: [{ address: 127.0.0.1, ports: { http: \${port:mute} } }]
---
${destinationRule('mute.example.com', '{ connectionPool: { http: { http2KeepAlive: { interval: 100ms, timeout: 100ms } } } }')}`,
    steps: [
      {
        call: { via: 'forward', to: 'mute.example.com' },
        expect: { status: 503 },
      },
    ],
  },
];

const bytes = (name: string, field: string, policy: string): Scenario => ({
  name: `connectionPool: ${name}`,
  proves: [`${POLICY}.connectionPool.tcp.${field}`],
  config: destinationRule('db', `{ connectionPool: { tcp: { ${policy} } } }`),
  steps: [{ call: { to: 'db:9000', tcp: 'hello', untilClosed: true }, expect: { body: /^db-v[12]:hello$/ } }],
});
const TCP: Feature = [
  bytes('a TCP connection that rests is closed', 'idleTimeout', 'idleTimeout: 100ms'),
  bytes('a TCP connection lives so long', 'maxConnectionDuration', 'maxConnectionDuration: 200ms'),
];

const WATCHED = 'maxEjectionPercent: 100, consecutive5xxErrors: 1';
const broken: Step = { call: { headers: { 'x-answer': '503', 'x-only': 'web-v1' } }, times: 9 };
/** One endpoint where nobody listens, one that answers. */
const HALF = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: half, namespace: default }
spec:
  hosts: [half.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: 1 } }, { address: 127.0.0.1, ports: { http: \${port:ext} } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: half, namespace: default }
spec: { hosts: [half.example.com], http: [{ retries: { attempts: 0 }, route: [{ destination: { host: half.example.com } }] }] }
---
`;
const half: Step['call'] = { via: 'forward', to: 'half.example.com' };

function ejected(name: string, fields: readonly string[], policy: string, ...steps: Scenario['steps']): Scenario {
  return {
    name: `outlierDetection: ${name}`,
    proves: fields.map((field) => `${POLICY}.outlierDetection.${field}`),
    config:
      destinationRule('web', `{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { ${policy} } }`) +
      routes(`{ retries: { attempts: 0 }, ${to('web')} }`),
    steps,
  };
}

const EJECTION: Feature = [
  ejected(
    'the interval says how soon an endpoint comes back',
    ['interval'],
    `${WATCHED}, interval: 100ms, baseEjectionTime: 100ms`,
    { ...broken, pauseMs: 900 },
    { call: {}, times: 9, different: 3, expect: { status: 200 }, soon: true },
  ),
  ejected(
    'below minHealthPercent everybody is asked',
    ['minHealthPercent'],
    `${WATCHED}, interval: 1s, baseEjectionTime: 60s, minHealthPercent: 100`,
    { ...broken, times: 4, pauseMs: EJECTED_MS },
    { call: {}, times: 9, different: 3, expect: { status: 200 } },
  ),
  {
    name: 'outlierDetection: what cannot be reached counts by itself',
    proves: ['splitExternalLocalOriginErrors', 'consecutiveLocalOriginFailures'].map(
      (field) => `${POLICY}.outlierDetection.${field}`,
    ),
    config:
      HALF +
      destinationRule(
        'half.example.com',
        '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2, consecutive5xxErrors: 0, consecutiveGatewayErrors: 0, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
      ),
    steps: [
      { call: half, times: 6 },
      { call: half, times: 8, expect: { status: 200, backend: 'ext' }, soon: true },
    ],
  },
  {
    name: 'outlierDetection: of one port, and of one subset',
    proves: [`${POLICY}.portLevelSettings.outlierDetection`, 'DestinationRule.subsets.trafficPolicy.outlierDetection'],
    config: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: web, namespace: default }
spec:
  host: web
  trafficPolicy: { portLevelSettings: [{ port: { number: 8000 }, outlierDetection: { ${WATCHED}, baseEjectionTime: 60s } }] }
  subsets: [{ name: all, trafficPolicy: { outlierDetection: { ${WATCHED}, baseEjectionTime: 60s } } }]
---
${routes(`{ match: [{ uri: { prefix: /s } }], retries: { attempts: 0 }, ${to('web', 'all')} }`, `{ retries: { attempts: 0 }, ${to('web')} }`)}`,
    steps: [
      broken,
      { call: {}, times: 9, spread: { 'web-v1': [0, 0] }, expect: { status: 200 }, soon: true },
      { ...broken, call: { ...broken.call, path: '/s' } },
      { call: { path: '/s' }, times: 9, spread: { 'web-v1': [0, 0] }, expect: { status: 200 }, soon: true },
    ],
  },
];

/** Six requests fail at once: how many of them may be tried again. */
const sixFailures: Step = {
  call: { headers: { 'x-delay': '600', 'x-answer': '503' } },
  times: 6,
  together: 6,
  expect: { status: 503 },
};
const AGAIN = routes(`{ retries: { attempts: 1, retryOn: 5xx }, ${to('web', 'v1')} }`);
const BUDGETS: Feature = [
  {
    name: 'retryBudget: no more retries at once than its share',
    proves: [`${POLICY}.retryBudget.percent`, `${POLICY}.retryBudget.minRetryConcurrency`],
    config: destinationRule('web', '{ retryBudget: { percent: 1, minRetryConcurrency: 1 } }', ['v1']) + AGAIN,
    steps: [{ ...sixFailures, counters: { [`${OF_V1}.upstream_rq_retry_overflow`]: 1 } }],
  },
  {
    name: 'retryBudget: as many as may be tried again in any case',
    proves: [`${POLICY}.retryBudget.minRetryConcurrency`],
    config: destinationRule('web', '{ retryBudget: { percent: 1, minRetryConcurrency: 6 } }', ['v1']) + AGAIN,
    steps: [{ ...sixFailures, expect: { status: 503, arrivals: 2 } }],
  },
  {
    name: 'retryBudget and proxyProtocol: of one subset',
    proves: [
      'DestinationRule.subsets.trafficPolicy.retryBudget',
      'DestinationRule.subsets.trafficPolicy.proxyProtocol',
    ],
    config: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: web, namespace: default }
spec:
  host: web
  subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: { retryBudget: { percent: 1, minRetryConcurrency: 1 } } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: db, namespace: default }
spec: { host: db, subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: { proxyProtocol: { version: V1 } } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: db, namespace: default }
spec: { hosts: [db], tcp: [{ route: [{ destination: { host: db, subset: v1 } }] }] }
---
${AGAIN}`,
    steps: [
      { ...sixFailures, counters: { [`${OF_V1}.upstream_rq_retry_overflow`]: 1 } },
      { call: { to: 'db:9000', tcp: 'hello' }, expect: { body: /^db-v1:PROXY TCP4 127\.0\.0\.1 / } },
    ],
  },
];

export const feature: Feature = [...HTTP, ...TCP, ...EJECTION, ...BUDGETS];
