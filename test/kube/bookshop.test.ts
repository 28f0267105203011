// Install with profile demo, put the bookshop into an injected namespace, and see seed documents take effect through the ingress gateway.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { bookshop } from './bookshop-manifest.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, ROOT, until } from './topsail.ts';

const HUB = 'topsail.local';

const test: KubeTest = {
  title: 'The bookshop in an injected namespace',
  run: async (cluster, step) => {
    await step('images are built and loaded', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
    });
    await step('topsail install --set profile=demo -y', () => {
      const end = mustTopsail(cluster, ['install', '--set', 'profile=demo', '-y', '--readiness-timeout', '90s']);
      assert.match(end.out, /✔ Istiod installed/);
      assert.match(end.out, /✔ Installation complete/);
    });
    await step('the bookshop comes up with a proxy in every pod', async () => {
      cluster.kubectl(['create', 'namespace', 'shop']);
      cluster.kubectl(['label', 'namespace', 'shop', 'istio-injection=enabled']);
      cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], bookshop(`${HUB}/bookshop:${VERSION}`));
      cluster.kubectl(['-n', 'shop', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=90s']);
      const pods = JSON.parse(cluster.kubectl(['-n', 'shop', 'get', 'pods', '-o', 'json'])) as { items: { spec: { initContainers: { name: string }[] } }[] };
      for (const pod of pods.items) assert.ok(pod.spec.initContainers.some((one) => one.name === 'istio-proxy'));
    });
    const file = (path: string): string => readFileSync(join(ROOT, path), 'utf8').replaceAll('namespace: default', 'namespace: shop');
    await step('the page is served through the ingress gateway', async () => {
      for (const path of ['examples/bookshop/gateway.yaml', 'examples/bookshop/destination-rules.yaml']) cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], file(path));
      await until('the page', 30, async () => (await page(cluster)).includes('Sailing Alone'));
    });
    await step('seed 02: reviews for jason come from v2, for everybody else from v1', async () => {
      cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], file('examples/seed/02-reviews-jason.yaml'));
      await until('v1 only', 20, async () => (await versions(cluster, 12)).join() === 'v1');
      await until('v2 for jason', 20, async () => (await versions(cluster, 12, { 'end-user': 'jason' })).join() === 'v2');
    });
    await step('seed 03: 90 to 10', async () => {
      cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], file('examples/seed/03-canary-90-10.yaml'));
      await until('both versions', 20, async () => (await versions(cluster, 40)).join() === 'v1,v2');
      let second = 0;
      for (let i = 0; i < 200; i++) if ((await reviewsVersion(cluster)) === 'v2') second++;
      assert.ok(second >= 5 && second <= 40, `${second} of 200 went to v2`);
    });
    await step('seed 04: STRICT shuts plaintext out, the mesh goes on', async () => {
      const ip = cluster.kubectl(['-n', 'shop', 'get', 'pod', '-l', 'app=details', '-o', 'jsonpath={.items[0].status.podIP}']);
      const plain = async (): Promise<boolean> => {
        try {
          return (await fetch(`http://${ip}:9080/details/0`, { signal: AbortSignal.timeout(2000) })).ok;
        } catch {
          return false;
        }
      };
      assert.equal(await plain(), true, 'plaintext passes while PERMISSIVE');
      cluster.kubectl(['apply', '-f', '-'], file('examples/seed/04-strict-mtls.yaml'));
      await until('plaintext is refused', 45, async () => !(await plain()));
      assert.ok((await page(cluster)).includes('Sailing Alone'));
    });
  },
};

export default test;

type ClusterArg = Parameters<KubeTest['run']>[0];

function gateway(cluster: ClusterArg): string {
  return `http://${cluster.kubectl(['-n', 'istio-system', 'get', 'service', 'istio-ingressgateway', '-o', 'jsonpath={.spec.clusterIP}'])}`;
}

let address: string | undefined;

async function ask(cluster: ClusterArg, path: string, headers: Record<string, string> = {}): Promise<string> {
  address ??= gateway(cluster);
  try {
    return await (await fetch(`${address}${path}`, { headers, signal: AbortSignal.timeout(5000) })).text();
  } catch (error) {
    return String(error);
  }
}

function page(cluster: ClusterArg): Promise<string> {
  return ask(cluster, '/productpage');
}

async function reviewsVersion(cluster: ClusterArg, headers: Record<string, string> = {}): Promise<string> {
  const text = await ask(cluster, '/api/v1/products/0/reviews', headers);
  return /"servedBy":"reviews (v\d)"/.exec(text)?.[1] ?? text.slice(0, 80);
}

async function versions(cluster: ClusterArg, times: number, headers: Record<string, string> = {}): Promise<readonly string[]> {
  const seen = new Set<string>();
  for (let i = 0; i < times; i++) seen.add(await reviewsVersion(cluster, headers));
  return [...seen].sort();
}
