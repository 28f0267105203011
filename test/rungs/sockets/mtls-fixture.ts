// What two proxies of one mesh need for mutual TLS: a root made for the test, identities, and the messages that name them.
import { makeRoot } from '../../../src/identity/index.ts';
import type { SecretSource, SecretValue } from '../../../src/identity/secret-source.ts';
import { makePeer } from '../../../src/identity/testing/make-peer.ts';
import { formatPem, writeName } from '../../../src/wire/tls/index.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

/** Secrets under Istio's two names; `withdraw` takes them back, `give` brings new ones. */
export class Secrets implements SecretSource {
  readonly #values = new Map<string, SecretValue>();
  readonly #listeners = new Map<string, Set<(value: SecretValue) => void>>();

  give(name: string, value: SecretValue): void {
    this.#values.set(name, value);
    for (const changed of this.#listeners.get(name) ?? []) changed(value);
  }

  subscribe(name: string, changed: (value: SecretValue) => void): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(changed));
    const value = this.#values.get(name);
    if (value !== undefined) changed(value);
    return () => void set.delete(changed);
  }
}

const root = makeRoot({ organization: 'cluster.local', nowMs: Date.now() });

export function identity(spiffeId: string, version = '1', commonName = ''): SecretValue {
  const peer = makePeer(root, Date.now(), { uris: [spiffeId], subject: writeName('', commonName) });
  return {
    kind: 'certificate',
    certChainPem: peer.pem,
    privateKeyPem: peer.keyPem,
    version: `${spiffeId}/${version}`,
    notAfterMs: Date.now() + 3_600_000,
    spiffeId,
  };
}

export function secretsOf(spiffeId: string): Secrets {
  const secrets = new Secrets();
  secrets.give('default', identity(spiffeId));
  secrets.give('ROOTCA', {
    kind: 'trust',
    rootsPem: formatPem('CERTIFICATE', root.certificate.der),
    crlPem: '',
    version: 'r1',
  });
  return secrets;
}

const common = (sans: readonly string[], alpn: readonly string[]) => ({
  tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: { ads: {} } }],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: sans.map((exact) => ({ san_type: 'URI', matcher: { exact } })),
    },
    validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: { ads: {} } },
  },
  alpn_protocols: alpn,
});

/** A listener that takes only clients with a certificate of the mesh. */
export function downstreamTls(alpn: readonly string[]): object {
  return {
    name: 'tls',
    typed_config: {
      '@type': `${TLS}.DownstreamTlsContext`,
      require_client_certificate: true,
      common_tls_context: common([], alpn),
    },
  };
}

/** A cluster whose endpoints must be `server`. */
export function upstreamTls(server: string, alpn: readonly string[]): object {
  return {
    name: 'tls',
    typed_config: {
      '@type': `${TLS}.UpstreamTlsContext`,
      sni: 'outbound_.80_._.b.default.svc.cluster.local',
      common_tls_context: common([server], alpn),
    },
  };
}
