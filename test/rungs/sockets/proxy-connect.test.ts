// CONNECT that ends at the proxy (Envoy's connect_config): what follows the head is bytes to and from the endpoint.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect as tcpConnect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { cluster, listener, managerFilter, runProxy } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';
import { selfSigned } from './self-signed.ts';

const CONNECT_ROUTE = {
  match: { connect_matcher: {} },
  route: { cluster: 'app', timeout: '0s', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
};

const TLS = {
  name: 'tls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    common_tls_context: {},
  },
};

function unixCluster(name: string, path: string): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }];
  return { ...cluster(name, []), load_assignment: { cluster_name: name, endpoints } };
}

async function startEcho(): Promise<{ readonly server: Server; readonly port: number; readonly sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (data) => socket.write(data.toString().toUpperCase()));
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, sockets };
}

async function connected(
  port: number,
  early = '',
): Promise<{ readonly socket: Socket; read(wanted: RegExp): Promise<string> }> {
  const socket = tcpConnect(port, '127.0.0.1');
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  socket.write(`CONNECT app.example:80 HTTP/1.1\r\nhost: app.example:80\r\n\r\n${early}`);
  const read = async (wanted: RegExp): Promise<string> => {
    await until(String(wanted), () => wanted.test(text));
    return text;
  };
  return { socket, read };
}

test('CONNECT with a connect_config opens a connection to the endpoint and passes bytes both ways', async (t) => {
  const echo = await startEcho();
  const proxy = await runProxy(
    [
      listener('l', [
        { filters: [managerFilter([CONNECT_ROUTE], { upgrade_configs: [{ upgrade_type: 'CONNECT' }] })] },
      ]),
    ],
    [cluster('app', [echo.port])],
  );
  t.after(() => (proxy.close(), echo.server.close()));
  const client = await connected(proxy.port('l'));
  assert.match(await client.read(/\r\n\r\n/), /^HTTP\/1\.1 200 /);
  client.socket.write('hello');
  assert.match(await client.read(/HELLO/), /HELLO$/);
  client.socket.destroy();
  await until("the endpoint's connection goes with the client's", () => echo.sockets.size === 0);
});

test('bytes sent right behind the head reach the endpoint', async (t) => {
  const echo = await startEcho();
  const proxy = await runProxy(
    [
      listener('l', [
        { filters: [managerFilter([CONNECT_ROUTE], { upgrade_configs: [{ upgrade_type: 'CONNECT' }] })] },
      ]),
    ],
    [cluster('app', [echo.port])],
  );
  t.after(() => (proxy.close(), echo.server.close()));
  const client = await connected(proxy.port('l'), 'early');
  assert.match(await client.read(/EARLY/), /EARLY$/);
  client.socket.destroy();
});

for (const [name, begin, place] of [
  [
    'over TLS',
    () => {
      const { certChainPem, privateKeyPem } = selfSigned('server');
      return createTlsServer({ cert: certChainPem, key: privateKeyPem });
    },
    (server: Server) => cluster('app', [(server.address() as AddressInfo).port], { transport_socket: TLS }),
  ],
  ['behind a Unix socket', () => createServer(), (_: Server, path: string) => unixCluster('app', path)],
] as const) {
  test(`a client that breaks off takes the connection to an endpoint ${name} along`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-connect-'));
    const path = join(folder, 'app');
    const server = begin();
    let open = 0;
    server.on(name === 'over TLS' ? 'secureConnection' : 'connection', (socket: Socket) => {
      open++;
      socket.on('close', () => open--);
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => {
      if (name === 'over TLS') server.listen(0, '127.0.0.1', resolve);
      else server.listen(path, resolve);
    });
    const proxy = await runProxy(
      [
        listener('l', [
          { filters: [managerFilter([CONNECT_ROUTE], { upgrade_configs: [{ upgrade_type: 'CONNECT' }] })] },
        ]),
      ],
      [place(server, path)],
    );
    t.after(() => {
      proxy.close();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const client = await connected(proxy.port('l'), 'hello');
    await client.read(/hello$/);
    assert.equal(open, 1);
    client.socket.resetAndDestroy();
    await until("the endpoint's connection goes with the client's", () => open === 0);
  });
}

test("the endpoint's end is the client's", async (t) => {
  const echo = await startEcho();
  const proxy = await runProxy(
    [
      listener('l', [
        { filters: [managerFilter([CONNECT_ROUTE], { upgrade_configs: [{ upgrade_type: 'CONNECT' }] })] },
      ]),
    ],
    [cluster('app', [echo.port])],
  );
  t.after(() => (proxy.close(), echo.server.close()));
  const client = await connected(proxy.port('l'));
  await client.read(/\r\n\r\n/);
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  for (const socket of echo.sockets) socket.end();
  await closed;
});

test('an endpoint that refuses makes it 503', async (t) => {
  const proxy = await runProxy(
    [
      listener('l', [
        { filters: [managerFilter([CONNECT_ROUTE], { upgrade_configs: [{ upgrade_type: 'CONNECT' }] })] },
      ]),
    ],
    [cluster('app', [1])],
  );
  t.after(() => proxy.close());
  const client = await connected(proxy.port('l'));
  assert.match(await client.read(/\r\n\r\n/), /^HTTP\/1\.1 503 /);
  client.socket.destroy();
});
