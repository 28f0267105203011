// DestinationRule (networking.istio.io): how connections to a host are made, pooled, balanced and watched (networking/v1alpha3/destination_rule.proto).

import {
  count,
  decimal,
  described,
  duration,
  flag,
  integer,
  list,
  message,
  names,
  port,
  type Spec,
  text,
  textDict,
  textList,
  dict,
} from './schema.ts';
import { exportToSchema, PolicySelectorSchema, PortSelectorSchema, TcpKeepaliveSchema } from './shared.ts';

const CookieSchema = message(
  'Hashes a cookie; sets it when it is missing and has a ttl.',
  {
    name: text('The cookie.'),
    path: text('Its path.'),
    ttl: duration('Its life; 0s: a session cookie.', { minimumMs: 0 }),
    attributes: list(
      'Further attributes of a set cookie.',
      message('One attribute.', { name: text('Name.'), value: text('Value.') }, { required: ['name'] }),
    ),
  },
  { required: ['name'] },
);

const ConsistentHashSchema = message(
  'Sends equal keys to the same endpoint.',
  {
    httpHeaderName: text('Key: this header.'),
    httpCookie: described('Key: a cookie.', CookieSchema),
    useSourceIp: flag('Key: the client’s address.'),
    httpQueryParameterName: text('Key: this query parameter.'),
    ringHash: message('Ring hash.', { minimumRingSize: count('Points on the ring, at least.', { default: 1024 }) }),
    maglev: message('Maglev.', { tableSize: count('Prime below 5000011.', { default: 65_537 }) }),
    minimumRingSize: count('Points on the ring, at least.', { deprecated: 'use ringHash.minimumRingSize' }),
  },
  {
    choices: [
      { fields: ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'], required: true },
      { fields: ['ringHash', 'maglev'] },
    ],
  },
);

export const LocalityLbSchema = message('Keeps traffic near, and says where it goes otherwise.', {
  distribute: list(
    'Shares by origin.',
    message('From one locality.', {
      from: text('`region/zone/subzone`, `*` at the end.'),
      to: dict('Destination localities and their shares; they add up to 100.', count('Share.')),
    }),
  ),
  failover: list(
    'Region to go to when one has no healthy endpoint.',
    message('One pair.', { from: text('Region.'), to: text('Region.') }),
  ),
  failoverPriority: textList(
    'Labels (or label=value), in order, that an endpoint shares with the client to be preferred.',
  ),
  enabled: flag('On or off for this host.', { defaultText: 'mesh setting' }),
});
export type LocalityLb = Spec<typeof LocalityLbSchema>;

export const ZoneAwareLbSchema = message('Zone-aware balancing by the number of clients in each zone.', {
  enabled: flag('On or off.', { defaultText: 'off' }),
  failover: list(
    'Region to go to when one has no healthy endpoint.',
    message('One pair.', { from: text('Region.'), to: text('Region.') }),
  ),
  failoverPriority: textList('Labels, in order, that an endpoint shares with the client to be preferred.'),
  minClusterSize: count('Fewer endpoints: no zone awareness.', { default: 6 }),
});

const LoadBalancerSchema = message(
  'How an endpoint is chosen.',
  {
    simple: names(
      'The algorithm.',
      ['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'] as const,
      { defaultText: 'LEAST_REQUEST' },
    ),
    consistentHash: ConsistentHashSchema,
    backendUtilization: message('Weights by load that endpoints report (ORCA).', {
      weightStabilizationPeriod: duration('Time a weight must settle.', { default: '10s' }),
      weightExpirationPeriod: duration('Age at which a report is forgotten.', { default: '180s' }),
      weightUpdatePeriod: duration('Time between updates.', { default: '1s', minimumMs: 100 }),
      errorUtilizationPenaltyPercent: count('Penalty for errors.', { default: 0 }),
      metricNamesForComputingUtilization: textList('Metrics to read where no utilization is reported.'),
    }),
    localityLbSetting: LocalityLbSchema,
    zoneAwareLbSetting: ZoneAwareLbSchema,
    warmupDurationSecs: duration('Warm-up time of new endpoints.', { deprecated: 'use warmup.duration' }),
    warmup: message(
      'Lets new endpoints take load slowly.',
      {
        duration: duration('How long.'),
        minimumPercent: decimal('Share at the beginning.', { default: 10, minimum: 0, maximum: 100 }),
        aggression: decimal('Shape of the rise; 1 is a line.', { default: 1, minimum: 1 }),
      },
      { required: ['duration'] },
    ),
  },
  {
    choices: [
      { fields: ['simple', 'consistentHash', 'backendUtilization'] },
      { fields: ['localityLbSetting', 'zoneAwareLbSetting'] },
    ],
  },
);
export type LoadBalancer = Spec<typeof LoadBalancerSchema>;

const int32 = (description: string, fallback: number) =>
  integer(description, { default: fallback, minimum: 0, maximum: 2_147_483_647 });
const noLimit = (description: string) =>
  integer(description, { defaultText: '2^32-1', minimum: 0, maximum: 2_147_483_647 });

export const ConnectionPoolSchema = message('Limits of connections and requests, for each client proxy.', {
  tcp: message('All connections.', {
    maxConnections: noLimit('Connections to the host.'),
    connectTimeout: duration('Limit of connecting.', { default: '10s' }),
    tcpKeepalive: TcpKeepaliveSchema,
    maxConnectionDuration: duration('Connections are closed at this age.', { defaultText: 'no limit' }),
    idleTimeout: duration('TCP connections without traffic are closed.', { default: '1h', minimumMs: 0 }),
  }),
  http: message('HTTP requests.', {
    http1MaxPendingRequests: noLimit('Requests that wait for a connection.'),
    http2MaxRequests: noLimit('Requests under way.'),
    maxRequestsPerConnection: int32('Requests until a connection is closed; 0: no limit.', 0),
    maxRetries: noLimit('Retries under way.'),
    idleTimeout: duration('Upstream connections without requests are closed.', { default: '1h', minimumMs: 0 }),
    h2UpgradePolicy: names(
      'Whether HTTP/1.1 requests are sent as HTTP/2.',
      ['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'] as const,
      { default: 'DEFAULT' },
    ),
    useClientProtocol: flag('Sends the protocol that the client spoke.', { default: false }),
    maxConcurrentStreams: int32('Streams of one HTTP/2 connection.', 2_147_483_647),
    http2KeepAlive: message(
      'HTTP/2 pings.',
      { interval: duration('Time between pings.'), timeout: duration('Time for the answer.') },
      { required: ['interval', 'timeout'] },
    ),
  }),
});
export type ConnectionPool = Spec<typeof ConnectionPoolSchema>;

export const OutlierDetectionSchema = message(
  'Takes endpoints that fail out of balancing for a while; off unless the block is set.',
  {
    consecutiveErrors: integer('Failures in a row (gateway errors only).', {
      minimum: 0,
      maximum: 2_147_483_647,
      deprecated: 'use consecutiveGatewayErrors or consecutive5xxErrors',
    }),
    splitExternalLocalOriginErrors: flag('Counts failures to connect apart.', { default: false }),
    consecutiveLocalOriginFailures: count('Failures to connect in a row.', { default: 5 }),
    consecutiveGatewayErrors: count('502, 503, 504 in a row; 0: off.', { default: 0 }),
    consecutive5xxErrors: count('5xx in a row; 0: off.', { default: 5 }),
    interval: duration('Time between sweeps.', { default: '10s' }),
    baseEjectionTime: duration('Ejection time, multiplied by how often it happened.', { default: '30s' }),
    maxEjectionPercent: integer('Share of endpoints that may be out.', { default: 10, minimum: 0, maximum: 100 }),
    minHealthPercent: integer('Below this share of healthy endpoints all are used.', {
      default: 0,
      minimum: 0,
      maximum: 100,
    }),
    outlierDetectionHttpErrorCodes: list(
      'Status codes that count as errors, and no others do; without it 5xx do. All are counted by consecutive5xxErrors, 502 to 504 by consecutiveGatewayErrors too.',
      integer('Status.', { minimum: 100, maximum: 599 }),
    ),
  },
);
export type OutlierDetection = Spec<typeof OutlierDetectionSchema>;

export const ClientTlsSchema = message('TLS towards the host.', {
  mode: names(
    'DISABLE, SIMPLE, MUTUAL (own certificates) or ISTIO_MUTUAL (the mesh’s).',
    ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'] as const,
    { default: 'DISABLE' },
  ),
  clientCertificate: text('File with the certificate chain.'),
  privateKey: text('File with the private key.'),
  caCertificates: text('File with the CAs to trust.'),
  credentialName: text('Secret with the certificates.'),
  subjectAltNames: textList('Names, one of which the server’s certificate must have.'),
  sni: text('Server name sent in the handshake.'),
  insecureSkipVerify: flag('Does not verify the server.', { default: false }),
  caCrl: text('File with the revocation list.'),
});
export type ClientTls = Spec<typeof ClientTlsSchema>;

const perPort = {
  loadBalancer: LoadBalancerSchema,
  connectionPool: ConnectionPoolSchema,
  outlierDetection: OutlierDetectionSchema,
  tls: ClientTlsSchema,
};

export const PortTrafficPolicySchema = message('Settings of one port; they replace the host’s, they are not merged.', {
  port: PortSelectorSchema,
  ...perPort,
});
export type PortTrafficPolicy = Spec<typeof PortTrafficPolicySchema>;

export const TrafficPolicySchema = message('How connections are made.', {
  ...perPort,
  portLevelSettings: list('Settings by port.', PortTrafficPolicySchema, { maxItems: 4096 }),
  tunnel: message(
    'Sends connections of TCP and TLS routes and listeners by way of HTTP proxies, which the endpoints are. A subset has its own tunnel or none. Weighted destinations must all have the same one: else connections are closed. HTTP requests are not tunnelled.',
    {
      protocol: text(
        'How the HTTP proxy is asked: CONNECT, or POST with both directions as bodies. Over HTTP/1.1; over HTTP/2 where the port is declared so.',
        { default: 'CONNECT' },
      ),
      targetHost: text('Host or address that the HTTP proxy is asked for.'),
      targetPort: port('Port that the HTTP proxy is asked for.'),
    },
    { required: ['targetHost', 'targetPort'] },
  ),
  proxyProtocol: message('Sends a PROXY header first.', {
    version: names('Its version.', ['V1', 'V2'] as const, { default: 'V1' }),
  }),
  retryBudget: message('Limits retries to a share of requests.', {
    percent: decimal('Share of requests under way.', { default: 20, minimum: 0, maximum: 100 }),
    minRetryConcurrency: count('Retries that are always allowed.', { default: 3 }),
    budgetInterval: duration('Requests of this time count.', { minimumMs: 0, default: '0s' }),
  }),
});
export type TrafficPolicy = Spec<typeof TrafficPolicySchema>;

const SubsetSchema = message(
  'A named part of the endpoints.',
  {
    name: text('Its name.', { minLength: 1 }),
    labels: textDict('Labels that its endpoints have.'),
    trafficPolicy: described('Overrides the host’s, block by block.', TrafficPolicySchema),
  },
  { required: ['name'] },
);
export type Subset = Spec<typeof SubsetSchema>;

export const DestinationRuleSchema = message(
  'Says how clients connect to a host: balancing, pools, ejection, TLS, and the host’s subsets.',
  {
    host: text('Service name: short (resolved in the rule’s namespace), fully qualified, or a wildcard.', {
      minLength: 1,
    }),
    trafficPolicy: TrafficPolicySchema,
    subsets: list('Named parts of the endpoints.', SubsetSchema),
    exportTo: exportToSchema('DestinationRule'),
    workloadSelector: described(
      'Only for client workloads with these labels, in the rule’s namespace.',
      PolicySelectorSchema,
    ),
  },
  { required: ['host'] },
);
export type DestinationRuleSpec = Spec<typeof DestinationRuleSchema>;
