// Connections to endpoints begin with a PROXY header that names the client, and carry nobody else's requests.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readProxyHeader } from '../../../src/proxy/listener/proxy-protocol.ts';
import { writeProxyHeader } from '../../../src/proxy/upstream/proxy-header.ts';
import { downstreamTls, secretsOf, upstreamTls } from './mtls-fixture.ts';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp, tcpFilter } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const RAW = {
  name: 'envoy.transport_sockets.raw_buffer',
  typed_config: { '@type': `${TYPE}.transport_sockets.raw_buffer.v3.RawBuffer` },
};
const INBOUND = {
  name: 'envoy.filters.listener.proxy_protocol',
  typed_config: { '@type': `${TYPE}.filters.listener.proxy_protocol.v3.ProxyProtocol` },
};

function headed(version: 'V1' | 'V2', inner: object = RAW, more: object = {}): { transport_socket: object } {
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.upstream_proxy_protocol',
      typed_config: {
        '@type': `${TYPE}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
        config: { version, ...more },
        transport_socket: inner,
      },
    },
  };
}

interface Seen {
  readonly port: number;
  /** One per connection: the source that its header names, "" for the proxy itself. */
  readonly sources: string[];
  readonly tlvs: string[];
  readonly open: Set<Socket>;
}

/** Reads the header of each connection, and answers every request behind it. */
async function startReader(t: TestContext): Promise<Seen> {
  const seen: Seen = { port: 0, sources: [], tlvs: [], open: new Set() };
  const server: Server = createServer((socket) => {
    seen.open.add(socket);
    socket.on('error', () => {}).on('close', () => seen.open.delete(socket));
    let held = Buffer.alloc(0);
    let read = false;
    socket.on('data', (data: Buffer) => {
      held = Buffer.concat([held, data]);
      if (!read) {
        const header = readProxyHeader(held);
        if (header.kind === 'incomplete') return;
        assert.equal(header.kind, 'header');
        if (header.kind !== 'header') return;
        const { addresses } = header;
        seen.sources.push(addresses === undefined ? '' : `${addresses.source.address}:${addresses.source.port}`);
        for (const { type, value } of header.tlvs) seen.tlvs.push(`${type} ${value.toString()}`);
        held = held.subarray(header.length);
        read = true;
      }
      for (let at = held.indexOf('\r\n\r\n'); at >= 0; at = held.indexOf('\r\n\r\n')) {
        held = held.subarray(at + 4);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of seen.open) socket.destroy();
    server.close();
  });
  return Object.assign(seen, { port: (server.address() as AddressInfo).port });
}

/** One request over the agent's connection; resolves with that connection's own port. */
async function ask(port: number, agent: Agent): Promise<number> {
  return await new Promise((resolve, reject) => {
    const r = request({ host: '127.0.0.1', port, agent }, (response) => {
      const own = (response.socket as Socket).localPort ?? 0;
      response.on('end', () => resolve(own)).resume();
    });
    r.on('error', reject).end();
  });
}

const toApp = managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }]);

for (const version of ['V1', 'V2'] as const) {
  test(`${version}: each client's connection has connections of its own, which end with it`, async (t) => {
    const seen = await startReader(t);
    const proxy = await runProxy(
      [listener('l', [{ filters: [toApp] }])],
      [cluster('app', [seen.port], headed(version))],
    );
    t.after(() => proxy.close());
    const agents = [0, 1].map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
    const ports: number[] = [];
    for (const agent of [...agents, ...agents]) ports.push(await ask(proxy.port('l'), agent));
    assert.equal(ports[0], ports[2]);
    assert.notEqual(ports[0], ports[1]);
    assert.deepEqual(seen.sources, [`127.0.0.1:${ports[0]}`, `127.0.0.1:${ports[1]}`]);
    assert.equal(seen.open.size, 2);
    for (const agent of agents) agent.destroy();
    await until('all are closed', () => seen.open.size === 0);
  });
}

test('TCP: the header goes ahead of the client bytes', async (t) => {
  const seen = await startReader(t);
  const filter = tcpFilter();
  const proxy = await runProxy([listener('l', [{ filters: [filter] }])], [cluster('app', [seen.port], headed('V2'))]);
  t.after(() => proxy.close());
  const socket = connect(proxy.port('l'), '127.0.0.1');
  const answer = new Promise((resolve) => socket.once('data', (data) => resolve(data.toString().split('\r\n')[0])));
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.equal(await answer, 'HTTP/1.1 200 OK');
  assert.deepEqual(seen.sources, [`127.0.0.1:${socket.localPort}`]);
  socket.destroy();
});

