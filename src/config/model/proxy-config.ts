// ProxyConfig (part of MeshConfig and of the annotation proxy.istio.io/config): settings a proxy starts with (mesh/v1alpha1/proxy.proto).

import { ClientTlsSchema } from './destination-rule.ts';
import {
  anyObject,
  count,
  decimal,
  described,
  dict,
  duration,
  flag,
  integer,
  message,
  names,
  type Spec,
  text,
  textDict,
  textList,
} from './schema.ts';
import { TcpKeepaliveSchema } from './shared.ts';
import { ReadinessProbeSchema } from './workload-group.ts';

const RemoteServiceSchema = message('A gRPC service.', {
  address: text('host:port.'),
  tlsSettings: described('TLS.', ClientTlsSchema),
  tcpKeepalive: TcpKeepaliveSchema,
});

const CustomTagSchema = message(
  'One tag.',
  {
    literal: message('A fixed value.', { value: text('Value.') }),
    environment: message('An environment variable.', {
      name: text('Variable.'),
      defaultValue: text('Where it is not set.'),
    }),
    header: message('A request header.', { name: text('Header.'), defaultValue: text('Where it is missing.') }),
  },
  { choices: [{ fields: ['literal', 'environment', 'header'] }] },
);

const TracingSchema = message(
  'Traces.',
  {
    zipkin: message('Zipkin.', { address: text('host:port.') }),
    lightstep: message('LightStep.', { address: text('host:port.'), accessToken: text('Token.') }),
    datadog: message('Datadog.', { address: text('host:port.') }),
    stackdriver: message('Google Cloud Trace.', {
      debug: flag('Prints spans.'),
      maxNumberOfAttributes: integer('Limit.'),
      maxNumberOfAnnotations: integer('Limit.'),
      maxNumberOfMessageEvents: integer('Limit.'),
    }),
    openCensusAgent: message('OpenCensus.', { address: text('host:port.'), context: textList('Trace contexts.') }),
    customTags: dict('Further tags of spans.', CustomTagSchema),
    maxPathTagLength: count('Longest path in a span.', { default: 256 }),
    sampling: decimal('Share of requests that are traced.', { default: 1, minimum: 0, maximum: 100 }),
    tlsSettings: described('TLS towards the tracer.', ClientTlsSchema),
    enableIstioTags: flag('Adds istio.* tags.', { default: true }),
  },
  { choices: [{ fields: ['zipkin', 'lightstep', 'datadog', 'stackdriver', 'openCensusAgent'] }] },
);

const clientCertHandling = [
  'UNDEFINED',
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
] as const;
export type ClientCertHandling = (typeof clientCertHandling)[number];
const TopologySchema = message('What stands in front of a gateway.', {
  numTrustedProxies: count('Proxies whose X-Forwarded-For is believed.', { default: 0 }),
  forwardClientCertDetails: names('What becomes of x-forwarded-client-cert.', clientCertHandling, {
    defaultText: 'SANITIZE_SET',
  }),
  proxyProtocol: message('Takes a PROXY header first.', {}),
});

const switched = (description: string, fallback: boolean) =>
  message(description, { disabled: flag('Turns it off.', { default: !fallback }) });
const ProxyHeadersSchema = message('Headers that the proxy adds.', {
  forwardedClientCert: names('What becomes of x-forwarded-client-cert.', clientCertHandling, {
    defaultText: 'APPEND_FORWARD',
  }),
  setCurrentClientCertDetails: message('Parts of x-forwarded-client-cert.', {
    subject: flag('Subject.', { default: true }),
    cert: flag('Certificate.', { default: false }),
    chain: flag('Chain.', { default: false }),
    dns: flag('DNS names.', { default: true }),
    uri: flag('URI names.', { default: true }),
  }),
  requestId: switched('x-request-id.', true),
  server: message('server.', {
    disabled: flag('Turns it off.', { default: false }),
    value: text('Value.', { default: 'istio-envoy' }),
  }),
  attemptCount: switched('x-envoy-attempt-count.', true),
  envoyDebugHeaders: switched('x-envoy-* debug headers.', true),
  metadataExchangeHeaders: message('Metadata of the peer.', {
    mode: names('Where.', ['UNDEFINED', 'IN_MESH'] as const, { default: 'UNDEFINED' }),
  }),
  preserveHttp1HeaderCase: message('Keeps the case of HTTP/1 header names.', {
    enabled: flag('Turns it on.', { default: false }),
  }),
  xForwardedHost: message('x-forwarded-host.', { enabled: flag('Turns it on.', { default: false }) }),
  xForwardedPort: message('x-forwarded-port.', { enabled: flag('Turns it on.', { default: false }) }),
});

