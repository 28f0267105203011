// Who asked whom, over real processes: metrics of both proxies, and one edge told by both ends.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callHttp } from '#io';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

let mesh: TestMesh;

before(async () => {
  mesh = await startMesh({ workloads: [{ app: 'asker' }, { app: 'told', version: 'v1' }] });
  const answers = await mesh.order('asker', { url: 'http://told:9080/', count: 5 });
  assert.deepEqual(
    answers.map((one) => one.status),
    [200, 200, 200, 200, 200],
    JSON.stringify(answers),
  );
});
after(() => mesh.stop());

const series = async (workload: string, reporter: string): Promise<string> => {
  const text = await mesh.admin(workload, '/stats/prometheus');
  return (
    text
      .split('\n')
      .find(
        (line) =>
          line.startsWith(`istio_requests_total{reporter="${reporter}"`) &&
          line.includes('destination_workload="told-v1"'),
      ) ?? text
  );
};

test('the caller counts under its own name and principal', async () => {
  let line = '';
  await until(
    () => line,
    async () => / 5$/.test((line = await series('asker', 'source'))),
  );
  assert.match(line, /source_workload="asker"/);
  assert.match(line, /source_principal="spiffe:\/\/cluster\.local\/ns\/default\/sa\/asker"/);
  assert.match(line, /destination_principal="spiffe:\/\/cluster\.local\/ns\/default\/sa\/told"/);
  assert.match(line, /response_code="200".* 5$/);
});

test('the callee knows who asked, and by mutual TLS', async () => {
  const line = await series('told-v1', 'destination');
  assert.match(line, /source_workload="asker"/);
  assert.match(line, /source_canonical_service="asker"/);
  assert.match(line, /destination_service="told\.default\.svc\.cluster\.local"/);
  assert.match(line, /connection_security_policy="mutual_tls"/);
});

test('both tell of one edge, and the application saw no metadata', async () => {
  let edges: Awaited<ReturnType<TestMesh['edges']>> = [];
  await until(
    () => JSON.stringify(edges),
    async () => {
      edges = (await mesh.edges()).filter((edge) => edge.destination === 'told-v1');
      return edges.length === 1 && edges[0]?.source === 'asker' && edges[0].mtls === 1;
    },
  );
  const [answer] = await mesh.order('asker', { url: 'http://told:9080/', bodies: true });
  assert.doesNotMatch(`${answer?.body} ${JSON.stringify(answer?.headers)}`, /x-envoy-peer-metadata/);
});

test('the control plane counts what it pushed, signed, and how long proxies took', async () => {
  let text = '';
  // Proxies tell a little later what they took.
  await until(
    () => text,
    async () => {
      const answer = await callHttp({
        target: { host: '127.0.0.1', port: (mesh.run as unknown as { monitoringPort: number }).monitoringPort },
        method: 'GET',
        path: '/metrics',
        timeoutMs: 30_000,
      });
      text = answer?.body ?? '';
      return /^pilot_proxy_convergence_time_count [1-9]/m.test(text);
    },
  );
  assert.match(text, /^pilot_xds\{version="[^"]+"\} 2$/m);
  assert.match(text, /^pilot_xds_pushes\{type="lds"\} [1-9]/m);
  assert.match(text, /^citadel_server_success_cert_issuance_count [1-9]/m);
  assert.match(text, /^citadel_server_root_cert_expiry_timestamp \d{10}$/m);
});
