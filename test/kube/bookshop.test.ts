// Install with profile demo, put the bookshop into an injected namespace, and see every seed document take effect.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { bookshop, callers } from './bookshop-manifest.ts';
import { GatewayClient, putTlsSecret, statusFrom } from './gateway-client.ts';
import type { KubeTest, Step } from './run.ts';
import { mustTopsail, ROOT, until } from './topsail.ts';

type ClusterArg = Parameters<KubeTest['run']>[0];

const HUB = 'topsail.local';
const IMAGE = `${HUB}/bookshop:${VERSION}`;
const read = (path: string): string =>
  readFileSync(join(ROOT, path), 'utf8').replaceAll('namespace: default', 'namespace: shop');

const test: KubeTest = {
  title: 'The bookshop in an injected namespace',
  seconds: 140,
  run: async (cluster, step) => {
    const gateway = new GatewayClient(cluster);
    const apply = (path: string): string => cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], read(path));
    const remove = (path: string): string => cluster.kubectl(['-n', 'shop', 'delete', '-f', '-'], read(path));
    await step('images are built and loaded', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
    });
    await step('topsail install --set profile=demo -y', () => {
      const end = mustTopsail(cluster, ['install', '--set', 'profile=demo', '-y', '--readiness-timeout', '600s']);
      assert.match(end.out, /✔ Istiod installed/);
      assert.match(end.out, /✔ Installation complete/);
    });
    await step('the bookshop comes up with a proxy in every pod', () => {
      cluster.kubectl(['create', 'namespace', 'shop']);
      cluster.kubectl(['label', 'namespace', 'shop', 'istio-injection=enabled']);
      cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], bookshop(IMAGE));
      cluster.kubectl(['-n', 'shop', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
      const pods = JSON.parse(cluster.kubectl(['-n', 'shop', 'get', 'pods', '-o', 'json'])) as {
        items: { spec: { initContainers: { name: string }[] } }[];
      };
      for (const pod of pods.items) assert.ok(pod.spec.initContainers.some((one) => one.name === 'istio-proxy'));
    });
    await step('the page is served through the ingress gateway', async () => {
      for (const path of ['examples/bookshop/gateway.yaml', 'examples/bookshop/destination-rules.yaml']) apply(path);
      await until('the page', 30, async () => (await gateway.page()).includes('Sailing Alone'));
    });
    await step('seed 02: reviews for jason come from v2, for everybody else from v1', async () => {
      apply('examples/seed/02-reviews-jason.yaml');
      await until('v1 only', 20, async () => (await gateway.reviewVersions(12)) === 'v1');
      await until('v2 for jason', 20, async () => (await gateway.reviewVersions(12, { 'end-user': 'jason' })) === 'v2');
    });
    await step('seed 03: 90 to 10', async () => {
      apply('examples/seed/03-canary-90-10.yaml');
      await until('both versions', 20, async () => (await gateway.reviewVersions(40)) === 'v1,v2');
      let second = 0;
      for (let i = 0; i < 200; i += 10) {
        const versions = await Promise.all(Array.from({ length: 10 }, () => gateway.reviews()));
        second += versions.filter((version) => version === 'v2').length;
      }
      assert.ok(second >= 5 && second <= 40, `${second} of 200 went to v2`);
    });
    await step('seed 04: STRICT shuts plaintext out, the mesh goes on', async () => {
      const ip = cluster.kubectl([
        '-n',
        'shop',
        'get',
        'pod',
        '-l',
        'app=details',
        '-o',
        'jsonpath={.items[0].status.podIP}',
      ]);
      const plain = (): Promise<boolean> =>
        fetch(`http://${ip}:9080/details/0`, { signal: AbortSignal.timeout(2000) }).then(
          (r) => r.ok,
          () => false,
        );
      assert.equal(await plain(), true, 'plaintext passes while PERMISSIVE');
      cluster.kubectl(['apply', '-f', join(ROOT, 'examples/seed/04-strict-mtls.yaml')]);
      await until('plaintext is refused', 45, async () => !(await plain()));
      assert.ok((await gateway.page()).includes('Sailing Alone'));
    });
    await moreSeeds(cluster, step, gateway, apply, remove);
    await step('rolling restarts under load: no request fails', async () => {
      const failures = await underLoad(gateway, () => {
        cluster.kubectl(['-n', 'shop', 'rollout', 'restart', 'deploy/productpage-v1', 'deploy/details-v1']);
        cluster.kubectl(['-n', 'shop', 'rollout', 'status', 'deploy/productpage-v1', '--timeout=600s']);
        cluster.kubectl(['-n', 'shop', 'rollout', 'status', 'deploy/details-v1', '--timeout=600s']);
      });
      // A probe that a busy machine did not answer in time takes the only pod out of its Service: then it is said here.
      const warnings = (): string =>
        cluster.kubectl(['-n', 'shop', 'get', 'events', '--field-selector=type=Warning', '--sort-by=.lastTimestamp']);
      assert.deepEqual(failures, [], failures.length === 0 ? '' : `${failures.join('; ')}\n${warnings()}`);
    });
    await step('uninstall --purge --delete-data leaves nothing', async () => {
      mustTopsail(cluster, ['uninstall', '--purge', '--delete-data', '-y']);
      // The API server takes them away after it has answered.
      await until('the kinds to go', 60, () => cluster.kubectl(['get', 'crd', '-o', 'name']) === '');
    });
  },
};

