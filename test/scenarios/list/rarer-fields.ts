// Fields that are set seldom: what is left of VirtualService, DestinationRule, ServiceEntry, AuthorizationPolicy and Telemetry.
import type { Feature, Scenario, Step } from './scenario.ts';
import { as, DENIED, FRIEND, OK, OTHER, policy, SELECT } from './server-calls.ts';
import { destinationRule, routes, to, WEB_SUBSETS } from './yaml.ts';

const V1 = to('web', 'v1');
const V2 = to('web', 'v2');

function rule(name: string, fields: readonly string[], config: string, ...steps: readonly Step[]): Scenario {
  return { name, proves: fields.map((field) => `VirtualService.${field}`), config: WEB_SUBSETS + config, steps };
}

const matched = (match: string): string => routes(`{ match: [{ ${match} }], ${V2} }`, `{ ${V1} }`);
const at = (backend: 'web-v1' | 'web-v2'): Step => ({ call: {}, expect: { status: 200, backend } });

const ROUTES: Feature = [
  rule('scheme by prefix', ['http.match.scheme'], matched('scheme: { prefix: ht }'), at('web-v2')),
  rule('scheme by another prefix', ['http.match.scheme'], matched('scheme: { prefix: ftp }'), at('web-v1')),
  rule('scheme by regex', ['http.match.scheme'], matched('scheme: { regex: "https?" }'), at('web-v2')),
  rule(
    'gateways: mesh is the sidecar',
    ['gateways'],
    `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: web, namespace: default }\nspec: { hosts: [web], gateways: [mesh], http: [{ ${V2} }] }\n---\n`,
    at('web-v2'),
  ),
  rule(
    'retries: backoff between attempts',
    ['http.retries.backoff'],
    routes(`{ retries: { attempts: 2, retryOn: 5xx, backoff: 30ms }, ${V1} }`),
    { call: { headers: { 'x-answer': '503,503,200' } }, expect: { status: 200, arrivals: 3 } },
  ),
  rule(
    'retries: retryIgnorePreviousHosts goes elsewhere',
    ['http.retries.retryIgnorePreviousHosts'],
    routes(`{ retries: { attempts: 2, retryOn: 5xx, retryIgnorePreviousHosts: true }, ${to('web')} }`),
    { call: { headers: { 'x-answer': '503', 'x-only': 'web-v1' } }, times: 9, expect: { status: 200 } },
  ),
  rule(
    'retries: retryRemoteLocalities',
    ['http.retries.retryRemoteLocalities'],
    routes(`{ retries: { attempts: 1, retryOn: 5xx, retryRemoteLocalities: true }, ${V1} }`),
    { call: { headers: { 'x-answer': '503,200' } }, expect: { status: 200, arrivals: 2 } },
  ),
  rule(
    'fault: percent of old, abort',
    ['http.fault.abort.percent'],
    routes(`{ fault: { abort: { percent: 100, httpStatus: 418 } }, ${V1} }`),
    { call: {}, expect: { status: 418, arrivals: 0, flag: 'FI' } },
  ),
  rule(
    'fault: percent of old, delay',
    ['http.fault.delay.percent'],
    routes(`{ fault: { delay: { percent: 100, fixedDelay: 300ms } }, ${V1} }`),
    { call: {}, expect: { status: 200, atLeastMs: 290 } },
  ),
  rule(
    'mirror: to a port, percent of old',
    ['http.mirror.port', 'http.mirrorPercent'],
    routes(`{ mirror: { host: web, subset: v2, port: { number: 8001 } }, mirrorPercent: 100, ${V1} }`),
    { call: {}, expect: { status: 200, backend: 'web-v1', arrivals: 2, alsoAt: 'web-v2' } },
  ),
  rule(
    'mirror: mirrors with a percentage and a port',
    ['http.mirrors.percentage', 'http.mirrors.destination.port'],
    routes(
      `{ mirrors: [{ destination: { host: web, subset: v2, port: { number: 8001 } }, percentage: { value: 100 } }, { destination: { host: web, subset: v3 }, percentage: { value: 0 } }], ${V1} }`,
    ),
    { call: {}, expect: { status: 200, backend: 'web-v1', arrivals: 2, alsoAt: 'web-v2', neverAt: 'web-v3' } },
  ),
  rule(
    'corsPolicy: allowOrigin of old, and allowHeaders',
    ['http.corsPolicy.allowOrigin', 'http.corsPolicy.allowHeaders'],
    routes(
      `{ corsPolicy: { allowOrigin: ["http://a.test"], allowMethods: [PUT], allowHeaders: [x-one, x-two] }, ${V1} }`,
    ),
    {
      call: {
        method: 'OPTIONS',
        headers: { origin: 'http://a.test', 'access-control-request-method': 'PUT' },
      },
      expect: {
        status: 200,
        arrivals: 0,
        downstream: {
          'access-control-allow-origin': 'http://a.test',
          'access-control-allow-headers': /^x-one, ?x-two$/,
        },
      },
    },
  ),
];

