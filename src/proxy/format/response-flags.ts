// Response flags in their long form (%RESPONSE_FLAGS_LONG%), as Envoy spells them.

import type { ResponseFlag } from '#telemetry';

export const LONG_FLAGS: Readonly<Record<ResponseFlag, string>> = {
  LH: 'FailedLocalHealthCheck', UH: 'NoHealthyUpstream', UT: 'UpstreamRequestTimeout', LR: 'LocalReset', UR: 'UpstreamRemoteReset',
  UF: 'UpstreamConnectionFailure', UC: 'UpstreamConnectionTermination', UO: 'UpstreamOverflow', NR: 'NoRouteFound', DI: 'DelayInjected',
  FI: 'FaultInjected', RL: 'RateLimited', UAEX: 'UnauthorizedExternalService', RLSE: 'RateLimitServiceError', DC: 'DownstreamConnectionTermination',
  URX: 'UpstreamRetryLimitExceeded', SI: 'StreamIdleTimeout', IH: 'InvalidEnvoyRequestHeaders', DPE: 'DownstreamProtocolError',
  UMSDR: 'UpstreamMaxStreamDurationReached', RFCF: 'ResponseFromCacheFilter', NFCF: 'NoFilterConfigFound', DT: 'DurationTimeout',
  UPE: 'UpstreamProtocolError', NC: 'NoClusterFound', OM: 'OverloadManagerTerminated', DF: 'DnsResolutionFailed', DO: 'DropOverload', DR: 'DownstreamRemoteReset',
};
