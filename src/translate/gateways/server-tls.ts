// TLS of a gateway's server: certificates from Secrets or files, client certificates as its mode asks (inventory §1.3).

import { CertificateValidationContextSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { SdsSecretConfigSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { GatewayServer, MeshSettings } from '#registry';
import type { Init } from '../encode.ts';
import {
  AGENT_SDS,
  downstreamSocket,
  exactSans,
  fileRoots,
  GATEWAY_SDS,
  meshServerTls,
  SERVER_ALPN,
  TlsParameters_TlsProtocol,
  tlsVersion,
} from '../tls-contexts.ts';

type Tls = NonNullable<GatewayServer['tls']>;
type Sds = Init<typeof SdsSecretConfigSchema>;

export function secretName(credential: string): string {
  return `kubernetes://${credential}`;
}

export function caSecretName(credential: string): string {
  return `kubernetes://${credential}-cacert`;
}

/** Names of Secrets that the server needs, as SDS resources. */
export function secretNames(tls: Tls | undefined): readonly string[] {
  if (tls === undefined || tls.mode === 'ISTIO_MUTUAL') return [];
  const credentials = credentialsOf(tls);
  const names = credentials.map(secretName);
  if (wantsClient(tls))
    names.push(
      ...(tls.caCertCredentialName !== undefined
        ? [caSecretName(tls.caCertCredentialName)]
        : credentials.slice(0, 1).map(caSecretName)),
    );
  return names;
}

function credentialsOf(tls: Tls): readonly string[] {
  return (
    tls.credentialNames ?? (tls.credentialName === undefined || tls.credentialName === '' ? [] : [tls.credentialName])
  );
}

function wantsClient(tls: Tls): boolean {
  return tls.mode === 'MUTUAL' || tls.mode === 'OPTIONAL_MUTUAL';
}

export function serverTls(tls: Tls, mesh: MeshSettings, kind: 'http' | 'tcp') {
  if (tls.mode === 'ISTIO_MUTUAL') return meshServerTls(mesh, kind === 'http' ? SERVER_ALPN.http : SERVER_ALPN.tcp);
  const credentials = credentialsOf(tls);
  const files = tls.tlsCertificates ?? [{ serverCertificate: tls.serverCertificate, privateKey: tls.privateKey }];
  const certificates: Sds[] =
    credentials.length > 0
      ? credentials.map((name) => ({ name: secretName(name), sdsConfig: GATEWAY_SDS }))
      : files.map((file) => ({
          name: `file-cert:${file.serverCertificate ?? ''}~${file.privateKey ?? ''}`,
          sdsConfig: AGENT_SDS,
        }));
  const defaults = mesh.spec.tlsDefaults;
  return downstreamSocket({
    requireClientCertificate: tls.mode === 'MUTUAL',
    commonTlsContext: {
      tlsParams: {
        tlsMinimumProtocolVersion: tlsVersion(
          tls.minProtocolVersion ?? defaults?.minProtocolVersion,
          TlsParameters_TlsProtocol.TLSv1_2,
        ),
        tlsMaximumProtocolVersion: tlsVersion(tls.maxProtocolVersion, TlsParameters_TlsProtocol.TLSv1_3),
        cipherSuites: [...new Set(tls.cipherSuites ?? defaults?.cipherSuites ?? [])],
        ecdhCurves: [...(tls.ecdhCurves ?? defaults?.ecdhCurves ?? [])],
      },
      alpnProtocols: kind === 'http' ? ['h2', 'http/1.1'] : [],
      tlsCertificateSdsSecretConfigs: certificates,
      ...(wantsClient(tls) ? validation(tls, credentials) : {}),
    },
  });
}

function validation(tls: Tls, credentials: readonly string[]) {
  const ca = tls.caCertCredentialName ?? credentials[0];
  const source: Sds =
    ca === undefined
      ? {
          name: fileRoots(tls.caCertificates ?? tls.tlsCertificates?.[0]?.caCertificates ?? '', tls.caCrl),
          sdsConfig: AGENT_SDS,
        }
      : { name: caSecretName(ca), sdsConfig: GATEWAY_SDS };
  const own: Init<typeof CertificateValidationContextSchema> = {
    matchTypedSubjectAltNames: exactSans(tls.subjectAltNames ?? []),
    verifyCertificateSpki: [...(tls.verifyCertificateSpki ?? [])],
    verifyCertificateHash: [...(tls.verifyCertificateHash ?? [])],
  };
  return {
    validationContextType: {
      case: 'combinedValidationContext' as const,
      value: { defaultValidationContext: own, validationContextSdsSecretConfig: source },
    },
  };
}
