// MeshConfig and MeshNetworks: settings of the whole mesh (mesh/v1alpha1/config.proto, network.proto).

import {
  ClientTlsSchema,
  ConnectionPoolSchema,
  LocalityLbSchema,
  OutlierDetectionSchema,
  ZoneAwareLbSchema,
} from './destination-rule.ts';
import { ExtensionProviderSchema } from './extension-provider.ts';
import { ProxyConfigSchema } from './proxy-config.ts';
import {
  described,
  dict,
  duration,
  flag,
  integer,
  list,
  message,
  names,
  port,
  type Spec,
  text,
  textList,
} from './schema.ts';
import { LabelSelectorSchema, TcpKeepaliveSchema } from './shared.ts';
import { HttpRouteSchema } from './virtual-service.ts';

const HttpRetrySchema = HttpRouteSchema.properties.retries;
const exportTo = (what: string) => textList(`Who sees ${what} without exportTo.`, { default: ['*'] });

const TlsConfigSchema = message('TLS settings.', {
  minProtocolVersion: names('Oldest version.', ['TLS_AUTO', 'TLSV1_2', 'TLSV1_3'] as const, { defaultText: 'TLSV1_2' }),
  ecdhCurves: textList('Curves of the key exchange.'),
  cipherSuites: textList('Cipher suites for TLS up to 1.2.'),
});

const CertificateDataSchema = message(
  'Further roots.',
  {
    pem: text('PEM.'),
    spiffeBundleUrl: text('https URL of a SPIFFE bundle.'),
    certSigners: textList('Signers it is for.'),
    trustDomains: textList('Trust domains it is for.'),
  },
  { choices: [{ fields: ['pem', 'spiffeBundleUrl'] }] },
);

const visibility = names('Who sees it.', ['UNSPECIFIED', 'NONE', 'NAMESPACE', 'PUBLIC'] as const);

