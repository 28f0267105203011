// Telemetry: what is logged, counted and traced of requests, for whom, and what is changed about it.
import type { Feature, Growth, Scenario, Step } from './scenario.ts';
import { plain, policy } from './server-calls.ts';

const telemetry = (name: string, spec: string, namespace = 'default'): string =>
  `apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { ${spec} }\n---\n`;
const OPEN = policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }');
/** A log with a format of its own, and a place for spans. */
const PROVIDERS = `extensionProviders:
- name: own
  envoyFileAccessLog:
    path: /dev/stdout
    logFormat: { labels: { own: "yes", code: "%RESPONSE_CODE%", from: "%DOWNSTREAM_REMOTE_ADDRESS%" } }
- name: spans
  zipkin: { service: collector.example.com, port: 9411 }
`;
const COLLECTOR = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: collector, namespace: default }
spec:
  hosts: [collector.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 9411, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: \${port:collector} } }]
---
`;

function scenario(name: string, fields: string, spec: string, ...steps: Scenario['steps']): Scenario {
  return {
    name,
    proves: fields.split(' ').map((field) => `Telemetry.${field}`),
    config: OPEN + COLLECTOR + telemetry('t', spec),
    mesh: PROVIDERS,
    steps,
  };
}

const OUT: Step['call'] = { to: 'web:8000' };
const failing: Step['call'] = { ...OUT, headers: { 'x-answer': '503' } };
const IN = plain();
const logged = (call: Step['call'], log: NonNullable<NonNullable<Step['expect']>['log']> | null): Step => ({
  call,
  expect: { log },
});
const OWN = { own: 'yes', code: 200 };
const logs = (name: string, fields: string, spec: string, ...steps: Step[]): Scenario =>
  scenario(`access log: ${name}`, fields, `accessLogging: [${spec}]`, ...steps);
const BY_OWN = 'providers: [{ name: own }]';

const LOGS: Feature = [
  logs('a provider with its own format', 'accessLogging.providers', `{ ${BY_OWN} }`, logged(OUT, OWN), logged(IN, OWN)),
  logs(
    'of callers only',
    'accessLogging.match.mode',
    `{ ${BY_OWN}, match: { mode: CLIENT } }`,
    logged(OUT, OWN),
    logged(IN, null),
  ),
  logs('none', 'accessLogging.disabled', `{ ${BY_OWN}, disabled: true }`, logged(OUT, null), logged(IN, null)),
  logs(
    'only of what a filter names',
    'accessLogging.filter',
    `{ ${BY_OWN}, filter: { expression: "response.code >= 500" } }`,
    logged(failing, { own: 'yes', code: 503 }),
    logged(OUT, null),
  ),
  {
    ...scenario('the workload’s says otherwise than the namespace’s', 'selector', `accessLogging: [{ ${BY_OWN} }]`),
    config:
      OPEN +
      telemetry('all', `accessLogging: [{ ${BY_OWN} }]`) +
      telemetry('one', 'selector: { matchLabels: { app: server } }, accessLogging: [{ disabled: true }]'),
    steps: [logged(OUT, OWN), logged(IN, null)],
  },
];

const to = (metric: string, labels: Growth['labels'], by: Growth['by']): Growth => ({
  metric: `istio_${metric}`,
  labels: { destination_service_name: 'web', ...labels },
  by,
});
const counted = (call: Step['call'], ...metrics: readonly Growth[]): Step => ({ call, times: 3, metrics });
const metrics = (name: string, fields: string, spec: string, ...steps: Step[]): Scenario =>
  scenario(`metrics: ${name}`, fields, `metrics: [{ ${spec} }]`, ...steps);
const ALL = to('requests_total', { response_code: '200', reporter: 'source' }, 3);

const METRICS: Feature = [
  metrics(
    'a label is made of an attribute, another is left out',
    'metrics.overrides.match.metric metrics.overrides.tagOverrides',
    'overrides: [{ match: { metric: REQUEST_COUNT }, tagOverrides: { verb: { value: "request.method" }, response_flags: { operation: REMOVE } } }]',
    counted(
      { ...OUT, method: 'PUT' },
      to('requests_total', { verb: 'PUT', response_flags: null }, 3),
      to('request_bytes_count', { verb: null, response_flags: '-' }, 3),
    ),
  ),
  metrics(
    'one is turned off',
    'metrics.overrides.disabled',
    'overrides: [{ match: { metric: REQUEST_COUNT }, disabled: true }]',
    counted(OUT, to('request_bytes_count', {}, 3), to('requests_total', {}, 0)),
  ),
  metrics(
    'one is turned off by its own name',
    'metrics.overrides.match.customMetric',
    'overrides: [{ match: { customMetric: istio_request_bytes }, disabled: true }]',
    counted(OUT, ALL, to('request_bytes_count', {}, 0)),
  ),
  metrics(
    'of the server’s side only',
    'metrics.overrides.match.mode',
    'overrides: [{ match: { metric: REQUEST_COUNT, mode: SERVER }, disabled: true }]',
    counted(OUT, ALL),
    counted(
      IN,
      { metric: 'istio_request_bytes_count', labels: { reporter: 'destination' }, by: 3 },
      { metric: 'istio_requests_total', by: 0 },
    ),
  ),
  metrics(
    'those of a provider that counts',
    'metrics.providers',
    'providers: [{ name: prometheus }]',
    counted(OUT, ALL),
  ),
  metrics('connections are told of while they live', 'metrics.reportingInterval', 'reportingInterval: 100ms', {
    call: { to: 'db:9000', tcp: 'hello' },
    metrics: [
      {
        metric: 'istio_tcp_sent_bytes_total',
        labels: { destination_service_name: 'db', reporter: 'source' },
        by: 'some',
      },
    ],
  }),
];

/** An Envoy tells of five spans at once. */
const traced = (call: Step['call'], span: Step['span'], upstream = {}): Step => ({
  call,
  times: 5,
  expect: { status: 200, upstream },
  ...(span === undefined ? {} : { span }),
});
const spans = (name: string, fields: string, spec: string, ...steps: Step[]): Scenario =>
  scenario(`traces: ${name}`, fields, `tracing: [${spec}]`, ...steps);
const ALWAYS = 'providers: [{ name: spans }], randomSamplingPercentage: 100';
const TRACED = { 'x-b3-traceid': /^[0-9a-f]{16,32}$/, 'x-b3-sampled': '1' };
const NOT_TRACED = { 'x-b3-traceid': null, 'x-b3-sampled': null };

const TRACES: Feature = [
  spans(
    'every request is told to the provider',
    'tracing.providers tracing.randomSamplingPercentage',
    `{ ${ALWAYS} }`,
    traced(OUT, { kind: 'CLIENT', 'http.method': 'GET', 'http.status_code': '200' }, TRACED),
    traced(IN, { kind: 'SERVER', 'http.method': 'GET', 'http.status_code': '200' }, TRACED),
  ),
  spans(
    'none is told',
    'tracing.randomSamplingPercentage',
    '{ providers: [{ name: spans }], randomSamplingPercentage: 0 }',
    traced(OUT, undefined, { 'x-b3-sampled': '0' }),
  ),
  spans(
    'of callers only',
    'tracing.match.mode',
    `{ ${ALWAYS}, match: { mode: CLIENT } }`,
    traced(OUT, { kind: 'CLIENT' }, TRACED),
    traced(IN, undefined, NOT_TRACED),
  ),
  spans(
    'nothing is reported',
    'tracing.disableSpanReporting',
    `{ ${ALWAYS}, disableSpanReporting: true }`,
    traced(OUT, undefined, NOT_TRACED),
  ),
  spans(
    'tags of a value, a header, the environment and a format',
    'tracing.customTags',
    `{ ${ALWAYS}, customTags: { fixed: { literal: { value: one } }, who: { header: { name: x-who, defaultValue: nobody } }, way: { header: { name: x-way, defaultValue: straight } }, place: { environment: { name: TOPSAIL_NAMESPACE, defaultValue: none } }, gone: { environment: { name: TOPSAIL_NEVER_SET, defaultValue: none } }, code: { formatter: { value: "%REQ(x-who)% %PROTOCOL%" } } } }`,
    traced(
      { ...OUT, headers: { 'x-who': 'jane' } },
      { fixed: 'one', who: 'jane', way: 'straight', place: 'default', gone: 'none', code: 'jane HTTP/1.1' },
      TRACED,
    ),
  ),
  spans(
    'Istio’s tags are there',
    'tracing.enableIstioTags',
    `{ ${ALWAYS} }`,
    traced(OUT, { 'istio.canonical_service': 'client', 'istio.namespace': 'default' }, TRACED),
  ),
  spans(
    'Istio’s tags are not wanted',
    'tracing.enableIstioTags',
    `{ ${ALWAYS}, enableIstioTags: false }`,
    traced(OUT, { 'istio.canonical_service': null, 'istio.namespace': null }, TRACED),
  ),
  spans(
    'the context stays here',
    'tracing.disableContextPropagation',
    `{ ${ALWAYS}, disableContextPropagation: true }`,
    traced(OUT, undefined, NOT_TRACED),
  ),
  spans(
    'the id of a request carries the decision',
    'tracing.useRequestIdForTraceSampling',
    `{ ${ALWAYS} }`,
    traced(OUT, undefined, { 'x-request-id': /^.{14}[9ab]/ }),
  ),
  spans(
    'the id of a request is left alone',
    'tracing.useRequestIdForTraceSampling',
    `{ ${ALWAYS}, useRequestIdForTraceSampling: false }`,
    traced(OUT, undefined, { 'x-request-id': /^.{14}4/ }),
  ),
];

export const feature: Feature = [...LOGS, ...METRICS, ...TRACES];
