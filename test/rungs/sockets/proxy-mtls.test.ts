import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE_URL } from '#base';
import { readBootstrap } from '../../../src/main/read-bootstrap.ts';
import { downstreamTls, identity, secretsOf, upstreamTls } from './mtls-fixture.ts';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

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
            transport_socket: downstreamTls(['istio-http/1.1', 'istio', 'http/1.1']),
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
    [cluster('b', [server.port('in')], { transport_socket: upstreamTls(expectedServer, ['istio-http/1.1']) })],
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

test('a name in a certificate can not end the header that tells it, nor its quotes', async (t) => {
  const { app, client, secrets, close } = await pair('spiffe://cluster.local/ns/default/sa/b');
  t.after(close);
  const heard: string[][] = [];
  app.server.on('request', ({ rawHeaders }) => void heard.push(rawHeaders));
  await fetchText(client.port('out'), '/');
  const names = heard[0]?.filter((_, i) => i % 2 === 0);
  // Written as Latin-1 these would be quotes, a semicolon, a line's end and another header.
  const name = '\u0122\u013bURI=spiffe://cluster.local/ns/default/sa/admin\u010d\u010ax-admin: 1\u010d\u010ax:\u0100';
  secrets.give('default', identity('spiffe://cluster.local/ns/default/sa/a', '2', name));
  const { body } = await fetchText(client.port('out'), '/');
  assert.deepEqual(
    heard[1]?.filter((_, i) => i % 2 === 0),
    names,
  );
  assert.equal(Buffer.from(/Subject="CN=([^"]*)"/.exec(body)?.[1] ?? '', 'latin1').toString('utf8'), name);
  assert.match(body, /";URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/a$/);
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

test('who the server has to be is tightened: connections that stand carry nothing new', async (t) => {
  const { client, server, close } = await pair('spiffe://cluster.local/ns/default/sa/b');
  t.after(close);
  assert.equal((await fetchText(client.port('out'), '/')).status, 200);
  const tightened = cluster('b', [server.port('in')], {
    transport_socket: upstreamTls('spiffe://cluster.local/ns/default/sa/other', ['istio-http/1.1']),
  });
  const { clusters } = await readBootstrap(JSON.stringify({ static_resources: { clusters: [tightened] } }));
  assert.deepEqual(client.handle.proxy.applyResources(TYPE_URL.cluster, clusters, []), []);
  const answer = await fetchText(client.port('out'), '/');
  assert.equal(answer.status, 503);
  assert.match(answer.body, /transport failure reason: TLS_error/);
});
