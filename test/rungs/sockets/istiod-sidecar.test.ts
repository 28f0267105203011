// A whole sidecar as Istio's control plane configures it: captured connections, mutual TLS, sniffing, passthrough, policies. Traffic
// of both directions goes through this project's proxy; a test's net says what the kernel would of redirected connections.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Conn, type Logger, type Net } from '#base';
import { SystemNet } from '#io';
import { freePort } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';
import { IN_MESH, sidecar, VIP } from './istiod-fixture.ts';
import { secretsOf } from './mtls-fixture.ts';
import { listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

const SERVER = 'spiffe://cluster.local/ns/default/sa/reviews';

/** The original destination by the address that a client calls from. */
function redirecting(destinations: ReadonlyMap<string, { readonly address: string; readonly port: number }>): Net {
  const net = new SystemNet();
  return {
    connect: (options, handler) => net.connect(options, handler),
    resolve: (host) => net.resolve(host),
    listen: async (options, accept) =>
      await net.listen(options, (conn: Conn) => {
        conn.originalDestination = () => destinations.get(conn.remoteAddress);
        accept(conn);
      }),
  };
}

function collecting(lines: string[]): Logger {
  const note = (message: string, fields?: Readonly<Record<string, unknown>>): void =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Logger = { debug: () => {}, info: () => {}, warn: note, error: note, scope: () => log };
  return log;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function get(from: string, port: number, path: string, headers: Record<string, string>): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, localAddress: from, headers, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body, headers: answer.headers }));
    });
    call.on('error', reject).end();
  });
}

/** Says `words` (nothing when empty) and gives what the other side says first. */
async function talk(from: string, port: number, words: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from });
    socket.on('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    socket.on('close', () => resolve('closed'));
    if (words !== '') socket.write(words);
  });
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

test('a sidecar of Istio’s control plane carries what its pod sends and gets', async (t) => {
  const seen: { url: string; xfcc: string }[] = [];
  const app = await startApp((asked, response) => {
    seen.push({ url: asked.url ?? '', xfcc: String(asked.headers['x-forwarded-client-cert'] ?? '') });
    response.end('served');
  });
  const speaker = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('hello first');
  });
  const unlisted = await startApp((_, response) => response.end('unlisted'));
  const tcpPort = await listening(speaker);
  const [inboundPort, outboundPort] = [await freePort(), await freePort()];
  const destinations = new Map([
    // Our own outbound side calls from the default address: it wants the application.
    ['127.0.0.1', { address: '127.0.0.1', port: app.port }],
    ['127.9.0.1', { address: VIP, port: 9080 }],
    ['127.9.0.2', { address: VIP, port: 3306 }],
    ['127.9.0.3', { address: '127.0.0.1', port: unlisted.port }],
    ['127.9.0.4', { address: '127.0.0.1', port: app.port }],
    ['127.9.0.5', { address: '127.0.0.1', port: tcpPort }],
    ['127.9.0.6', { address: '127.0.0.1', port: 15_001 }],
  ]);
  const lines: string[] = [];
  const proxy = await runProxy([], [], secretsOf(SERVER), { net: redirecting(destinations), log: collecting(lines) });
  t.after(() => {
    proxy.close();
    app.close();
    unlisted.close();
    speaker.close();
  });
  const set = await sidecar({ inboundPort, outboundPort, httpPort: app.port, tcpPort, serverId: SERVER });
  for (const [typeUrl, resources] of Object.entries(set)) {
    const rejects = proxy.handle.proxy.applyResources(typeUrl, resources, []);
    assert.deepEqual(rejects, [], `${typeUrl} is taken whole`);
  }
  await until('everything', () => proxy.handle.proxy.config.ready);
  const host = { host: IN_MESH };

  const meshed = await get('127.9.0.1', outboundPort, '/a', host);
  assert.deepEqual([meshed.status, meshed.body], [200, 'served']);
  assert.match(seen.at(-1)?.xfcc ?? '', /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews/, 'by mutual TLS');
  const plain = await get('127.9.0.1', outboundPort, '/b', { ...host, 'x-plain': 'yes' });
  assert.deepEqual([plain.status, seen.at(-1)?.xfcc], [200, ''], 'an endpoint without tlsMode gets plain text');
  assert.equal((await get('127.9.0.1', outboundPort, '/admin', host)).status, 403, 'its policies hold');

  assert.equal((await get('127.9.0.3', outboundPort, '/', { host: 'elsewhere' })).body, 'unlisted', 'passthrough');
  assert.equal(await talk('127.9.0.6', outboundPort, 'x'), 'closed', 'the blackhole');

  assert.equal((await get('127.9.0.4', inboundPort, '/', host)).body, 'served', 'plain text into a permissive port');
  assert.equal((await get('127.9.0.3', inboundPort, '/', host)).body, 'unlisted', 'a port that nobody declared');
  assert.equal(await talk('127.9.0.5', inboundPort, ''), 'hello first', 'a server that speaks first');
  destinations.set('127.0.0.1', { address: '127.0.0.1', port: tcpPort });
  assert.equal(
    await talk('127.9.0.2', outboundPort, 'x'),
    'hello first',
    'TCP by mutual TLS, nothing ahead of its bytes',
  );
  destinations.set('127.0.0.1', { address: '127.0.0.1', port: unlisted.port });
  assert.equal((await get('127.9.0.1', outboundPort, '/c', { ...host, 'x-other': 'yes' })).body, 'unlisted');
  // Only istio.alpn's names lead to the HTTP chain of ports that nobody declared.
  assert.equal(
    (await get('127.9.0.1', outboundPort, '/admin', { ...host, 'x-other': 'yes' })).status,
    403,
    'requests are told from bytes',
  );
  assert.deepEqual(lines, []);
});

test('a connection that no chain takes stands in the listener’s own log', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-unmatched-'));
  const path = join(folder, 'log');
  const proxy = await runProxy(
    [
      listener('l', [{ filter_chain_match: { destination_port: 1 }, filters: [managerFilter([])] }], {
        access_log: [
          {
            name: 'envoy.access_loggers.file',
            filter: { response_flag_filter: { flags: ['NR'] } },
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
              path,
              log_format: {
                text_format_source: { inline_string: '%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%\n' },
              },
            },
          },
        ],
      }),
    ],
    [],
  );
  t.after(() => {
    proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });
  assert.equal(await talk('127.0.0.1', proxy.port('l'), 'x'), 'closed');
  await proxy.handle.flushLogs();
  await until('the line', () => readFileSync(path, 'utf8') === 'NR filter_chain_not_found\n');
});
