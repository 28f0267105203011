// Extension providers of MeshConfig: external authorization, tracers, metrics and log sinks (mesh/v1alpha1/config.proto ExtensionProvider).

import {
  anyObject,
  count,
  duration,
  flag,
  list,
  message,
  names,
  port,
  type Spec,
  text,
  textDict,
  textList,
} from './schema.ts';

const service = text('Host of the service, `namespace/host` or host.');
const servicePort = port('Its port.');
const maxTagLength = count('Longest path in a span.', { default: 256 });
const HeaderSchema = message(
  'One header.',
  { name: text('Name.'), value: text('Value.'), envName: text('Environment variable with the value.') },
  { required: ['name'], choices: [{ fields: ['value', 'envName'] }] },
);
const HttpSchema = message('OTLP over HTTP.', {
  path: text('Path.'),
  timeout: duration('Limit.'),
  headers: list('Headers to send.', HeaderSchema),
});
const GrpcSchema = message('OTLP over gRPC.', {
  timeout: duration('Limit.'),
  initialMetadata: list('Metadata to send.', HeaderSchema),
});
const BodySchema = message('Sends the request’s body along.', {
  maxRequestBytes: count('Largest body.'),
  allowPartialMessage: flag('Sends the beginning of a larger one.'),
  packAsBytes: flag('Sends it as bytes.'),
});

const authzFields = {
  service,
  port: servicePort,
  timeout: duration('Limit of a check.', { default: '600s' }),
  failOpen: flag('Lets requests pass when the service fails.', { default: false }),
  clearRouteCache: flag('Routes again after the check.', { default: false }),
  statusOnError: text('Status when the service fails.', { default: '403' }),
  includeRequestBodyInCheck: BodySchema,
};
const HttpAuthzSchema = message(
  'External authorization over HTTP.',
  {
    ...authzFields,
    pathPrefix: text('Put before the path.'),
    includeHeadersInCheck: textList('Request headers to send.', { deprecated: 'use includeRequestHeadersInCheck' }),
    includeRequestHeadersInCheck: textList('Request headers to send.'),
    includeAdditionalHeadersInCheck: textDict('Headers to add.'),
    headersToUpstreamOnAllow: textList('Answer headers that go to the service.'),
    headersToDownstreamOnDeny: textList('Answer headers that go to the client on a denial.'),
    headersToDownstreamOnAllow: textList('Answer headers that go to the client otherwise.'),
  },
  { required: ['service', 'port'] },
);
const GrpcAuthzSchema = message('External authorization over gRPC.', authzFields, { required: ['service', 'port'] });

const OpaSchema = message(
  'Open Policy Agent, asked by its own data API with Envoy’s input document.',
  {
    service,
    port: servicePort,
    decision: text('The decision, a path below `/v1/data/`.', { default: 'envoy/authz/allow' }),
    timeout: duration('Limit of a check.', { default: '600s' }),
    failOpen: flag('Lets requests pass when OPA fails.', { default: false }),
    clearRouteCache: flag('Routes again after the check.', { default: false }),
    statusOnError: text('Status when OPA fails.', { default: '403' }),
    includeRequestBodyInCheck: BodySchema,
  },
  { required: ['service', 'port'] },
);
const OpaWasmSchema = message(
  'A Rego policy compiled to Wasm, decided in the proxy’s own process; only with our own proxy.',
  {
    module: text('`policy.wasm` in base64.', { minLength: 1 }),
    entrypoint: text('Entrypoint of the module.', { default: 'envoy/authz/allow' }),
    data: anyObject('What the policy sees as `data`.'),
    clearRouteCache: flag('Routes again after the check.', { default: false }),
    statusOnError: text('Status when the policy fails.', { default: '403' }),
    includeRequestBodyInCheck: BodySchema,
  },
  { required: ['module'] },
);

const LogFormatSchema = message(
  'Format.',
  { text: text('Text.'), labels: anyObject('JSON fields.') },
  { choices: [{ fields: ['text', 'labels'] }] },
);
const alsFields = {
  service,
  port: servicePort,
  logName: text('Name of the log.'),
  filterStateObjectsToLog: textList('Filter state to send.'),
};