test('a health check speaks for the proxy itself', async (t) => {
  const seen = await startReader(t);
  const check = {
    health_checks: [
      {
        timeout: '60s',
        interval: '60s',
        healthy_threshold: 1,
        unhealthy_threshold: 1,
        http_health_check: { path: '/' },
      },
    ],
  };
  const proxy = await runProxy(
    [listener('l', [{ filters: [toApp] }])],
    [cluster('app', [seen.port], { ...headed('V1'), ...check })],
  );
  t.after(() => proxy.close());
  await until('the check', () => seen.sources.length > 0);
  assert.equal(seen.sources[0], '');
});

for (const alpn of ['istio-http/1.1', 'h2']) {
  test(`mutual TLS behind the header (${alpn}): our own inbound side takes both`, async (t) => {
    const app = await startApp((incoming, response) => response.end(String(incoming.headers['x-forwarded-for'])));
    const manager = managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }], {
      use_remote_address: true,
    });
    const server = await runProxy(
      [
        listener('in', [{ filters: [manager], transport_socket: downstreamTls([alpn]) }], {
          listener_filters: [INBOUND],
        }),
      ],
      [cluster('app', [app.port])],
      secretsOf('spiffe://cluster.local/ns/default/sa/b'),
    );
    const h2 = {
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
          explicit_http_config: alpn === 'h2' ? { http2_protocol_options: {} } : { http_protocol_options: {} },
        },
      },
    };
    const tls = upstreamTls('spiffe://cluster.local/ns/default/sa/b', [alpn]) as object;
    const client = await runProxy(
      [listener('out', [{ filters: [toApp] }], { listener_filters: [INBOUND] })],
      [cluster('app', [server.port('in')], { ...headed('V2', tls), ...h2 })],
      secretsOf('spiffe://cluster.local/ns/default/sa/a'),
    );
    t.after(() => (client.close(), server.close(), app.close()));
    for (let i = 0; i < 2; i++) {
      const answer = await new Promise<string>((resolve) => {
        let text = '';
        const socket = connect(client.port('out'), '127.0.0.1');
        socket.on('data', (data) => (text += data.toString())).on('close', () => resolve(text));
        socket.write(
          `PROXY TCP4 9.8.7.${i} 5.6.7.8 1000 443\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
        );
      });
      assert.match(answer, new RegExp(`200 OK[^]*9\\.8\\.7\\.${i}`));
    }
  });
}

test('an endpoint that is not there is a failed connection, with TLS behind the header too', async (t) => {
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  const tls = upstreamTls('spiffe://cluster.local/ns/default/sa/b', ['istio']) as object;
  for (const inner of [RAW, tls]) {
    const proxy = await runProxy(
      [listener('l', [{ filters: [toApp] }])],
      [cluster('app', [port], headed('V1', inner))],
      secretsOf('spiffe://cluster.local/ns/default/sa/a'),
    );
    t.after(() => proxy.close());
    const answer = await fetchText(proxy.port('l'), '/');
    assert.equal(answer.status, 503);
    assert.match(answer.body, /delayed connect error: Connection refused/);
  }
});

test('type-length-values of the client’s own header go on, those that both sides let through', async (t) => {
  const seen = await startReader(t);
  const passes = { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [0xea, 0xeb] } };
  const inbound = { ...INBOUND, typed_config: { ...INBOUND.typed_config, ...passes } };
  const proxy = await runProxy(
    [listener('l', [{ filters: [toApp] }], { listener_filters: [inbound] })],
    [
      cluster(
        'app',
        [seen.port],
        headed('V2', RAW, { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [0xea] } }),
      ),
    ],
  );
  t.after(() => proxy.close());
  const client = { remoteAddress: '9.8.7.6', remotePort: 1000, localAddress: '5.6.7.8', localPort: 443 };
  const proxyTlvs = [0xea, 0xeb, 0xec].map((type) => ({ type, value: Buffer.from(`value of ${type}`) }));
  const socket = connect(proxy.port('l'), '127.0.0.1');
  t.after(() => socket.destroy());
  const answer = new Promise((resolve) => socket.once('data', (data) => resolve(data.toString().split('\r\n')[0])));
  socket.write(writeProxyHeader(2, { ...client, proxyTlvs }, () => true));
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.equal(await answer, 'HTTP/1.1 200 OK');
  assert.deepEqual([seen.sources, seen.tlvs], [['9.8.7.6:1000'], ['234 value of 234']]);
});
