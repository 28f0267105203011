// A proxy that cannot do what its file says ends, and says why.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { meshEntry } from '../../mesh/mesh.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';
import { httpListener } from '../../proxy-life/config.ts';
import { selfSigned } from './self-signed.ts';

/** One that passes bytes on to a port where nobody is. */
function listener(name: string, port: number): object {
  const proxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: name,
    cluster: 'nowhere',
  };
  return {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'tcp', typed_config: proxy }] }],
  };
}

for (const flags of [[], ['--concurrency', '2']])
  test(`a listener whose port is taken ends it${flags.length === 0 ? '' : ' (two threads)'}`, async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const bootstrap = {
      node: { id: 'a', cluster: 'a' },
      static_resources: {
        clusters: [{ name: 'nowhere', type: 'STATIC' }],
        listeners: [listener('open', 0), listener('web', port)],
      },
    };
    const args = ['proxy', '--config-yaml', JSON.stringify(bootstrap), '--log-level', 'error', ...flags];
    const child = spawn(process.execPath, [meshEntry(), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
    assert.match(said, /^error: listener web: .*EADDRINUSE/m);
    assert.equal(code, 1);
  });

test('the example is good', async () => {
  const file = join(import.meta.dirname, '../../../examples/proxy/bootstrap.yaml');
  const args = ['proxy', '-c', file, '--mode', 'validate'];
  const child = spawn(process.execPath, [meshEntry(), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.match(out, /^configuration '.*' OK$/m, err);
  assert.equal(err, '');
});

test('the example answers 200 through its proxy', async (t) => {
  const app = createHttp((_, answer) => answer.end('fine')).listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.after(() => app.close());
  const [port, admin] = [await freePort(), await freePort()];
  const example = readFileSync(join(import.meta.dirname, '../../../examples/proxy/bootstrap.yaml'), 'utf8');
  const moves = [
    ['port_value: 10000', `port_value: ${port}`],
    ['port_value: 9901', `port_value: ${admin}`],
    ['address: localhost, port_value: 8000', `address: 127.0.0.1, port_value: ${(app.address() as AddressInfo).port}`],
  ] as const;
  const moved = moves.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  }, example);
  const args = ['proxy', '--config-yaml', moved, '--log-level', 'error'];
  const child = spawn(process.execPath, [meshEntry(), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const ask = (): Promise<Response | undefined> => fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
  await until('an answer', async () => (await ask())?.status === 200);
  assert.equal(await (await ask())?.text(), 'fine');
});

test('it is ready when its listener accepts, also one whose certificate is read from files', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-ready-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { certChainPem = '', privateKeyPem = '' } = selfSigned('ready');
  const [chain, key] = [join(folder, 'chain.pem'), join(folder, 'key.pem')];
  writeFileSync(chain, certChainPem);
  writeFileSync(key, privateKeyPem);
  const [port, admin] = [await freePort(), await freePort()];
  const plain = listener('web', port) as { filter_chains: [{ filters: object[] }] };
  const tls = {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }],
      },
    },
  };
  const bootstrap = {
    node: { id: 'a', cluster: 'a' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
    static_resources: {
      clusters: [{ name: 'nowhere', type: 'STATIC' }],
      listeners: [{ ...plain, filter_chains: [{ ...plain.filter_chains[0], transport_socket: tls }] }],
    },
  };
  const args = ['proxy', '--config-yaml', JSON.stringify(bootstrap), '--log-level', 'error'];
  const child = spawn(process.execPath, [meshEntry(), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const asked = () =>
    fetch(`http://127.0.0.1:${admin}/ready`).then(
      ({ status }) => status,
      () => 0,
    );
  // Without a pause: what is told too soon is so for some milliseconds.
  while ((await asked()) !== 200) assert.equal(child.exitCode, null);
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  await once(socket, 'connect');
});

test('a listener that is refused is named with its line', async () => {
  const example = readFileSync(join(import.meta.dirname, '../../../examples/proxy/bootstrap.yaml'), 'utf8');
  const args = [
    'proxy',
    '--mode',
    'validate',
    '--config-yaml',
    example.replace('domains: ["*"]', 'domains: ["*", "*"]'),
  ];
  const child = spawn(process.execPath, [meshEntry(), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
  assert.match(
    said,
    /^error: --config-yaml:\d+: static_resources\.listeners\[0\]: web: .*two virtual hosts claim the domain/m,
  );
  assert.equal(code, 1);
});

test('a listener that is refused ends the proxy, whatever else its file has', async () => {
  const port = await freePort();
  const answers = { match: { prefix: '/' }, direct_response: { status: 200 } };
  const wrong = [{ header: { key: 'x-a', value: '%NOTHING_KNOWN%' } }];
  const good = httpListener('good', port, [answers]);
  const bad = httpListener('bad', await freePort(), [{ ...answers, request_headers_to_add: wrong }]);
  const config = JSON.stringify({ static_resources: { listeners: [good, bad] } });
  const child = spawn(process.execPath, [meshEntry(), 'proxy', '--config-yaml', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 60_000,
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
  assert.match(said, /static_resources\.listeners\[1\]/);
  assert.equal(code, 1);
});
