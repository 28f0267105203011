import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTypes } from '#proto';
import { tellUnread, UNREAD } from './unread-fields.ts';

const PACKAGES = [
  'envoy.config.listener.v3',
  'envoy.config.cluster.v3.Cluster',
  'envoy.config.cluster.v3',
  'envoy.config.route.v3',
  'envoy.extensions.filters.network.http_connection_manager.v3',
  'envoy.extensions.filters.network.tcp_proxy.v3',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  'envoy.extensions.filters.http.router.v3',
  'envoy.extensions.transport_sockets.tls.v3',
  'envoy.extensions.clusters.dns.v3',
];

test('every field that is told of is one of Envoy’s', async () => {
  const types = await loadTypes();
  for (const [kind, { told, ...rest }] of Object.entries(UNREAD)) {
    const message = PACKAGES.map((name) => types.getMessage(`${name}.${kind}`)).find((one) => one !== undefined);
    assert.ok(message !== undefined, kind);
    const known = new Set([
      ...message.fields.map((field) => field.localName),
      ...message.oneofs.map((o) => o.localName),
    ]);
    for (const name of Object.keys({ ...told, ...('refused' in rest ? rest.refused : {}) }))
      assert.ok(known.has(name), `${kind}.${name}`);
  }
});

test('what is set is told by its field, what must not be left out is refused', () => {
  const told: string[] = [];
  const note = (field: string): void => void told.push(field);
  tellUnread('TcpProxy', { onDemand: {}, accessLogOptions: undefined }, 'tcp', note);
  assert.deepEqual(told, ['tcp.on_demand']);
  assert.throws(
    () => tellUnread('CertificateValidationContext', { maxVerifyDepth: 1 }, 'ctx', note),
    /ctx\.max_verify_depth is not supported/,
  );
  assert.throws(
    () => tellUnread('Listener', { listenerSpecifier: { case: 'internalListener', value: {} } }, 'l', note),
    /listener_specifier/,
  );
  tellUnread('Listener', { listenerSpecifier: { case: undefined }, filterChainMatcher: undefined }, 'l', note);
  assert.equal(told.length, 1);
  tellUnread('RouteAction', { internalRedirectPolicy: {}, internalRedirectAction: 0 }, 'r', note);
  assert.equal(told[1], 'r.internal_redirect_policy');
});
