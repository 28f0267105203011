// A proxy that cannot do what its file says ends, and says why.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { meshEntry } from '../../mesh/mesh.ts';

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
