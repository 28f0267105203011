// What this proxy reads nothing of in Envoy's messages. Where it is set it is told of; where leaving it out would let in or send
// out more than was meant, the resource is refused (design 8).

import { ConfigError } from '../errors.ts';

type Warn = (field: string, reason: string) => void;
type Fields = Readonly<Record<string, string>>;

interface Unread {
  /** Field -> why it is left out. */
  readonly told: Fields;
  /** Field -> what to do without. */
  readonly refused?: Fields;
}

const FOLLOWED = 'redirects are the client’s to follow';
const STATISTICS = 'no such statistics are kept';
const SOCKETS = 'sockets have the options of the system';
const LOG_TIMES = 'log lines are written when a stream ends';
const RESUMED = 'a resumed session is checked as a new one, and keys change with every certificate';
const OWN_CODEC = "the codec is this proxy's own";
const RESOLVER = 'names are looked up as the system does';
const HOST_LIST = 'the list of endpoints is taken as it comes';
const LIMITED = 'give idle_timeout';
const GIVE_ROOTS = 'give trusted_ca, or a secret by SDS';
const GIVE_KEYS = 'give certificates as files, inline or by SDS';

export const UNREAD = {
  Listener: {
    told: {
      freebind: SOCKETS,
      socketOptions: SOCKETS,
      tcpFastOpenQueueLength: SOCKETS,
      enableMptcp: SOCKETS,
      ignoreGlobalConnLimit: 'the limit is for all listeners',
      bypassOverloadManager: 'no listener is left out under load',
    },
    refused: {
      filterChainMatcher: 'give each filter chain its filter_chain_match',
      listenerSpecifier: 'internal listeners are not part of it',
    },
  },
  FilterChain: {
    told: { onDemandConfiguration: 'filter chains are made at once' },
    refused: { useProxyProto: 'give the listener filter envoy.filters.listener.proxy_protocol' },
  },
  HttpConnectionManager: {
    told: {
      http3ProtocolOptions: 'there is no HTTP/3',
      accessLogFlushInterval: LOG_TIMES,
      flushAccessLogOnNewRequest: LOG_TIMES,
      accessLogOptions: LOG_TIMES,
      representIpv4RemoteAddressAsIpv4MappedIpv6: 'addresses are written as they are',
      streamErrorOnInvalidHttpMessage: OWN_CODEC,
      pathNormalizationOptions: 'give normalize_path',
      proxyStatusConfig: 'no proxy-status header is written',
      typedHeaderValidationConfig: OWN_CODEC,
      appendLocalOverload: 'no header tells of overload',
      addProxyProtocolConnectionState: 'no filter reads it',
    },
    refused: {
      originalIpDetectionExtensions: 'give use_remote_address and xff_num_trusted_hops',
      earlyHeaderMutationExtensions: 'give the HTTP filter envoy.filters.http.header_mutation, or rules of routes',
    },
  },
  Router: {
    told: {
      startChildSpan: 'attempts have no spans of their own',
      upstreamLog: 'attempts have no log lines of their own',
      upstreamLogOptions: 'attempts have no log lines of their own',
      suppressGrpcRequestFailureCodeStats: STATISTICS,
    },
    refused: { upstreamHttpFilters: 'give them as http_filters of the connection manager' },
  },
  TcpProxy: {
    told: {
      onDemand: 'clusters come as they are',
      downstreamIdleTimeout: LIMITED,
      upstreamIdleTimeout: LIMITED,
      accessLogFlushInterval: LOG_TIMES,
      flushAccessLogOnConnected: LOG_TIMES,
      accessLogOptions: LOG_TIMES,
    },
    refused: { metadataMatch: 'give a cluster of these endpoints alone' },
  },
  TunnelingConfig: {
    told: {
      propagateResponseHeaders: 'no filter reads them',
      propagateResponseTrailers: 'no filter reads them',
    },
    refused: { headersToAdd: 'the HTTP proxy gets nothing but the host' },
  },
  Cluster: {
    told: {
      dnsResolvers: RESOLVER,
      dnsResolutionConfig: RESOLVER,
      typedDnsResolverConfig: RESOLVER,
      useTcpForDnsLookups: RESOLVER,
      closeConnectionsOnHostHealthFailure: 'what is open finishes',
      ignoreHealthOnHostRemoval: HOST_LIST,
      lrsServer: STATISTICS,
      lrsReportEndpointMetrics: STATISTICS,
      trackTimeoutBudgets: STATISTICS,
      trackClusterStats: STATISTICS,
      preconnectPolicy: 'connections are made when they are needed',
      connectionPoolPerDownstreamConnection: 'requests of several connections share endpoints’ connections',
    },
    refused: { upstreamConfig: 'give the protocol in HttpProtocolOptions' },
  },
  DnsCluster: { told: { typedDnsResolverConfig: RESOLVER } },
  CommonLbConfig: {
    told: {
      ignoreNewHostsUntilFirstHc: HOST_LIST,
      closeConnectionsOnHostSetChange: 'what is open finishes',
      overrideHostStatus: 'hosts of stateful sessions must be healthy',
    },
  },
  VirtualHost: {
    told: {
      virtualClusters: STATISTICS,
      retryPolicyTypedConfig: 'give retry_policy',
    },
  },
  RouteAction: {
    told: {
      earlyDataPolicy: 'no request comes before the end of a handshake',
      internalRedirectPolicy: FOLLOWED,
      internalRedirectAction: FOLLOWED,
      retryPolicyTypedConfig: 'give retry_policy',
    },
  },
  CommonTlsContext: {
    told: { keyLog: 'keys are not written to files' },
    refused: {
      tlsCertificateProviderInstance: GIVE_KEYS,
      tlsCertificateCertificateProvider: GIVE_KEYS,
      tlsCertificateCertificateProviderInstance: GIVE_KEYS,
      customHandshaker: 'handshakes are OpenSSL’s',
    },
  },
  CertificateValidationContext: {
    told: {
      allowExpiredCertificate: 'expired certificates are refused',
      trustChainVerification: 'what leads to no root is refused',
    },
    refused: {
      caCertificateProviderInstance: GIVE_ROOTS,
      systemRootCerts: GIVE_ROOTS,
      requireSignedCertificateTimestamp: 'timestamps are not checked',
      maxVerifyDepth: 'the length of a chain is not limited by configuration',
    },
  },
  TlsCertificate: {
    told: { ocspStaple: 'no status is stapled', signedCertificateTimestamp: 'no timestamp is sent' },
    refused: { privateKeyProvider: 'give private_key' },
  },
  TlsParameters: { told: { signatureAlgorithms: 'OpenSSL’s own list is offered' } },
  DownstreamTlsContext: {
    told: {
      sessionTicketKeysType: RESUMED,
      sessionTimeout: RESUMED,
      disableStatefulSessionResumption: RESUMED,
      ocspStaplePolicy: 'no status is stapled',
      fullScanCertsOnSniMismatch: 'the first certificate is shown',
    },
  },
  UpstreamTlsContext: {
    told: {
      allowRenegotiation: 'nothing is renegotiated',
      maxSessionKeys: RESUMED,
      enforceRsaKeyUsage: 'OpenSSL judges key usage',
    },
  },
} as const satisfies Readonly<Record<string, Unread>>;

/** Tells of each field that is set and not read; throws for those without which it is better to have nothing. */
export function tellUnread(kind: keyof typeof UNREAD, message: object | undefined, field: string, warn: Warn): void {
  if (message === undefined) return;
  const { told, refused }: Unread = UNREAD[kind];
  for (const [name, remedy] of Object.entries(refused ?? {}))
    if (isSet(message, name)) throw new ConfigError('proxy.unsupported', `${field}.${snake(name)}`, remedy);
  for (const [name, reason] of Object.entries(told)) if (isSet(message, name)) warn(`${field}.${snake(name)}`, reason);
}

/** A member of a oneof stands in an object with its `case`: such a field is set when any of them names it. */
function isSet(message: object, name: string): boolean {
  const values = message as Readonly<Record<string, unknown>>;
  if (name in values) return holdsSomething(values[name]);
  return Object.values(values).some(
    (one) => typeof one === 'object' && one !== null && 'case' in one && one.case === name,
  );
}

function holdsSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === 0n || value === '')
    return false;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0;
  if (typeof value !== 'object') return true;
  return !('case' in value) || value.case !== undefined;
}

export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