export default test;

async function moreSeeds(
  cluster: ClusterArg,
  step: Step,
  gateway: GatewayClient,
  apply: (path: string) => string,
  remove: (path: string) => string,
): Promise<void> {
  await step('seed 06: one call of ten to ratings waits 5 s', async () => {
    cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], allReviews('v3'));
    apply('examples/seed/06-fault-delay.yaml');
    await until('v3', 20, async () => (await gateway.reviewVersions(6)) === 'v3');
    // As reviews measured its own call: how busy this machine is does not count.
    let slow = 0;
    for (let i = 0; i < 60; i += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.text('/api/v1/products/0/reviews')));
      slow += answers.filter((text) => Number(/"tookMs":(\d+)/.exec(text)?.[1] ?? 0) >= 4990).length;
    }
    assert.ok(slow >= 1 && slow <= 18, `${slow} of 60 waited`);
    remove('examples/seed/06-fault-delay.yaml');
  });
  await step('seed 07: half of the calls to ratings end with 500', async () => {
    apply('examples/seed/07-fault-abort.yaml');
    const failed = async (times: number): Promise<number> => {
      let count = 0;
      for (let i = 0; i < times; i++)
        if (/"error":"500/.test(await gateway.text('/api/v1/products/0/reviews'))) count++;
      return count;
    };
    await until('faults', 20, async () => (await failed(8)) > 0);
    const count = await failed(60);
    assert.ok(count >= 15 && count <= 45, `${count} of 60 failed`);
    remove('examples/seed/07-fault-abort.yaml');
  });
  await step('seed 08: circuit breaking is in force and lets ordinary traffic pass', async () => {
    apply('examples/seed/08-circuit-breaking.yaml');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    for (let i = 0; i < 20; i++) assert.equal(await gateway.reviews(), 'v3');
  });
  await step('seed 05: only the frontend may call the backend, only GET and POST, only /api/', async () => {
    cluster.kubectl(['label', 'namespace', 'default', 'istio-injection=enabled', '--overwrite']);
    cluster.kubectl(['-n', 'default', 'apply', '-f', '-'], callers(IMAGE));
    cluster.kubectl(['-n', 'default', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
    const ask = (who: string, path: string, method?: string): string =>
      statusFrom(cluster, 'default', who, `http://backend:8080${path}`, method);
    await until('before the policy', 20, () => ask('stranger', '/other') === '200');
    cluster.kubectl(
      ['-n', 'default', 'apply', '-f', '-'],
      readFileSync(join(ROOT, 'examples/seed/05-backend-policy.yaml'), 'utf8'),
    );
    await until('the policy', 20, () => ask('stranger', '/api/x') === '403');
    assert.deepEqual(
      [
        ask('frontend', '/api/x'),
        ask('frontend', '/api/x', 'POST'),
        ask('frontend', '/api/x', 'DELETE'),
        ask('frontend', '/other'),
      ],
      ['200', '200', '403', '403'],
    );
    cluster.kubectl(['-n', 'default', 'delete', 'deploy,service,sa', '-l', 'test=callers']);
    cluster.kubectl(['label', 'namespace', 'default', 'istio-injection-']);
  });
  await step('seed 09: HTTPS with a certificate from a Secret, renewed without a restart', async () => {
    putTlsSecret(cluster, 'istio-system', 'tls-cert', 'first.yourdomain.com');
    apply('examples/seed/09-gateway-https.yaml');
    cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], httpsRoute());
    await until('HTTPS', 30, async () => (await gateway.https('shop.yourdomain.com', '/productpage')).status === 200);
    assert.equal((await gateway.https('shop.yourdomain.com', '/productpage')).subject, 'first.yourdomain.com');
    putTlsSecret(cluster, 'istio-system', 'tls-cert', 'second.yourdomain.com');
    const renewed = performance.now();
    await until(
      'the new certificate',
      10,
      async () => (await gateway.https('shop.yourdomain.com', '/productpage')).subject === 'second.yourdomain.com',
    );
    assert.ok(performance.now() - renewed < 2000, `it took ${Math.round(performance.now() - renewed)} ms`);
  });
  await step('seed 01: of mobile clients a fifth gets v2', async () => {
    cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], productService());
    apply('examples/seed/01-canary-mobile.yaml');
    const v2 = (agent: string, times: number): number =>
      Number(
        fromPod(
          cluster,
          `
      let v2 = 0;
      for (let i = 0; i < ${times}; i++) {
        const answer = await (await fetch('http://product-service:9080/reviews/0', { headers: { 'user-agent': ${JSON.stringify(agent)} } })).text();
        if (answer.includes('reviews v2')) v2++; else if (!answer.includes('reviews v1')) throw new Error(answer);
      }
      console.log(v2);`,
        ),
      );
    await until('the route', 30, () => v2('curl', 3) === 0);
    const mobile = v2('Mozilla (Mobile) x', 100);
    assert.equal(v2('Mozilla (X11)', 50), 0);
    assert.ok(mobile >= 8 && mobile <= 35, `${mobile} of 100`);
  });
}

