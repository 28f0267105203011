// Short names for the configuration objects that the registry, push and translation read.

import type { ConfigObject, SpecOf } from '#config';

export type VirtualService = ConfigObject<SpecOf<'VirtualService'>>;
export type DestinationRule = ConfigObject<SpecOf<'DestinationRule'>>;
export type Gateway = ConfigObject<SpecOf<'Gateway'>>;
export type ServiceEntry = ConfigObject<SpecOf<'ServiceEntry'>>;
export type WorkloadEntry = ConfigObject<SpecOf<'WorkloadEntry'>>;
export type WorkloadGroup = ConfigObject<SpecOf<'WorkloadGroup'>>;
export type Sidecar = ConfigObject<SpecOf<'Sidecar'>>;
export type PeerAuthentication = ConfigObject<SpecOf<'PeerAuthentication'>>;
export type RequestAuthentication = ConfigObject<SpecOf<'RequestAuthentication'>>;
export type AuthorizationPolicy = ConfigObject<SpecOf<'AuthorizationPolicy'>>;
export type WasmPlugin = ConfigObject<SpecOf<'WasmPlugin'>>;
export type MessageLimits = ConfigObject<SpecOf<'MessageLimits'>>;
export type RateLimit = ConfigObject<SpecOf<'RateLimit'>>;
export type RateLimitRule = RateLimit['spec']['rules'][number];
export type CoreService = ConfigObject<SpecOf<'Service'>>;
export type CoreEndpoints = ConfigObject<SpecOf<'Endpoints'>>;
export type CoreEndpointSlice = ConfigObject<SpecOf<'EndpointSlice'>>;
export type CoreSecret = ConfigObject<SpecOf<'Secret'>>;
export type MeshSpec = SpecOf<'MeshConfig'>;

export type VirtualServiceSpec = VirtualService['spec'];
export type HttpRoute = NonNullable<VirtualServiceSpec['http']>[number];
export type HttpMatch = NonNullable<HttpRoute['match']>[number];
export type TlsRoute = NonNullable<VirtualServiceSpec['tls']>[number];
export type TcpRoute = NonNullable<VirtualServiceSpec['tcp']>[number];
export type TrafficPolicy = NonNullable<DestinationRule['spec']['trafficPolicy']>;
export type Subset = NonNullable<DestinationRule['spec']['subsets']>[number];
export type GatewayServer = NonNullable<Gateway['spec']['servers']>[number];
