// The five commands of docs/kubernetes.md, read from the page and run as they stand there; only what a reader fills in is filled in.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { VERSION } from '../../src/main/version.ts';
import { app } from './mesh-apps.ts';
import type { KubeTest } from './run.ts';
import { ROOT } from './topsail.ts';

const HEADING = '## From nothing to a page, with five commands';

const test: KubeTest = {
  title: 'Five commands',
  seconds: 20,
  withoutImages: true,
  run: async (cluster, step) => {
    const folder = dirname(cluster.kubeconfig);
    const manifests = join(folder, 'your-manifests.json');
    const items = app({ name: 'web', image: `topsail.local/bookshop:${VERSION}` });
    writeFileSync(manifests, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    const env = {
      ...process.env,
      KUBECONFIG: cluster.kubeconfig,
      PATH: `${cluster.programs}${delimiter}${process.env['PATH'] ?? ''}`,
    };
    const commands = firstBlock(readFileSync(join(ROOT, 'docs/kubernetes.md'), 'utf8'));
    assert.equal(commands.length, 5);
    for (const command of commands) {
      // The node is no kind, k3d or minikube: its containerd is named, as the page's table says.
      const line = command
        .replace(/images load$/, `images load --containerd ${join(folder, 'n1/containerd.sock')}`)
        .replace('YOUR-MANIFESTS', manifests);
      await step(command, () => execFileSync('sh', ['-c', line], { cwd: ROOT, env, encoding: 'utf8', stdio: 'pipe' }));
    }
    await step('the pod has a proxy, and is ready: 2/2', () => {
      cluster.kubectl(['-n', 'shop', 'wait', '--for=condition=Available', 'deploy/web', '--timeout=600s']);
      assert.match(cluster.kubectl(['-n', 'shop', 'get', 'pods']), /web-\S+\s+2\/2\s+Running/);
    });
  },
};

export default test;

function firstBlock(page: string): readonly string[] {
  const block = /```sh\n([\s\S]*?)```/.exec(page.slice(page.indexOf(HEADING)))?.[1] ?? '';
  return block
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line !== '');
}
