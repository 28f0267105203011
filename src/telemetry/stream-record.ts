// One fixed-slot record per HTTP stream or TCP connection, filled on the way through the proxy and
// read at its end by access log, metrics, trace and tap. Every field is present from birth, in this
// order, so that all records share one hidden class.

import type { HeaderBlock } from '#wire/http';
import type { TraceContext } from './trace/trace-context.ts';

/** Envoy's response flags, as the access log prints them. */
export type ResponseFlag =
  | 'UH'
  | 'UF'
  | 'UO'
  | 'NR'
  | 'URX'
  | 'NC'
  | 'DT'
  | 'DC'
  | 'LH'
  | 'UT'
  | 'LR'
  | 'UR'
  | 'UC'
  | 'DI'
  | 'FI'
  | 'RL'
  | 'UAEX'
  | 'RLSE'
  | 'IH'
  | 'SI'
  | 'DPE'
  | 'UMSDR'
  | 'RFCF'
  | 'NFCF'
  | 'OM'
  | 'DF'
  | 'DO'
  | 'DR'
  | 'UPE';

/** Who the other side is, as far as it is known (design §3d). Missing facts are ''. */
export interface PeerInfo {
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
}

export const UNKNOWN_PEER: PeerInfo = {
  workload: '',
  namespace: '',
  canonicalService: '',
  canonicalRevision: '',
  app: '',
  version: '',
  cluster: '',
};

/** Filter name -> its fields. */
export type RouteMetadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Filter name -> its dynamic metadata. */
export type DynamicMetadata = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

const NO_FLAGS: readonly ResponseFlag[] = [];

export class StreamRecord {
  /** Monotonic ms of the first byte of the request, and of later moments; -1 = not reached. */
  startMs = 0;
  startWallMs = 0;
  requestEndMs = -1;
  upstreamStartMs = -1;
  upstreamFirstByteMs = -1;
  endMs = -1;

  protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' | 'TCP' = 'HTTP/1.1';
  method = '';
  path = '';
  /** Before rewrites; '' when unchanged. */
  originalPath = '';
  authority = '';
  scheme = '';
  requestId = '';
  grpc = false;
  /** undefined until a trailer or header names it. */
  grpcStatus = -1;

  responseCode = 0;
  responseCodeDetails = '';
  connectionTerminationDetails = '';
  flags: readonly ResponseFlag[] = NO_FLAGS;
  bytesReceived = 0;
  bytesSent = 0;
  requestHeaderBytes = 0;
  responseHeaderBytes = 0;
  requestMessages = 0;
  responseMessages = 0;
  attempts = 0;

  listener = '';
  filterChain = '';
  routeName = '';
  /** What its configuration keeps beside the route that was chosen. */
  routeMetadata: RouteMetadata | undefined = undefined;
  virtualHost = '';
  virtualCluster = '';
  upstreamCluster = '';
  upstreamHost = '';
  upstreamLocalAddress = '';
  upstreamTransportFailure = '';
  downstreamLocalAddress = '';
  downstreamRemoteAddress = '';
  downstreamDirectRemoteAddress = '';
  sni = '';
  alpn = '';

  /** Verified SPIFFE ids; '' = none. */
  downstreamPrincipal = '';
  downstreamLocalPrincipal = '';
  upstreamPrincipal = '';
  /** Our own id on the upstream connection: Istio's source_principal where the source reports. */
  upstreamLocalPrincipal = '';
  upstreamMtls = false;
  downstreamMtls = false;
  tlsVersion = '';

  /** "ns[foo]-policy[bar]-rule[0]" of the rule that decided, and whether it only would have (dry run). */
  policyRule = '';
  shadowPolicyRule = '';
  shadowDenied = false;

  source: PeerInfo = UNKNOWN_PEER;
  destination: PeerInfo = UNKNOWN_PEER;
  /** FQDN of the service that was addressed. */
  destinationService = '';
  destinationServiceName = '';
  destinationServiceNamespace = '';

  /** The span that this proxy made for the stream, whether or not it is reported. */
  trace: TraceContext | undefined = undefined;
  /** Its name; '' = the default of its kind. */
  spanName = '';

  requestHeaders: HeaderBlock | undefined = undefined;
  responseHeaders: HeaderBlock | undefined = undefined;
  responseTrailers: HeaderBlock | undefined = undefined;
  /** Written by `addMetadata`: records may share a map. */
  metadata: DynamicMetadata | undefined = undefined;
  /** Filter state objects by name, as strings; made only when needed. */
  filterState: Map<string, string> | undefined = undefined;

  addFlag(flag: ResponseFlag): void {
    if (!this.flags.includes(flag)) this.flags = [...this.flags, flag];
  }

  /** Beside what the filter has written before. */
  addMetadata(filter: string, fields: Readonly<Record<string, unknown>>): void {
    const all = new Map(this.metadata);
    this.metadata = all.set(filter, { ...all.get(filter), ...fields });
  }
}