const tcp = (rules: string): string =>
  `${destinationRule('db', '', ['v1', 'v2'])}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: db, namespace: default }\nspec: { hosts: [db], tcp: [${rules}] }\n`;
const hello = (body: string | RegExp): Step => ({
  call: { to: 'db:9000', tcp: 'hello' },
  times: 4,
  expect: { body },
});
const DB = (subset: string): string =>
  `route: [{ destination: { host: db, subset: ${subset}, port: { number: 9000 } } }]`;
const STREAMS: Feature = [
  {
    name: 'TCP: a destination with its port',
    proves: ['VirtualService.tcp.route.destination'],
    config: tcp(`{ ${DB('v2')} }`),
    steps: [hello('db-v2:hello')],
  },
  {
    name: 'TCP: gateways: mesh is the sidecar',
    proves: ['VirtualService.tcp.match.gateways'],
    config: tcp(`{ match: [{ gateways: [mesh] }], ${DB('v2')} }, { ${DB('v1')} }`),
    steps: [hello('db-v2:hello')],
  },
  {
    name: 'TCP: the caller’s namespace',
    proves: ['VirtualService.tcp.match.sourceNamespace'],
    config: tcp(`{ match: [{ sourceNamespace: default }], ${DB('v2')} }, { ${DB('v1')} }`),
    steps: [hello('db-v2:hello')],
  },
  {
    name: 'TCP: another namespace’s callers',
    proves: ['VirtualService.tcp.match.sourceNamespace'],
    config: tcp(`{ match: [{ sourceNamespace: elsewhere }], ${DB('v2')} }, { ${DB('v1')} }`),
    steps: [hello('db-v1:hello')],
  },
];

function subsetPolicy(policy_: string): string {
  return `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: web, namespace: default }\nspec: { host: web, ${policy_} }\n---\n`;
}

const same: Step = { call: { headers: { 'x-user': 'jane' } }, times: 12, different: 1, expect: { status: 200 } };
const HASHED = 'loadBalancer: { consistentHash: { httpHeaderName: x-user } }';
const RULES: Feature = [
  {
    name: 'portLevelSettings: a balancer of one port',
    proves: ['DestinationRule.trafficPolicy.portLevelSettings.loadBalancer'],
    config: subsetPolicy(`trafficPolicy: { portLevelSettings: [{ port: { number: 8000 }, ${HASHED} }] }`),
    steps: [same],
  },
  {
    name: 'subsets: a balancer of one subset',
    proves: ['DestinationRule.subsets.trafficPolicy.loadBalancer'],
    config:
      subsetPolicy(
        `trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }, subsets: [{ name: all, trafficPolicy: { ${HASHED} } }]`,
      ) + routes(`{ ${to('web', 'all')} }`),
    steps: [same],
  },
  {
    name: 'consistentHash: attributes of the cookie',
    proves: ['DestinationRule.trafficPolicy.loadBalancer.consistentHash.httpCookie'],
    config: destinationRule(
      'web',
      '{ loadBalancer: { consistentHash: { httpCookie: { name: s, ttl: 10s, attributes: [{ name: SameSite, value: Strict }, { name: Secure }] } } } }',
    ),
    steps: [{ call: {}, expect: { status: 200, downstream: { 'set-cookie': /SameSite=Strict.*Secure/ } } }],
  },
  {
    name: 'warmup: its share and aggression',
    proves: ['DestinationRule.trafficPolicy.loadBalancer.warmup'],
    config: destinationRule(
      'web',
      '{ loadBalancer: { simple: LEAST_REQUEST, warmup: { duration: 1s, minimumPercent: 20, aggression: 2 } } }',
    ),
    steps: [{ call: {}, times: 60, together: 5, different: 3, expect: { status: 200 } }],
  },
  {
    name: 'warmup: of old',
    proves: ['DestinationRule.trafficPolicy.loadBalancer.warmupDurationSecs'],
    config: destinationRule('web', '{ loadBalancer: { simple: ROUND_ROBIN, warmupDurationSecs: 1s } }'),
    steps: [{ call: {}, times: 30, together: 5, different: 3, expect: { status: 200 } }],
  },
  {
    name: 'workloadSelector: a rule of other callers does nothing',
    proves: ['DestinationRule.workloadSelector'],
    config: subsetPolicy(`workloadSelector: { matchLabels: { app: other } }, trafficPolicy: { ${HASHED} }`),
    steps: [{ ...same, times: 60, different: 3 }],
  },
  {
    name: 'workloadSelector: a rule of these callers',
    proves: ['DestinationRule.workloadSelector'],
    config: subsetPolicy(`workloadSelector: { matchLabels: { app: client } }, trafficPolicy: { ${HASHED} }`),
    steps: [same],
  },
  {
    name: 'outlierDetection: consecutiveErrors of old',
    proves: ['DestinationRule.trafficPolicy.outlierDetection.consecutiveErrors'],
    config:
      destinationRule(
        'web',
        '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutiveErrors: 1, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100, minHealthPercent: 0 } }',
      ) + routes(`{ retries: { attempts: 0 }, ${to('web')} }`),
    steps: [
      { call: { headers: { 'x-answer': '503', 'x-only': 'web-v1' } }, times: 12 },
      { call: {}, times: 12, expect: { status: 200, backend: ['web-v2', 'web-v3'] }, soon: true },
    ],
  },
];