export const ExtensionProviderSchema = message(
  'A service that policies and telemetry refer to by name.',
  {
    name: text('Its name.', { minLength: 1 }),
    envoyExtAuthzHttp: HttpAuthzSchema,
    envoyExtAuthzGrpc: GrpcAuthzSchema,
    opa: OpaSchema,
    opaWasm: OpaWasmSchema,
    zipkin: message(
      'Zipkin.',
      {
        service,
        port: servicePort,
        maxTagLength,
        enable64bitTraceId: flag('Shorter ids.'),
        path: text('Path.', { default: '/api/v2/spans' }),
        timeout: duration('Limit.', { default: '5s' }),
        headers: list('Headers to send.', HeaderSchema),
        traceContextOption: names('Headers that carry the context.', [
          'USE_B3',
          'USE_B3_WITH_W3C_PROPAGATION',
        ] as const),
      },
      { required: ['service', 'port'] },
    ),
    lightstep: message('LightStep.', { service, port: servicePort, accessToken: text('Token.'), maxTagLength }),
    datadog: message('Datadog.', { service, port: servicePort, maxTagLength }, { required: ['service', 'port'] }),
    stackdriver: message('Google Cloud.', {
      debug: flag('Prints spans.'),
      maxNumberOfAttributes: count('Limit.'),
      maxNumberOfAnnotations: count('Limit.'),
      maxNumberOfMessageEvents: count('Limit.'),
      maxTagLength,
      logging: message('Logging.', { labels: textDict('Labels.') }),
    }),
    opencensus: message('OpenCensus.', {
      service,
      port: servicePort,
      context: textList('Trace contexts.'),
      maxTagLength,
    }),
    skywalking: message(
      'SkyWalking.',
      { service, port: servicePort, accessToken: text('Token.') },
      { required: ['service', 'port'] },
    ),
    opentelemetry: message(
      'OpenTelemetry traces.',
      {
        service,
        port: servicePort,
        maxTagLength,
        http: HttpSchema,
        grpc: GrpcSchema,
        resourceDetectors: message('Attributes of the resource.', {
          environment: message('From the environment.', {}),
          dynatrace: message('From Dynatrace.', {}),
        }),
        dynatraceSampler: anyObject('Dynatrace’s sampler.'),
        serviceAttributeEnrichment: names('How service attributes are found.', [
          'UNSPECIFIED',
          'OTEL_SEMANTIC_CONVENTIONS',
        ] as const),
      },
      { required: ['service', 'port'], choices: [{ fields: ['http', 'grpc'] }] },
    ),
    prometheus: message('Prometheus.', {}),
    envoyFileAccessLog: message('A log file.', {
      path: text('Path.', { default: '/dev/stdout' }),
      logFormat: LogFormatSchema,
      omitEmptyValues: flag('Leaves missing values out.'),
    }),
    envoyHttpAls: message(
      'Access log service for HTTP.',
      {
        ...alsFields,
        additionalRequestHeadersToLog: textList('Request headers to send.'),
        additionalResponseHeadersToLog: textList('Response headers to send.'),
        additionalResponseTrailersToLog: textList('Response trailers to send.'),
      },
      { required: ['service', 'port'] },
    ),
    envoyTcpAls: message('Access log service for TCP.', alsFields, { required: ['service', 'port'] }),
    envoyOtelAls: message(
      'OpenTelemetry logs.',
      {
        service,
        port: servicePort,
        logName: text('Name of the log.'),
        logFormat: message('Format; body and attributes stand beside each other.', {
          text: text('Body.'),
          labels: anyObject('Attributes.'),
        }),
      },
      { required: ['service', 'port'] },
    ),
    sds: message('A service of secrets.', { name: text('Name.'), service, port: servicePort }),
  },
  {
    required: ['name'],
    choices: [
      {
        fields: [
          'envoyExtAuthzHttp',
          'envoyExtAuthzGrpc',
          'opa',
          'opaWasm',
          'zipkin',
          'lightstep',
          'datadog',
          'stackdriver',
          'opencensus',
          'skywalking',
          'opentelemetry',
          'prometheus',
          'envoyFileAccessLog',
          'envoyHttpAls',
          'envoyTcpAls',
          'envoyOtelAls',
          'sds',
        ],
        required: true,
      },
    ],
  },
);
export type ExtensionProvider = Spec<typeof ExtensionProviderSchema>;
