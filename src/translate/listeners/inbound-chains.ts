// The filter chains of an inbound port by its mutual TLS mode: PERMISSIVE, STRICT, DISABLE (inventory §3.3).

import type { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { isHttp, isHttp2, type MeshSettings, type MtlsMode, type PortProtocol } from '#registry';
import { audited } from '../authz/audit-logs.ts';
import type { AuthorizationInput } from '../authz/authorization-filters.ts';
import { httpPolicies, tcpPolicies } from '../authz/discovered-policies.ts';
import { duration, type Init } from '../encode.ts';
import { httpManager } from '../filters/http-manager.ts';
import type { ScopeLimits } from '../filters/message-limits.ts';
import { tcpProxy } from '../filters/tcp-proxy.ts';
import { UNPROCESSED_HEADER } from '../routes/retry.ts';
import type { TelemetryOfSide } from '../telemetry/proxy-telemetry.ts';
import type { ServerTls } from '#config';
import { serverTls } from '../gateways/server-tls.ts';
import { meshServerTls, SERVER_ALPN } from '../tls-contexts.ts';
import { pluginFilters, type PluginSlot } from '../wasm/plugin-slots.ts';
import { type Chain, type ChainMatch, MESH_ALPN, MESH_HTTP_ALPN, MESH_TCP_ALPN, PLAIN_HTTP } from './listener-parts.ts';

export interface ChainInput {
  readonly mesh: MeshSettings;
  readonly telemetry: TelemetryOfSide;
  readonly envoy: boolean;
  readonly mode: MtlsMode;
  /** The Sidecar's own TLS of this port. */
  readonly ownTls?: ServerTls | undefined;
  readonly protocol: PortProtocol;
  readonly chainName: string;
  readonly cluster: string;
  /** Every address, as statistics name it. */
  readonly wildcard: string;
  /** In names and in the span's operation. */
  readonly port: number;
  readonly servicePort: number;
  readonly host: string;
  /** `destinationPort` on virtualInbound; empty on a listener of its own. */
  readonly where: ChainMatch;
  readonly authorization: AuthorizationInput;
  readonly plugins: readonly PluginSlot[];
  readonly limits: ScopeLimits;
  /** Names of the catch-all chains differ. */
  readonly httpChainName?: string;
}

type Traffic = 'http' | 'tcp';

export function inboundChains(input: ChainInput): readonly Chain[] {
  const kind = isHttp(input.protocol) ? 'http' : input.protocol === 'Unsupported' ? 'sniffed' : 'tcp';
  if (input.ownTls !== undefined && input.mode === 'DISABLE') return [ownChain(input, input.ownTls)];
  // Whoever asks for TLS of his own means no plaintext: what the mesh ends here is all that is taken.
  const mode = input.ownTls === undefined ? input.mode : 'STRICT';
  return CHAINS[mode][kind].map(({ traffic, tls, match }) => chain(input, traffic, tls, match));
}

/** Certificates in the workload's own files; mTLS of the mesh is off at such a port. */
function ownChain(input: ChainInput, tls: ServerTls): Chain {
  const traffic = isHttp(input.protocol) ? 'http' : 'tcp';
  return { ...chain(input, traffic, false, {}), transportSocket: serverTls(tls, input.mesh, traffic) };
}

interface ChainRule {
  readonly traffic: Traffic;
  /** End the mesh's TLS here. */
  readonly tls: boolean;
  readonly match: ChainMatch;
}

const TLS = { transportProtocol: 'tls' } as const;
const RAW = { transportProtocol: 'raw_buffer' } as const;

const CHAINS: Readonly<Record<MtlsMode, Readonly<Record<'http' | 'tcp' | 'sniffed', readonly ChainRule[]>>>> = {
  PERMISSIVE: {
    http: [
      { traffic: 'http', tls: true, match: { ...TLS, applicationProtocols: MESH_ALPN } },
      { traffic: 'http', tls: false, match: RAW },
    ],
    tcp: [
      { traffic: 'tcp', tls: true, match: { ...TLS, applicationProtocols: MESH_ALPN } },
      { traffic: 'tcp', tls: false, match: TLS },
      { traffic: 'tcp', tls: false, match: RAW },
    ],
    sniffed: [
      { traffic: 'http', tls: true, match: { ...TLS, applicationProtocols: MESH_HTTP_ALPN } },
      { traffic: 'http', tls: false, match: { ...RAW, applicationProtocols: PLAIN_HTTP } },
      { traffic: 'tcp', tls: true, match: { ...TLS, applicationProtocols: MESH_TCP_ALPN } },
      { traffic: 'tcp', tls: false, match: RAW },
      { traffic: 'tcp', tls: false, match: TLS },
    ],
  },
  STRICT: {
    http: [{ traffic: 'http', tls: true, match: TLS }],
    tcp: [{ traffic: 'tcp', tls: true, match: TLS }],
    sniffed: [
      { traffic: 'http', tls: true, match: { ...TLS, applicationProtocols: MESH_HTTP_ALPN } },
      { traffic: 'tcp', tls: true, match: TLS },
    ],
  },
  DISABLE: {
    http: [{ traffic: 'http', tls: false, match: {} }],
    tcp: [{ traffic: 'tcp', tls: false, match: {} }],
    sniffed: [
      { traffic: 'http', tls: false, match: { ...RAW, applicationProtocols: PLAIN_HTTP } },
      { traffic: 'tcp', tls: false, match: {} },
    ],
  },
};

function chain(input: ChainInput, traffic: Traffic, tls: boolean, match: ChainMatch): Chain {
  const filters =
    traffic === 'http'
      ? [manager(input)]
      : [
          ...tcpPolicies(input.authorization),
          ...tcpProxy(audited(input.telemetry, input.authorization, 'tcp'), input.cluster, [
            { cluster: input.cluster, weight: 1 },
          ]),
        ];
  const where = { ...match, ...input.where };
  return {
    name: traffic === 'http' ? (input.httpChainName ?? input.chainName) : input.chainName,
    ...(Object.keys(where).length === 0 ? {} : { filterChainMatch: where }),
    filters,
    ...(tls ? { transportSocket: meshServerTls(input.mesh, SERVER_ALPN[traffic]) } : {}),
  };
}

function manager(input: ChainInput) {
  return httpManager({
    mesh: input.mesh,
    telemetry: audited(input.telemetry, input.authorization, 'http'),
    envoy: input.envoy,
    statPrefix: `inbound_${input.wildcard}_${input.port}`,
    direction: 'inbound',
    routes: { inline: inboundRoutes(input) },
    authorization: httpPolicies(input.authorization, pluginFilters(input.plugins, input.port)),
    grpcWeb: input.protocol === 'GRPC-Web',
    limits: { inForce: input.limits, hop: hopOf(input) },
  });
}

function hopOf({ host, port }: ChainInput): string {
  return port === 0 ? 'the called workload' : `port ${port} of ${host === '*' ? 'the called workload' : host}`;
}

function inboundRoutes(input: ChainInput): Init<typeof RouteConfigurationSchema> {
  const grpc = isHttp2(input.protocol) && input.protocol !== 'HTTP2';
  return {
    name: input.cluster,
    validateClusters: false,
    // Only the sidecar itself may say so.
    responseHeadersToRemove: [UNPROCESSED_HEADER],
    virtualHosts: [
      {
        name: `inbound|http|${input.servicePort}`,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            decorator: { operation: `${input.host}:${input.servicePort}/*` },
            action: {
              case: 'route',
              value: {
                clusterSpecifier: { case: 'cluster', value: input.cluster },
                timeout: duration(0),
                // As Istio: a call's own deadline counts, from its beginning, and ends it as one that was passed.
                maxStreamDuration: { maxStreamDuration: duration(0), grpcTimeoutHeaderMax: duration(0) },
                ...(grpc ? {} : { retryPolicy: { retryOn: 'reset-before-request', numRetries: 2 } }),
              },
            },
          },
        ],
      },
    ],
  };
}
