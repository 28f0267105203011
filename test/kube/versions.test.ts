// Two versions in one cluster: proxies of the other version under this control plane, then the other way round. A pod's annotation
// names its proxy's image; each talks to each, by mTLS, through a route that only a proxy can answer.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { VERSION } from '../../src/main/version.ts';
import { otherVersion } from '../versions/other-version.ts';
import type { Cluster } from './cluster.ts';
import { statusFrom } from './gateway-client.ts';
import { app, applyAll, strict, teapot } from './mesh-apps.ts';
import type { KubeTest, Step } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const OTHER = 'other';
const IMAGE = `topsail.local/bookshop:${VERSION}`;
const SMALL = [
  ...['--set', 'profile=minimal', '--set', 'values.pilot.autoscaleEnabled=false'],
  ...['--set', 'values.pilot.resources.requests.cpu=10m', '--set', 'values.pilot.resources.requests.memory=100Mi'],
  ...['--set', 'values.global.proxy.resources.requests.cpu=10m'],
  ...['--set', 'values.global.proxy.resources.requests.memory=40Mi', '-y', '--readiness-timeout', '600s'],
];
/** Application -> tag of its proxy's image. */
const APPS = { ours: VERSION, theirs: OTHER } as const;

const test: KubeTest = {
  title: 'Two versions in one mesh',
  seconds: 150,
  long: 'it clones and bundles another version',
  run: async (cluster, step) => {
    const folder = await step('another version is here', () => otherVersion());
    const other = (args: readonly string[]): void =>
      void execFileSync(process.execPath, [join(folder, 'dist/topsail.js'), ...args], {
        cwd: folder,
        env: {
          ...process.env,
          // Where `ctr` is.
          PATH: `${cluster.programs}:${process.env['PATH'] ?? ''}`,
          TOPSAIL_ROOT: folder,
          KUBECONFIG: cluster.kubeconfig,
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    await step('its images are on the node', () =>
      other(['images', 'load', '--tag', OTHER, '--containerd', join(cluster.folder(1), 'containerd.sock')]),
    );
    await step('this control plane, proxies of both', async () => {
      mustTopsail(cluster, ['install', ...SMALL]);
      cluster.kubectl(['create', 'namespace', 'meshed']);
      cluster.kubectl(['label', 'namespace', 'meshed', 'istio-injection=enabled']);
      for (const [name, tag] of Object.entries(APPS)) {
        const annotations = { 'sidecar.istio.io/proxyImage': `topsail.local/topsail:${tag}` };
        applyAll(cluster, 'meshed', [...app({ name, image: IMAGE, annotations }), teapot(name)]);
      }
      applyAll(cluster, 'meshed', [strict()]);
      await talk(cluster, step);
    });
    await step('the other control plane, proxies of both', async () => {
      other(['install', '--tag', OTHER, ...SMALL]);
      cluster.kubectl(['-n', 'meshed', 'rollout', 'restart', 'deploy']);
      cluster.kubectl(['-n', 'meshed', 'delete', 'virtualservice', 'ours', 'theirs']);
      await settled(cluster);
      for (const name of Object.keys(APPS))
        await until('no route', 90, () => statusFrom(cluster, 'meshed', name, `http://theirs:8080/teapot`) === '200');
      applyAll(cluster, 'meshed', Object.keys(APPS).map(teapot));
      await talk(cluster, step);
    });
  },
};

export default test;

async function settled(cluster: Cluster): Promise<void> {
  for (const name of Object.keys(APPS))
    cluster.kubectl(['-n', 'meshed', 'rollout', 'status', `deploy/${name}`, '--timeout=600s']);
}

async function talk(cluster: Cluster, step: Step): Promise<void> {
  await settled(cluster);
  for (const from of Object.keys(APPS))
    for (const to of Object.keys(APPS))
      await step(`${from} -> ${to}`, async () => {
        await until('an answer', 90, () => statusFrom(cluster, 'meshed', from, `http://${to}:8080/`) === '200');
        await until('the route', 90, () => statusFrom(cluster, 'meshed', from, `http://${to}:8080/teapot`) === '418');
      });
}