export const ProxyConfigSchema = message('Settings that a proxy starts with.', {
  configPath: text('Folder of generated files.', { default: './etc/istio/proxy' }),
  binaryPath: text('Program of the proxy.', { default: '/usr/local/bin/envoy' }),
  customConfigFile: text('Bootstrap to use instead.'),
  serviceCluster: text('Name of the proxy’s service.', { default: 'istio-proxy' }),
  tracingServiceName: names(
    'What spans are named after.',
    ['APP_LABEL_AND_NAMESPACE', 'CANONICAL_NAME_ONLY', 'CANONICAL_NAME_AND_NAMESPACE'] as const,
    { default: 'APP_LABEL_AND_NAMESPACE' },
  ),
  drainDuration: duration('Time that connections have when a listener goes.', { default: '45s' }),
  parentShutdownDuration: duration('Time until the former process ends.', { deprecated: 'leave it out' }),
  terminationDrainDuration: duration('Time that connections have when the proxy ends.', {
    default: '5s',
    minimumMs: 0,
  }),
  discoveryAddress: text('The control plane.', { default: 'istiod.istio-system.svc:15012' }),
  discoveryRefreshDelay: duration('Polling.', { deprecated: 'leave it out' }),
  zipkinAddress: text('Zipkin.', { deprecated: 'use tracing.zipkin' }),
  connectTimeout: duration('Limit of connecting.', { deprecated: 'use MeshConfig.connectTimeout' }),
  statsdUdpAddress: text('statsd.'),
  proxyAdminPort: integer('Admin port.', { default: 15_000, minimum: 0, maximum: 65_535 }),
  availabilityZone: text('Zone.', { deprecated: 'use the locality label' }),
  controlPlaneAuthPolicy: names('How the control plane is reached.', ['NONE', 'MUTUAL_TLS'] as const, {
    default: 'MUTUAL_TLS',
  }),
  statNameLength: integer('Longest name of a statistic.', { default: 189 }),
  concurrency: integer('Worker threads of pods; 0: one for each core. Elsewhere --concurrency says it.', {
    minimum: 0,
    defaultText: '1',
  }),
  proxyBootstrapTemplatePath: text('Template of the bootstrap.'),
  interceptionMode: names('How traffic is redirected.', ['REDIRECT', 'TPROXY', 'NONE'] as const, {
    default: 'REDIRECT',
  }),
  tracing: TracingSchema,
  sds: anyObject('Never in force.', { deprecated: 'leave it out' }),
  envoyAccessLogService: described('Access log service.', RemoteServiceSchema),
  envoyMetricsService: described('Metrics service.', RemoteServiceSchema),
  proxyMetadata: textDict('Environment and metadata of the proxy.'),
  runtimeValues: textDict('Envoy’s runtime settings.'),
  statusPort: integer('Status port.', { default: 15_020, minimum: 0, maximum: 65_535 }),
  extraStatTags: textList('Further labels of metrics.', { deprecated: 'use Telemetry' }),
  gatewayTopology: TopologySchema,
  proxyStatsMatcher: message('Further statistics that are kept.', {
    inclusionPrefixes: textList('By prefix.'),
    inclusionSuffixes: textList('By suffix.'),
    inclusionRegexps: textList('By pattern.'),
  }),
  holdApplicationUntilProxyStarts: flag('The application starts after the proxy.', { default: false }),
  caCertificatesPem: textList('Further roots to trust for the control plane.'),
  image: message('The image.', { imageType: text('default, debug or distroless.') }),
  readinessProbe: described('Readiness of a workload outside pods.', ReadinessProbeSchema),
  privateKeyProvider: message('Hardware for private keys.', {
    cryptomb: message('CryptoMB.', { pollDelay: duration('Delay.'), fallback: flag('Software when missing.') }),
    qat: message('QAT.', { pollDelay: duration('Delay.'), fallback: flag('Software when missing.') }),
  }),
  proxyHeaders: ProxyHeadersSchema,
  fileFlushInterval: duration('Time between flushes of logs.', { default: '1s' }),
  fileFlushMinSizeKb: count('Size at which logs are flushed.', { default: 64 }),
  statsCompression: flag('Compresses metrics.', { default: true }),
  meshId: text('Name of the mesh.'),
  connectionSettings: anyObject('Limits of connections; `profile` is SIDECAR or EDGE.'),
});
export type ProxyConfigSpec = Spec<typeof ProxyConfigSchema>;
