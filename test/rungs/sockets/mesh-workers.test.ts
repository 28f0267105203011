// A workload whose proxy serves with several threads: to everybody else it is one proxy.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import type { ProxyJson } from '#api';
import { meshEntry, root, startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { MeshProcess } from '../../mesh/mesh-process.ts';
import { until } from '../../mesh/until.ts';

const APP = 'require("http").createServer((q, a) => a.end("two")).listen(process.env.PORT, "127.0.0.1")';
let mesh: TestMesh;
let workload: MeshProcess;
/** Requests that its application answered. */
let answered = 0;

const byHand = (name: string, ...flags: readonly string[]): MeshProcess => {
  const start = ['run', '--home', mesh.home, '--name', name, '--service-account', 'told', '--labels', 'app=told'];
  const args = [...start, '--port', 'http:9080', '--capture', 'none', ...flags, '--', process.execPath, '-e', APP];
  const log = join(mesh.home, 'logs', `${name}.log`);
  const one = new MeshProcess({ name, entry: meshEntry(), args, env: { TOPSAIL_ROOT: root }, log });
  mesh.processes.set(name, one);
  return one;
};

const ask = async (count: number): Promise<void> => {
  const answers = await mesh.order('asker', { url: 'http://told:9080/', count, bodies: true });
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200),
    [],
  );
  answered += answers.filter(({ body }) => body === 'two').length;
};

const served = async (): Promise<number> => {
  const text = await mesh.admin('told-two', '/stats/prometheus');
  return text
    .split('\n')
    .filter((line) => line.startsWith('istio_requests_total{reporter="destination"'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
};

before(async () => {
  mesh = await startMesh({ workloads: [{ app: 'asker' }, { app: 'told', version: 'v1' }] });
  workload = byHand('told-two', '--concurrency', '2');
  await workload.start();
  await until('a request for the workload', async () => (await ask(10), answered > 0));
});
after(() => mesh.stop());

test('its metrics are what its threads counted together, by identity and peer', async () => {
  await ask(40);
  await until(
    () => `${answered} answers are counted`,
    async () => (await served()) === answered,
  );
  const text = await mesh.admin('told-two', '/stats/prometheus');
  assert.equal(text.match(/^# TYPE istio_requests_total /gm)?.length, 1);
  assert.match(text, /source_workload="asker".*connection_security_policy="mutual_tls"/);
  const { statusPort } = mesh.record('told-two') as unknown as { readonly statusPort: number };
  const status = await fetch(`http://127.0.0.1:${statusPort}/stats/prometheus`);
  assert.match(await status.text(), /istio_requests_total\{reporter="destination"/);
});

test('the graph has its edge, told by both ends', async () => {
  await until('the edge', async () =>
    (await mesh.edges()).some((edge) => edge.source === 'asker' && edge.destination === 'told-two' && edge.mtls === 1),
  );
});

test('it is one proxy of the control plane, and proxy-status lists its threads and what they do not share', async () => {
  const proxies = await mesh.api<readonly ProxyJson[]>('GET', '/api/v1/proxies');
  assert.equal(proxies.filter(({ name }) => name === 'told-two').length, 1);
  const { stdout } = await mesh.topsail('proxy-status', 'told-two');
  assert.match(stdout, /2 workers\n/);
  assert.match(stdout, /Each worker has its own:\n(?: {2}.+\n)+/);
  assert.doesNotMatch((await mesh.topsail('proxy-status', 'asker')).stdout, /workers/);
});

test('a limit that all proxies share holds over its threads and the other proxy together', async () => {
  const limit = `apiVersion: topsail.io/v1alpha1
kind: RateLimit
metadata: { name: together, namespace: default }
spec: { selector: { matchLabels: { app: told } }, rules: [{ name: all, limit: { requests: 6, per: HOUR, scope: ALL_PROXIES } }] }
`;
  await mesh.apply(limit);
  await until('that all are refused', async () => {
    const answers = await mesh.order('asker', { url: 'http://told:9080/', count: 40, concurrency: 4 });
    return answers.every(({ status }) => status === 429);
  });
  const admitted = async (name: string): Promise<number> =>
    Number(
      /^ratelimit\.default\.together\.all\.http_local_rate_limit\.ok: (\d+)$/m.exec(
        await mesh.admin(name, '/stats'),
      )?.[1],
    );
  const [one, two] = await Promise.all([admitted('told-v1'), admitted('told-two')]);
  assert.ok(one + two >= 1 && one + two <= 6, `${one} and ${two}`);
  await mesh.delete('RateLimit', 'together');
});

test('a policy reaches every thread before it counts as programmed, or soon after', async () => {
  const deny = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: none, namespace: default }
spec: { selector: { matchLabels: { app: told } }, action: DENY, rules: [{}] }
`;
  await mesh.apply(deny);
  await until('that all are denied', async () => {
    const answers = await mesh.order('asker', { url: 'http://told:9080/', count: 20 });
    return answers.every(({ status }) => status === 403);
  });
});

test('it ends as others do', async () => {
  await workload.stop();
  assert.equal(workload.running, false);
});

test('where its sockets belong to one thread it is refused, and the remedy is named', async () => {
  const asked = ['run', '--name', 'x', '--port', '9080', '--concurrency'];
  const refused = await mesh.topsail(...asked, '65', '--capture', 'none', '--', 'true');
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /no number of workers; give 1 to 64/);
  const envoy = await mesh.topsail(...asked, '2', '--data-plane', 'envoy', '--', 'true');
  assert.equal(envoy.status, 1);
});
