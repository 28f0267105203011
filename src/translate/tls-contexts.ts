// TLS contexts of both sides: the mesh's own certificates, files, and gateways' Secrets (design §3e; Envoy transport_sockets/tls/v3).

import type { MessageInitShape } from '@bufbuild/protobuf';
import { HTTP_ALPN } from '#base';
import type {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import {
  DownstreamTlsContextSchema as Downstream,
  UpstreamTlsContextSchema as Upstream,
} from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { RawBufferSchema } from '#proto/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import type { SdsSecretConfigSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import {
  SubjectAltNameMatcher_SanType,
  type SubjectAltNameMatcherSchema,
  type TlsParametersSchema,
  TlsParameters_TlsProtocol,
} from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { ProxyProtocolConfig_Version } from '#proto/envoy/config/core/v3/proxy_protocol_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '#proto/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import type { TransportSocketSchema } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import type { MeshSettings } from '#registry';
import { ADS, AGENT_SDS, type Init, typed } from './encode.ts';
import type { ClientTls } from './clusters/traffic-policy.ts';

type Socket = Init<typeof TransportSocketSchema>;
type Sds = Init<typeof SdsSecretConfigSchema>;
type SanMatcher = Init<typeof SubjectAltNameMatcherSchema>;
type TextMatcher = Init<typeof StringMatcherSchema>;

const PARAMETERS = {
  tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
  tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
};
export const PROXY_PROTOCOL_SOCKET = 'envoy.transport_sockets.upstream_proxy_protocol';
const OWN_CERTIFICATE: Sds = { name: 'default', sdsConfig: AGENT_SDS };
const MESH_ROOTS: Sds = { name: 'ROOTCA', sdsConfig: AGENT_SDS };

/** Names that a mesh proxy offers to a mesh proxy: `istio-…` says which side of the chains is meant, the rest is the real protocol. */
export const CLIENT_ALPN = {
  http1: HTTP_ALPN.h1,
  http2: HTTP_ALPN.h2,
  tcp: ['istio'],
} as const;
export const SERVER_ALPN = { http: ['h2', 'http/1.1', 'http/1.0'], tcp: ['istio'] } as const;

export function rawBuffer(): Socket {
  return typed('envoy.transport_sockets.raw_buffer', RawBufferSchema, {});
}

/** A PROXY header ahead of what `inner` sends (trafficPolicy.proxyProtocol). */
export function proxyProtocol(
  version: 'V1' | 'V2' | undefined,
  inner: MessageInitShape<typeof TransportSocketSchema>,
): Socket {
  return typed(PROXY_PROTOCOL_SOCKET, ProxyProtocolUpstreamTransportSchema, {
    config: { version: version === 'V2' ? ProxyProtocolConfig_Version.V2 : ProxyProtocolConfig_Version.V1 },
    transportSocket: inner,
  });
}

export function upstreamSocket(context: Init<typeof UpstreamTlsContextSchema>): Socket {
  return typed('envoy.transport_sockets.tls', Upstream, context);
}

export function downstreamSocket(context: Init<typeof DownstreamTlsContextSchema>): Socket {
  return typed('envoy.transport_sockets.tls', Downstream, context);
}

function uri(matcher: TextMatcher): SanMatcher {
  return { sanType: SubjectAltNameMatcher_SanType.URI, matcher };
}

function exactSans(names: readonly string[]): SanMatcher[] {
  return names.map((name) => ({
    sanType: name.includes('://') ? SubjectAltNameMatcher_SanType.URI : SubjectAltNameMatcher_SanType.DNS,
    matcher: { matchPattern: { case: 'exact' as const, value: name } },
  }));
}

/** The mesh's mutual TLS towards a service. With no identity known yet, only its namespace's are believed. */
export function meshClientTls(options: {
  readonly sni: string;
  readonly alpn: readonly string[];
  readonly identities: readonly string[];
  readonly identityPrefixes: readonly string[];
}): Socket {
  const sans =
    options.identities.length > 0
      ? exactSans(options.identities)
      : options.identityPrefixes.map((prefix) => uri({ matchPattern: { case: 'prefix', value: prefix } }));
  return upstreamSocket({
    sni: options.sni,
    commonTlsContext: {
      tlsParams: PARAMETERS,
      alpnProtocols: [...options.alpn],
      tlsCertificateSdsSecretConfigs: [OWN_CERTIFICATE],
      validationContextType: {
        case: 'combinedValidationContext',
        value: {
          defaultValidationContext: { matchTypedSubjectAltNames: sans },
          validationContextSdsSecretConfig: MESH_ROOTS,
        },
      },
    },
  });
}

type TlsSettings = NonNullable<MeshSettings['spec']['meshMTLS']>;

