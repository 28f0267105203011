// A workload's admin pages over real processes: what Envoy's tools read, on loopback only.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callHttp } from '#io';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

let mesh: TestMesh;

before(async () => {
  mesh = await startMesh({ workloads: [{ app: 'asker' }, { app: 'told', version: 'v1' }] });
  const answers = await mesh.order('asker', { url: 'http://told:9080/', count: 3 });
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
});
after(() => mesh.stop());

const page = (path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> => mesh.admin('asker', path, method);

test('readiness, server facts and the certificate are there', async () => {
  assert.equal(await page('/ready'), 'LIVE\n');
  const info = JSON.parse(await page('/server_info')) as {
    state: string;
    node: { id: string; metadata: Record<string, unknown> };
  };
  assert.equal(info.state, 'LIVE');
  assert.match(info.node.id, /^sidecar~127\.0\.0\.1~asker\.default~/);
  assert.equal(info.node.metadata['NAMESPACE'], 'default');
  const { certificates } = JSON.parse(await page('/certs')) as {
    certificates: { ca_cert: unknown[]; cert_chain: { subject_alt_names: unknown[] }[] }[];
  };
  assert.deepEqual(certificates[0]?.cert_chain[0]?.subject_alt_names, [
    { uri: 'spiffe://cluster.local/ns/default/sa/asker' },
  ]);
  assert.equal(certificates[0]?.ca_cert.length, 1);
});

test('the configuration is dumped without keys', async () => {
  const text = await page('/config_dump?include_eds');
  const dump = JSON.parse(text) as { configs: { '@type': string }[] };
  assert.ok(dump.configs.some((one) => one['@type'].endsWith('ListenersConfigDump')));
  assert.match(text, /outbound\|9080\|\|told\.default\.svc\.cluster\.local/);
  assert.doesNotMatch(text, /PRIVATE KEY/);
});

test('clusters, listeners and counters are those of the traffic', async () => {
  const clusters = await page('/clusters');
  assert.match(clusters, /outbound\|9080\|\|told\.default\.svc\.cluster\.local::127\.0\.0\.1:\d+::rq_success::3/);
  assert.match(clusters, /told\.default\.svc\.cluster\.local::127\.0\.0\.1:\d+::cx_total::[1-3]/);
  assert.match(await page('/listeners'), /127\.0\.0\.1_\d+::127\.0\.0\.1:\d+/);
  assert.match(await page('/stats?usedonly'), /upstream_rq_200: 3/);
  assert.match(await page('/stats/prometheus'), /istio_requests_total\{reporter="source"/);
});

test('log levels change, and what changes something needs POST', async () => {
  assert.match(await page('/logging?level=debug', 'POST'), /default: debug/);
  assert.match(await page('/quitquitquit'), /POST required/);
  assert.equal(await page('/ready'), 'LIVE\n');
});

test("the metrics port gives the application's metrics beside the proxy's", async () => {
  const { statusPort } = mesh.record('asker') as unknown as { statusPort: number };
  const answer = await callHttp({
    target: { host: '127.0.0.1', port: statusPort },
    method: 'GET',
    path: '/stats/prometheus',
    timeoutMs: 30_000,
  });
  assert.equal(answer?.status, 200);
  assert.match(answer?.body ?? '', /istio_build/);
});

test('a second workload of the same name is refused, and the first stays what it was', async () => {
  const again = await mesh.topsail('run', '--name', 'asker', '--capture', 'none', '--', 'true');
  assert.equal(again.status, 1);
  assert.match(again.stderr, /already runs in namespace default \(process \d+\).*--name/);
  assert.equal((await mesh.order('asker', { url: 'http://told:9080/' }))[0]?.status, 200);
});

test('POST /quitquitquit ends the workload as SIGTERM does', async () => {
  assert.equal(await page('/quitquitquit', 'POST'), 'OK\n');
  await until('its end', () => !mesh.process('asker').running);
});
