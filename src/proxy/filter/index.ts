// Every policy filter of this proxy, for the extension registry.

import type { HttpFilterExtension } from '../http/filter.ts';
import type { NetworkFilterExtension } from '../network/filter.ts';
import { bodyLimitExtension } from './http/body-limit.ts';
import { bufferExtension } from './http/buffer.ts';
import { corsExtension } from './http/cors.ts';
import { dynamicForwardProxyExtension } from './http/dynamic-forward-proxy.ts';
import { extAuthzExtension } from './http/ext-authz/index.ts';
import { faultExtension } from './http/fault.ts';
import { grpcStatsExtension } from './http/grpc-stats.ts';
import { grpcWebExtension } from './http/grpc-web.ts';
import { headerMutationExtension } from './http/header-mutation.ts';
import { healthCheckExtension } from './http/health-check.ts';
import { istioExtensions } from './http/istio.ts';
import { jwtAuthnExtension } from './http/jwt-authn/index.ts';
import { localRateLimitExtension } from './http/local-ratelimit.ts';
import { opaExtension } from './http/opa/index.ts';
import { rbacExtension } from './http/rbac.ts';
import { sharedRateLimitExtension } from './http/shared-ratelimit.ts';
import { setFilterStateExtension } from './http/set-filter-state.ts';
import { wasmExtension } from './http/wasm/index.ts';
import { networkExtAuthzExtension } from './network/ext-authz.ts';
import { istioNetworkExtensions } from './network/istio.ts';
import { connectionLimitExtension, networkLocalRateLimitExtension } from './network/limits.ts';
import { networkRbacExtension } from './network/rbac.ts';
import { networkSetFilterStateExtension } from './network/set-filter-state.ts';

export const HTTP_FILTERS: readonly HttpFilterExtension[] = [
  rbacExtension,
  faultExtension,
  corsExtension,
  grpcStatsExtension,
  setFilterStateExtension,
  localRateLimitExtension,
  sharedRateLimitExtension,
  headerMutationExtension,
  bufferExtension,
  bodyLimitExtension,
  healthCheckExtension,
  jwtAuthnExtension,
  extAuthzExtension,
  opaExtension,
  dynamicForwardProxyExtension,
  grpcWebExtension,
  wasmExtension,
  ...istioExtensions,
];

export const NETWORK_FILTERS: readonly NetworkFilterExtension[] = [
  networkRbacExtension,
  networkExtAuthzExtension,
  networkSetFilterStateExtension,
  networkLocalRateLimitExtension,
  connectionLimitExtension,
  ...istioNetworkExtensions,
];

export { compressorExtension } from './http/compressor/compressor.ts';
export { type LocalMetadata, peerMetadataExtension } from './http/peer-metadata.ts';
export { RbacEngine } from './rbac/engine.ts';
