// What to write in the place of kinds that are not in force, and of EnvoyFilters by what they patch; docs/not-in-force.md is
// generated from here, and a test holds each entry against what is in force.

import type { KindName } from './kinds.ts';

/** Kinds whose objects are refused whole: what they are written for, and what does it here. */
export const INSTEAD_OF_KIND: Readonly<Partial<Record<KindName, string>>> = {
  EnvoyFilter: "it patches Envoy's own configuration, which not all proxies here have",
  ProxyConfig:
    'set `concurrency` in `defaultConfig` of MeshConfig, or in the annotation proxy.istio.io/config of the pods',
  TrafficExtension: 'write a WasmPlugin for a module; scripts in Lua have no place here',
};

/** Groups that only a cluster's control plane reads, or nobody. */
export const INSTEAD_OF_GROUP: Readonly<Record<string, string>> = {
  'gateway.networking.k8s.io':
    'in a cluster the control plane reads it from the API server (docs/gateway-api.md); in a folder write a Gateway and a VirtualService',
  'gateway.networking.x-k8s.io': 'write a Gateway and a VirtualService',
  'inference.networking.k8s.io': 'nothing here chooses endpoints by what a model reports',
  'networking.k8s.io': 'write a Gateway and a VirtualService for an Ingress',
  'multicluster.x-k8s.io': 'write a ServiceEntry with the endpoints of the other cluster',
};

export interface EnvoyFilterUse {
  /** "limits of rates" */
  readonly use: string;
  /** In a name, type or key of the patch. */
  readonly sign: RegExp;
  /** What to write; '' where nothing here does it. */
  readonly instead: string;
  /** Kind and field that have to be in force for that. */
  readonly fields: readonly (readonly [KindName, string])[];
  readonly page?: string;
}

