import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRoot } from '../../../src/identity/index.ts';
import { formatPem } from '../../../src/wire/tls/index.ts';
import type { SecretSource, SecretValue } from '../../../src/identity/secret-source.ts';
import { makePeer } from '../../../src/identity/testing/make-peer.ts';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

/** Secrets under Istio's two names; `withdraw` takes them back, `give` brings new ones. */
class Secrets implements SecretSource {
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

function identity(spiffeId: string, version = '1'): SecretValue {
  const peer = makePeer(root, Date.now(), { uris: [spiffeId] });
  return {
    kind: 'certificate',
    certChainPem: peer.pem,
    privateKeyPem: peer.keyPem,
    version: `${spiffeId}/${version}`,
    notAfterMs: Date.now() + 3_600_000,
    spiffeId,
  };
}

function secretsOf(spiffeId: string): Secrets {
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

const downstreamTls = {
  name: 'tls',
  typed_config: {
    '@type': `${TLS}.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: common([], ['istio-http/1.1', 'istio', 'http/1.1']),
  },
};
const upstreamTls = (server: string) => ({
  name: 'tls',
  typed_config: {
    '@type': `${TLS}.UpstreamTlsContext`,
    sni: 'outbound_.80_._.b.default.svc.cluster.local',
    common_tls_context: common([server], ['istio-http/1.1']),
  },
});

async function pair(expectedServer: string) {
  const app = await startApp((request, response) => response.end(String(request.headers['x-forwarded-client-cert'])));
  const route = (name: string) =>
    managerFilter([{ match: { prefix: '/' }, route: { cluster: name } }], {
      forward_client_cert_details: 'APPEND_FORWARD',
      set_current_client_cert_details: { subject: true, uri: true },
    });
  const server = await runProxy(
    [
      listener(
        'in',
        [
          {
            filter_chain_match: { transport_protocol: 'tls', application_protocols: ['istio-http/1.1', 'istio'] },
            filters: [route('app')],
            transport_socket: downstreamTls,
          },
          { filter_chain_match: { transport_protocol: 'raw_buffer' }, filters: [route('app')] },
        ],
        {
          listener_filters: [
            {
              name: 'envoy.filters.listener.tls_inspector',
              typed_config: {
                '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
              },
            },
          ],
        },
      ),
    ],
    [cluster('app', [app.port])],
    secretsOf('spiffe://cluster.local/ns/default/sa/b'),
  );
  const secrets = secretsOf('spiffe://cluster.local/ns/default/sa/a');
  const client = await runProxy(
    [listener('out', [{ filters: [route('b')] }])],
    [cluster('b', [server.port('in')], { transport_socket: upstreamTls(expectedServer) })],
    secrets,
  );
  return { app, server, client, secrets, close: () => (client.close(), server.close(), app.close()) };
}

test('two proxies speak mutual TLS, and the application is told who calls', async (t) => {
  const { server, client, close } = await pair('spiffe://cluster.local/ns/default/sa/b');
  t.after(close);
  const answer = await fetchText(client.port('out'), '/');
  assert.equal(answer.status, 200);
  assert.match(
    answer.body,
    /^By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/b;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/a$/,
  );
  // The same port takes plaintext beside it.
  assert.equal(
    (await fetchText(server.port('in'), '/', { headers: { 'x-forwarded-client-cert': 'By=forged' } })).body,
    'undefined',
  );
});

test('a server with another identity gets no request', async (t) => {
  const { client, close } = await pair('spiffe://cluster.local/ns/default/sa/other');
  t.after(close);
  const answer = await fetchText(client.port('out'), '/');
  assert.equal(answer.status, 503);
  assert.match(answer.body, /transport failure reason: TLS_error/);
});

test('a new certificate is used at once, a withdrawn one stops the traffic', async (t) => {
  const { client, secrets, close } = await pair('spiffe://cluster.local/ns/default/sa/b');
  t.after(close);
  await fetchText(client.port('out'), '/');
  secrets.give('default', identity('spiffe://cluster.local/ns/default/sa/a2', '2'));
  assert.match((await fetchText(client.port('out'), '/')).body, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/a2$/);
  secrets.give('default', { kind: 'error', code: 'certificate_unusable', message: 'gone' });
  assert.equal((await fetchText(client.port('out'), '/')).status, 503);
});