function authorized(name: string, field: string, text: string, ...steps: readonly Step[]): Scenario {
  const config = policy('p', 'AuthorizationPolicy', `{ ${SELECT}, action: ALLOW, rules: [${text}] }`);
  return { name: `ALLOW: ${name}`, proves: [`AuthorizationPolicy.rules.${field}`], config, steps };
}

const POLICIES: Feature = [
  authorized('notHosts', 'to.operation.notHosts', '{ to: [{ operation: { notHosts: ["evil.*"] } }] }', {
    call: as(FRIEND),
    expect: OK,
  }),
  authorized('notPorts', 'to.operation.notPorts', '{ to: [{ operation: { notPorts: ["8000"] } }] }', {
    call: as(FRIEND),
    expect: DENIED,
  }),
  authorized(
    'notServiceAccounts',
    'from.source.notServiceAccounts',
    '{ from: [{ source: { notServiceAccounts: [client] } }] }',
    { call: as(FRIEND), expect: DENIED },
    { call: as(OTHER), expect: OK },
  ),
  authorized(
    'remoteIpBlocks',
    'from.source.remoteIpBlocks',
    '{ from: [{ source: { remoteIpBlocks: [127.0.0.0/8] } }] }',
    { call: as(FRIEND), expect: OK },
  ),
  authorized(
    'notRemoteIpBlocks',
    'from.source.notRemoteIpBlocks',
    '{ from: [{ source: { notRemoteIpBlocks: [127.0.0.0/8] } }] }',
    { call: as(FRIEND), expect: DENIED },
  ),
  authorized('trustDomains', 'from.source.trustDomains', '{ from: [{ source: { trustDomains: [cluster.local] } }] }', {
    call: as(FRIEND),
    expect: OK,
  }),
  authorized(
    'notTrustDomains',
    'from.source.notTrustDomains',
    '{ from: [{ source: { notTrustDomains: [cluster.local] } }] }',
    { call: as(FRIEND), expect: DENIED },
  ),
];

const ext = (more: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ext, namespace: default }\nspec: { hosts: [ext.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [${more}] }\n---\n`;
const ENTRIES: Feature = [
  {
    name: 'ServiceEntry: a port by number, name and protocol',
    proves: ['ServiceEntry.ports', 'ServiceEntry.location', 'ServiceEntry.endpoints'],
    config: ext('{ address: 127.0.0.1, ports: { http: ${port:ext} }, labels: { app: ext }, weight: 1 }'),
    steps: [{ call: { via: 'forward', to: 'ext.example.com' }, expect: { status: 200, backend: 'ext' } }],
  },
];

export const feature: Feature = [...ROUTES, ...STREAMS, ...RULES, ...POLICIES, ...ENTRIES];