export const ENVOY_FILTER_USES: readonly EnvoyFilterUse[] = [
  {
    use: 'limits of rates',
    sign: /rate_?limit/i,
    instead: 'RateLimit',
    fields: [['RateLimit', 'rules']],
    page: 'docs/rate-limits.md',
  },
  {
    use: 'sizes of headers and bodies',
    sign: /max_request_bytes|max_request_headers_kb|max_headers_count|http\.buffer|per_connection_buffer_limit/,
    instead: 'MessageLimits',
    fields: [['MessageLimits', 'request']],
    page: 'docs/limits.md',
  },
  {
    use: 'an external authorizer',
    sign: /ext_authz/,
    instead: 'AuthorizationPolicy with action CUSTOM, and `extensionProviders` of MeshConfig',
    fields: [
      ['AuthorizationPolicy', 'provider'],
      ['MeshConfig', 'extensionProviders[].envoyExtAuthzGrpc'],
    ],
  },
  {
    use: 'tokens',
    sign: /jwt_authn/,
    instead: 'RequestAuthentication',
    fields: [['RequestAuthentication', 'jwtRules']],
  },
  {
    use: 'who may do what',
    sign: /\brbac\b/i,
    instead: 'AuthorizationPolicy',
    fields: [['AuthorizationPolicy', 'rules']],
  },
  {
    use: 'plugins in WebAssembly',
    sign: /wasm/i,
    instead: 'WasmPlugin',
    fields: [['WasmPlugin', 'url']],
    page: 'docs/wasm.md',
  },
  {
    use: 'scripts in Lua',
    sign: /\blua\b/i,
    instead: '`http[].headers` of VirtualService where they change headers, else WasmPlugin',
    fields: [
      ['VirtualService', 'http[].headers'],
      ['WasmPlugin', 'url'],
    ],
  },
  {
    use: 'headers added or removed',
    sign: /re(quest|sponse)_headers_to_(add|remove)|header_mutation/,
    instead: '`http[].headers` of VirtualService',
    fields: [['VirtualService', 'http[].headers']],
  },
  {
    use: 'injected faults',
    sign: /http\.fault|HTTPFault/,
    instead: '`http[].fault` of VirtualService',
    fields: [['VirtualService', 'http[].fault']],
  },
  {
    use: 'CORS',
    sign: /\bcors\b/i,
    instead: '`http[].corsPolicy` of VirtualService',
    fields: [['VirtualService', 'http[].corsPolicy']],
  },
  {
    use: 'retries',
    sign: /retry_policy|num_retries/,
    instead: '`http[].retries` of VirtualService',
    fields: [['VirtualService', 'http[].retries']],
  },
  {
    use: 'idle time-outs of connections',
    sign: /\bidle_timeout/,
    instead: '`trafficPolicy.connectionPool` of DestinationRule (`http.idleTimeout`, `tcp.idleTimeout`)',
    fields: [
      ['DestinationRule', 'trafficPolicy.connectionPool.http.idleTimeout'],
      ['DestinationRule', 'trafficPolicy.connectionPool.tcp.idleTimeout'],
    ],
  },
  {
    use: 'TCP keep-alive',
    sign: /keepalive/,
    instead: '`trafficPolicy.connectionPool.tcp.tcpKeepalive` of DestinationRule',
    fields: [['DestinationRule', 'trafficPolicy.connectionPool.tcp.tcpKeepalive']],
  },
  {
    use: 'circuit breakers and outlier detection',
    sign: /circuit_breakers|outlier_detection/,
    instead: '`trafficPolicy` of DestinationRule (`connectionPool`, `outlierDetection`)',
    fields: [
      ['DestinationRule', 'trafficPolicy.connectionPool'],
      ['DestinationRule', 'trafficPolicy.outlierDetection'],
    ],
  },
  {
    use: 'access logs',
    sign: /access_?log/i,
    instead: '`accessLogging` of Telemetry',
    fields: [['Telemetry', 'accessLogging']],
    page: 'docs/telemetry.md',
  },
  {
    use: 'labels of metrics',
    sign: /istio\.stats|stats_config|stats_tags/,
    instead: '`metrics` of Telemetry',
    fields: [['Telemetry', 'metrics']],
    page: 'docs/telemetry.md',
  },
  {
    use: 'tracing',
    sign: /\btracing\b/,
    instead: '`tracing` of Telemetry',
    fields: [['Telemetry', 'tracing']],
    page: 'docs/telemetry.md',
  },
  {
    use: 'addresses of callers behind other proxies',
    sign: /xff_num_trusted_hops|use_remote_address/,
    instead: '`defaultConfig.gatewayTopology.numTrustedProxies` of MeshConfig',
    fields: [['MeshConfig', 'defaultConfig.gatewayTopology.numTrustedProxies']],
  },
  {
    use: 'PROXY protocol at gateways',
    sign: /proxy_protocol/,
    instead: '`defaultConfig.gatewayTopology.proxyProtocol` of MeshConfig',
    fields: [['MeshConfig', 'defaultConfig.gatewayTopology.proxyProtocol']],
  },
  {
    use: 'versions and ciphers of TLS at gateways',
    sign: /tls_m(in|ax)imum_protocol_version|cipher_suites/,
    instead: '`servers[].tls` of Gateway (`minProtocolVersion`, `cipherSuites`)',
    fields: [
      ['Gateway', 'servers[].tls.minProtocolVersion'],
      ['Gateway', 'servers[].tls.cipherSuites'],
    ],
  },
  {
    use: 'compressed responses',
    sign: /compressor|gzip|brotli/i,
    instead: '',
    fields: [],
    page: 'docs/compression.md',
  },
];

/** Keys and texts of a patch that are looked at. */
const LOOKED_AT_MAX = 2_000;
const CHARACTERS_MAX = 200;

/** Of an object whose kind is refused: what to do, as a part of a sentence. */
export function insteadOf(kind: KindName, manifest: Readonly<Record<string, unknown>>): string {
  const otherwise = INSTEAD_OF_KIND[kind] ?? 'nothing here does its work';
  if (kind !== 'EnvoyFilter') return otherwise;
  const texts = [...textsOf(manifest['spec'])];
  const uses = ENVOY_FILTER_USES.filter(({ sign }) => texts.some((text) => sign.test(text)));
  if (uses.length === 0) return otherwise;
  return uses
    .map(({ use, instead }) => `for ${use} ${instead === '' ? 'there is nothing' : `write ${instead}`}`)
    .join('; ');
}

/** Aliases of YAML may make a small text very large: it is left at some point. */
function* textsOf(value: unknown): Generator<string> {
  const waiting: unknown[] = [value];
  for (let i = 0; i < waiting.length && i < LOOKED_AT_MAX; i++) {
    const next = waiting[i];
    if (typeof next === 'string') yield next.slice(0, CHARACTERS_MAX);
    else if (Array.isArray(next)) waiting.push(...next.slice(0, LOOKED_AT_MAX));
    else if (typeof next === 'object' && next !== null)
      for (const [key, inner] of Object.entries(next).slice(0, LOOKED_AT_MAX)) {
        yield key.slice(0, CHARACTERS_MAX);
        waiting.push(inner);
      }
  }
}
