// Why fields are refused, for docs/compatibility: what Istio does with each, and why leaving it out would be worse.

import type { KindName } from './kinds.ts';

/** By kind and path, as FIELD_FORCE has them: all that are refused, and whose absence has an effect. */
export const NOT_IN_FORCE_BECAUSE: Readonly<Partial<Record<KindName, Readonly<Record<string, string>>>>> = {
  Gateway: {
    'servers[].tls.insecureSkipVerify':
      'Istio lets clients in whose certificate nobody vouches for. Ask for no certificate (SIMPLE), or for a good one if there is one (OPTIONAL_MUTUAL).',
  },
  Sidecar: {
    'ingress[].tls.httpsRedirect': 'Istio refuses it too: a sidecar has no second port to lead to.',
    'ingress[].tls.credentialName':
      'Istio refuses it too: Secrets are for gateways. Mount the certificate and name its files.',
    'ingress[].tls.credentialNames':
      'Istio refuses it too: Secrets are for gateways. Mount the certificates and name them in tlsCertificates.',
    'ingress[].tls.caCertCredentialName':
      'Istio refuses it too: Secrets are for gateways. Mount the roots and name them in caCertificates.',
    'ingress[].tls.subjectAltNames':
      'Istio refuses it too. An AuthorizationPolicy says which clients may call; verifyCertificateHash and verifyCertificateSpki pin them.',
    'ingress[].tls.insecureSkipVerify': 'Clients would be let in whose certificate nobody vouches for.',
  },
  WasmPlugin: {
    verificationKey: 'Whoever gives a key means that unsigned modules must not run; signatures are not checked.',
    'type=NETWORK': 'A plugin of connections may be one that refuses them, and none is run.',
  },
  MeshConfig: {
    'outboundTrafficPolicy.tls':
      'In Istio it is the TLS of what ALLOW_ANY_DYNAMIC_DNS looks up by the name in a request. A captured connection goes to the address that the application chose here, so there is nothing to put it on: it would leave in plaintext. Declare the hosts (a ServiceEntry, `resolution: DYNAMIC_DNS` for patterns) and give them TLS by a DestinationRule.',
    'outboundTrafficPolicy.mode=ALLOW_ANY_DYNAMIC_DNS':
      'It is taken for ALLOW_ANY: what is captured goes to the address that the application chose, and no name is looked up again.',
    'defaultConfig.tracing.tlsSettings':
      'TLS of the older setting of a tracer is not put on; with a mode other than DISABLE no spans are sent by it, rather than in plaintext. Name the tracer among the extensionProviders: TLS to it is its DestinationRule’s, as in Istio.',
    'ca.tlsSettings':
      'MeshConfig `ca` has no effect: an outside authority is named to the control plane (docs/certificates.md), TLS to it is always verified.',
    'configSources[].tlsSettings': 'MeshConfig `configSources` has no effect: no configuration is read there.',
  },
};