/** MeshConfig `meshMTLS` and `tlsDefaults`: oldest version, curves, and suites for TLS 1.2. */
export function configuredTls(settings: TlsSettings | undefined): Init<typeof TlsParametersSchema> {
  const { minProtocolVersion, ecdhCurves, cipherSuites } = settings ?? {};
  return {
    tlsMinimumProtocolVersion: tlsVersion(minProtocolVersion, PARAMETERS.tlsMinimumProtocolVersion),
    tlsMaximumProtocolVersion: PARAMETERS.tlsMaximumProtocolVersion,
    ...(ecdhCurves === undefined ? {} : { ecdhCurves: [...ecdhCurves] }),
    ...(cipherSuites === undefined ? {} : { cipherSuites: [...new Set(cipherSuites)] }),
  };
}

/** The mesh's mutual TLS from clients: any identity of our trust domains; what it may do is RBAC's business. */
export function meshServerTls(mesh: MeshSettings, alpn: readonly string[]): Socket {
  const domains = [...new Set([mesh.trustDomain, ...mesh.trustDomainAliases])];
  return downstreamSocket({
    requireClientCertificate: true,
    commonTlsContext: {
      tlsParams: configuredTls(mesh.spec.meshMTLS),
      alpnProtocols: [...alpn],
      tlsCertificateSdsSecretConfigs: [OWN_CERTIFICATE],
      validationContextType: {
        case: 'combinedValidationContext',
        value: {
          defaultValidationContext: {
            matchTypedSubjectAltNames: domains.map((domain) =>
              uri({ matchPattern: { case: 'prefix', value: `spiffe://${domain}/` } }),
            ),
          },
          validationContextSdsSecretConfig: MESH_ROOTS,
        },
      },
    },
  });
}

/** The machine's own list of public authorities. */
const SYSTEM_ROOTS = 'system';

/** Istio's name for roots in a file, with the revocation list beside them. */
export function fileRoots(path: string, crlPath = ''): string {
  return crlPath === '' ? `file-root:${path}` : `file-root:${path}~${crlPath}`;
}

/** DestinationRule `tls` SIMPLE and MUTUAL. */
export function ruleClientTls(
  tls: ClientTls,
  options: {
    readonly host: string;
    readonly sans: readonly string[];
    readonly http2: boolean;
    readonly gateway: boolean;
    readonly mesh: MeshSettings;
  },
): Socket {
  const names = (tls.subjectAltNames ?? []).length > 0 ? (tls.subjectAltNames ?? []) : options.sans;
  const known = options.host.startsWith('*') ? [] : [options.host];
  const sni = tls.sni ?? known[0] ?? '';
  const credential = tls.credentialName;
  const sds = options.gateway && credential !== undefined && credential !== '';
  const source = (name: string): Sds => ({ name, sdsConfig: sds ? ADS : AGENT_SDS });
  const certificate =
    tls.mode !== 'MUTUAL'
      ? []
      : [
          source(
            sds ? `kubernetes://${credential}` : `file-cert:${tls.clientCertificate ?? ''}~${tls.privateKey ?? ''}`,
          ),
        ];
  // A Secret that only gateways may read names nothing on a sidecar: nobody is trusted then.
  const trusted = tls.caCertificates ?? ((credential ?? '') === '' ? SYSTEM_ROOTS : '');
  const roots = sds ? `kubernetes://${credential}-cacert` : fileRoots(trusted, tls.caCrl);
  return upstreamSocket({
    sni,
    commonTlsContext: {
      tlsParams: configuredTls(options.mesh.spec.tlsDefaults),
      alpnProtocols: options.http2 ? ['h2'] : [],
      tlsCertificateSdsSecretConfigs: certificate,
      ...(tls.insecureSkipVerify === true
        ? {}
        : {
            validationContextType: {
              case: 'combinedValidationContext' as const,
              value: {
                defaultValidationContext: { matchTypedSubjectAltNames: exactSans(names.length > 0 ? names : known) },
                validationContextSdsSecretConfig: source(roots),
              },
            },
          }),
    },
  });
}

const CIPHER_VERSIONS: Readonly<Record<string, TlsParameters_TlsProtocol>> = {
  TLSV1_0: TlsParameters_TlsProtocol.TLSv1_0,
  TLSV1_1: TlsParameters_TlsProtocol.TLSv1_1,
  TLSV1_2: TlsParameters_TlsProtocol.TLSv1_2,
  TLSV1_3: TlsParameters_TlsProtocol.TLSv1_3,
};

export function tlsVersion(name: string | undefined, fallback: TlsParameters_TlsProtocol): TlsParameters_TlsProtocol {
  return name === undefined ? fallback : (CIPHER_VERSIONS[name] ?? fallback);
}

export { ADS as GATEWAY_SDS, AGENT_SDS, exactSans, MESH_ROOTS, OWN_CERTIFICATE, TlsParameters_TlsProtocol };
