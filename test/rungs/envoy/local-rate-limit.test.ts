// Local rate limits by descriptor through our proxy and a real Envoy, from one bootstrap: who passes, and what the headers say.
// Buckets fill once in ten minutes, so that no answer depends on how fast the machine is.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { meshEntry } from '../../mesh/mesh.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { httpListener } from '../../proxy-life/config.ts';
import { findEnvoy } from './find-envoy.ts';

const envoy = findEnvoy();
const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const always = { default_value: { numerator: 100 } };
const bucket = (tokens: number): object => ({ max_tokens: tokens, tokens_per_fill: tokens, fill_interval: '600s' });
const header = (name: string, key: string): object => ({
  request_headers: { header_name: name, descriptor_key: key },
});

function bootstrap(port: number, admin: number): object {
  const limit = {
    '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: 'limits',
    filter_enabled: always,
    filter_enforced: always,
    token_bucket: bucket(100),
    enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
    max_dynamic_descriptors: 2,
    rate_limits: [
      { actions: [header('x-user', 'user')] },
      { actions: [{ generic_key: { descriptor_value: 'plans' } }, header('x-plan', 'plan')] },
    ],
    descriptors: [
      { entries: [{ key: 'user' }], token_bucket: bucket(2) },
      { entries: [{ key: 'user', value: 'vip' }], token_bucket: bucket(4) },
      { entries: [{ key: 'generic_key', value: 'plans' }, { key: 'plan' }], token_bucket: bucket(3) },
    ],
  };
  const filters = [
    { name: 'limit', typed_config: limit },
    { name: 'router', typed_config: { '@type': `${TYPE}.router.v3.Router` } },
  ];
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 200 } }];
  return {
    node: { id: 'limits', cluster: 'limits' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
    static_resources: { listeners: [httpListener('in', port, routes, { http_filters: filters })] },
  };
}

for (const plane of ['topsail', 'envoy'] as const) {
  const missing = plane === 'envoy' && envoy === undefined && process.env['CI'] === undefined;
  describe(`a local rate limit on ${plane}`, { skip: missing ? 'no Envoy' : false }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-limit-'));
    let child: ChildProcess;
    let port = 0;

    before(async () => {
      port = await freePort();
      const admin = await freePort();
      const file = join(folder, 'b.json');
      writeFileSync(file, JSON.stringify(bootstrap(port, admin)));
      const [program, ...args] =
        plane === 'envoy'
          ? [envoy ?? '', '--disable-hot-restart', '--concurrency', '1', '-l', 'error']
          : [process.execPath, meshEntry(), 'proxy', '--log-level', 'error'];
      child = spawn(program as string, [...args, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
      for (let i = 0; i < 1000 && !(await isReady(admin)); i++) await sleep(60);
    });

    after(async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    });

    /** Status, the limit that was nearest, and what it has left. */
    const ask = async (headers: Record<string, string>): Promise<string> => {
      const { status, headers: said } = await fetch(`http://127.0.0.1:${port}/`, { headers });
      return `${status} ${said.get('x-ratelimit-remaining')} of ${said.get('x-ratelimit-limit')}`;
    };
    const users = async (names: string): Promise<readonly string[]> => {
      const answers: string[] = [];
      for (const name of names.split(' ')) answers.push(await ask({ 'x-user': name }));
      return answers;
    };

    it('gives each value that is left open a bucket, and forgets the one that was not used for longest', async () => {
      assert.deepEqual(await users('a a a b b b'), [
        '200 1 of 2',
        '200 0 of 2',
        '429 0 of 2',
        '200 1 of 2',
        '200 0 of 2',
        '429 0 of 2',
      ]);
      assert.deepEqual(await users('a c a b'), ['429 0 of 2', '200 1 of 2', '429 0 of 2', '200 1 of 2']);
    });

    it('takes what is written out before what is left open', async () => {
      assert.deepEqual(await users('vip vip vip vip vip'), [
        '200 3 of 4',
        '200 2 of 4',
        '200 1 of 4',
        '200 0 of 4',
        '429 0 of 4',
      ]);
    });

    it('asks every entry of a descriptor, and the bucket of all where none fits', async () => {
      assert.equal(await ask({ 'x-plan': 'free' }), '200 2 of 3');
      assert.equal(await ask({ 'x-plan': 'paid' }), '200 2 of 3');
      assert.match(await ask({}), /^200 \d+ of 100$/);
    });
  });
}

async function isReady(admin: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${admin}/ready`)).status === 200;
  } catch {
    return false;
  }
}