export const MeshConfigSchema = message('Settings of the whole mesh.', {
  proxyListenPort: integer('Port for outbound traffic.', { default: 15_001, minimum: 1, maximum: 65_535 }),
  proxyInboundListenPort: integer('Port for inbound traffic.', { default: 15_006, minimum: 1, maximum: 65_535 }),
  proxyHttpPort: integer('Port of the HTTP proxy; 0: none.', { default: 0, minimum: 0, maximum: 65_535 }),
  connectTimeout: duration('Limit of connecting.', { default: '10s' }),
  hboneIdleTimeout: duration('HBONE connections without traffic are closed.', { default: '1h' }),
  protocolDetectionTimeout: duration('Wait for the client’s first bytes; 0s: no limit.', {
    default: '0s',
    minimumMs: 0,
  }),
  tcpKeepalive: TcpKeepaliveSchema,
  ingressClass: text('Class of Ingress objects.', { default: 'istio' }),
  ingressService: text('Service of the ingress gateway.', { default: 'istio-ingressgateway' }),
  ingressControllerMode: names(
    'Which Ingress objects are read.',
    ['UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT'] as const,
    { default: 'STRICT' },
  ),
  ingressSelector: text('Label `istio` of the ingress gateway.', { default: 'ingressgateway' }),
  enableTracing: flag('Traces.', { default: true }),
  accessLogFile: text('File of access logs; empty: none.', { default: '' }),
  accessLogFormat: text('Format of access logs.', { defaultText: 'Istio’s' }),
  accessLogEncoding: names('TEXT or JSON.', ['TEXT', 'JSON'] as const, { default: 'TEXT' }),
  enableEnvoyAccessLogService: flag('Sends logs to defaultConfig.envoyAccessLogService.', { default: false }),
  disableEnvoyListenerLog: flag('No log of connections without a route.', { default: false }),
  defaultConfig: described('Settings that proxies start with.', ProxyConfigSchema),
  outboundTrafficPolicy: message('What becomes of traffic to unknown destinations.', {
    mode: names(
      'Refuse it, let it pass, or resolve it.',
      ['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'] as const,
      { default: 'ALLOW_ANY' },
    ),
    tls: described('TLS towards it.', ClientTlsSchema),
  }),
  inboundTrafficPolicy: message('What becomes of traffic to undeclared ports.', {
    mode: names('To the original address, or to localhost.', ['PASSTHROUGH', 'LOCALHOST'] as const, {
      default: 'PASSTHROUGH',
    }),
  }),
  configSources: list(
    'Where configuration comes from.',
    message('One source.', {
      address: text('fs://, k8s:// or xds://.'),
      tlsSettings: ClientTlsSchema,
      subscribedResources: list('What is read there.', names('Resource.', ['SERVICE_REGISTRY'] as const)),
    }),
  ),
  enableAutoMtls: flag('Mutual TLS wherever the other side has it.', { default: true }),
  trustDomain: text('Trust domain of identities.', { default: 'cluster.local' }),
  trustDomainAliases: textList('Names that count as the trust domain.'),
  caCertificates: list('Further roots.', CertificateDataSchema),
  defaultServiceExportTo: exportTo('services'),
  defaultVirtualServiceExportTo: exportTo('VirtualServices'),
  defaultDestinationRuleExportTo: exportTo('DestinationRules'),
  rootNamespace: text('Namespace whose objects hold for the mesh.', { default: 'istio-system' }),
  localityLbSetting: LocalityLbSchema,
  zoneAwareLbSetting: ZoneAwareLbSchema,
  dnsRefreshRate: duration('Time between look-ups.', { default: '60s' }),
  h2UpgradePolicy: names('Whether HTTP/1.1 requests are sent as HTTP/2.', ['DO_NOT_UPGRADE', 'UPGRADE'] as const, {
    default: 'DO_NOT_UPGRADE',
  }),
  inboundClusterStatName: text('Pattern of statistics’ names.'),
  outboundClusterStatName: text('Pattern of statistics’ names.'),
  certificates: list(
    'Certificates for DNS names.',
    message('One certificate.', { secretName: text('Secret.'), dnsNames: textList('Names.') }),
    { deprecated: 'leave it out' },
  ),
  ca: message('Another certificate authority.', {
    address: text('host:port.'),
    tlsSettings: ClientTlsSchema,
    requestTimeout: duration('Limit.', { default: '10s' }),
    istiodSide: flag('The control plane forwards requests.', { default: true }),
  }),
  serviceSettings: list(
    'Settings by host.',
    message('One setting.', {
      settings: message('Settings.', { clusterLocal: flag('Never leaves its cluster.') }),
      hosts: textList('Hosts, `*.` allowed.'),
    }),
  ),
  serviceScopeConfigs: list(
    'Whether services are shared between clusters.',
    message('One rule.', {
      namespaceSelector: LabelSelectorSchema,
      servicesSelector: LabelSelectorSchema,
      scope: names('Scope.', ['LOCAL', 'GLOBAL'] as const),
    }),
  ),
  enablePrometheusMerge: flag('The application’s metrics beside the proxy’s.', { default: true }),
  verifyCertificateAtClient: flag('Verifies servers by the system’s roots.', { deprecated: 'leave it out' }),
  extensionProviders: list('Services that policies and telemetry refer to.', ExtensionProviderSchema, {
    maxItems: 1000,
  }),
  defaultProviders: message('Providers of objects that name none.', {
    tracing: textList('Tracers.'),
    metrics: textList('Metrics.'),
    accessLogging: textList('Logs.'),
  }),
  discoverySelectors: list('Namespaces that are read; none: all.', LabelSelectorSchema),
  pathNormalization: message('How paths are made equal before policies.', {
    normalization: names(
      'How far.',
      ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const,
      { default: 'DEFAULT' },
    ),
  }),
  defaultHttpRetryPolicy: described('Retries of routes that name none.', HttpRetrySchema, {
    defaultText: 'safe retries only',
  }),
  defaultInboundHttpRetryPolicy: described('Retries towards the local application.', HttpRetrySchema),
  meshMTLS: described('Mutual TLS inside the mesh.', TlsConfigSchema),
  tlsDefaults: described('TLS elsewhere.', TlsConfigSchema),
  defaultTrafficPolicy: message('Baseline under DestinationRules.', {
    connectionPool: ConnectionPoolSchema,
    outlierDetection: OutlierDetectionSchema,
  }),
  serviceEntryVisibility: message('Who sees ServiceEntries.', {
    defaultVisibility: visibility,
    applyToSidecars: flag('Also for sidecars.'),
    policies: list('By namespace.', message('One policy.', { namespaceSelector: LabelSelectorSchema, visibility })),
  }),
});
export type MeshConfigSpec = Spec<typeof MeshConfigSchema>;

export const MeshNetworksSchema = message('Networks of the mesh and the gateways between them.', {
  networks: dict(
    'By name.',
    message('One network.', {
      endpoints: list(
        'What belongs to it.',
        message(
          'One choice.',
          { fromCidr: text('Addresses.'), fromRegistry: text('Cluster.') },
          { choices: [{ fields: ['fromCidr', 'fromRegistry'] }] },
        ),
      ),
      gateways: list(
        'Ways in.',
        message(
          'One gateway.',
          {
            registryServiceName: text('Service.'),
            address: text('IP or name.'),
            port: port('Port.'),
            locality: text('`region/zone/subzone`.'),
          },
          { required: ['port'], choices: [{ fields: ['registryServiceName', 'address'] }] },
        ),
      ),
    }),
  ),
});
export type MeshNetworksSpec = Spec<typeof MeshNetworksSchema>;