/** What came back besides the page while `change` runs; the commands block, so the load has a process of its own. */
async function underLoad(gateway: GatewayClient, change: () => void): Promise<readonly string[]> {
  const { Worker } = await import('node:worker_threads');
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    let going = true; const failures = []; let count = 0;
    parentPort.on('message', () => { going = false; });
    const one = async () => { while (going) { try { const r = await fetch(workerData); const text = await r.text(); count++; if (r.status !== 200 || !text.includes('Sailing Alone')) failures.push(r.status + ' ' + text.slice(0, 120)); } catch (e) { failures.push(String(e.cause?.code ?? e)); } await new Promise((f) => setTimeout(f, 20)); } };
    Promise.all([one(), one(), one(), one()]).then(() => parentPort.postMessage({ failures, count }));`;
  const worker = new Worker(script, { eval: true, workerData: `http://${gateway.address}/productpage` });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  change();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  worker.postMessage('stop');
  const { failures, count } = await new Promise<{ failures: string[]; count: number }>((resolve) =>
    worker.once('message', resolve),
  );
  assert.ok(count > 50, `only ${count} requests were made`);
  return failures;
}

function allReviews(version: string): string {
  const route = [{ destination: { host: 'reviews', subset: version } }];
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'reviews' },
    spec: { hosts: ['reviews'], http: [{ route }] },
  });
}

function httpsRoute(): string {
  const route = [{ destination: { host: 'productpage', port: { number: 9080 } } }];
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'https' },
    spec: { hosts: ['*.yourdomain.com'], gateways: ['my-gateway'], http: [{ route }] },
  });
}

/** The seed's service over the pods of reviews. */
function productService(): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'product-service' },
    spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] },
  });
}

/** What a script prints that runs in productpage's own container: its calls are captured. */
function fromPod(cluster: ClusterArg, script: string): string {
  return cluster
    .try([
      '-n',
      'shop',
      'exec',
      'deploy/productpage-v1',
      '-c',
      'productpage',
      '--',
      '/usr/local/bin/node',
      '--input-type=module',
      '-e',
      script,
    ])
    .text.trim();
}
