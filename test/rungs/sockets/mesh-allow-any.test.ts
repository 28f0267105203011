// ALLOW_ANY in interception mode NONE: what no service stands for is looked up, and reached through the forward proxy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMesh } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';
import { startApp } from './proxy-fixture.ts';

const ANY =
  'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: "accessLogFile: /dev/stdout" }\n';

test('a workload reaches hosts outside of the mesh', async (t) => {
  const outside = await startApp((_, response) => response.end('outside'));
  const mesh = await startMesh({ workloads: [{ app: 'goer' }], config: [ANY] });
  t.after(async () => (outside.close(), await mesh.stop()));
  const answers = await mesh.order('goer', { url: `http://localhost:${outside.port}/`, bodies: true });
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    [[200, 'outside']],
  );
  let edges = '';
  // Told when the client lets its tunnel go.
  await until(
    () => edges,
    async () => (edges = (await mesh.topsail('edges')).stdout).includes('PassthroughCluster'),
  );
});
