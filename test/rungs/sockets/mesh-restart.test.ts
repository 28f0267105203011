// A restarted control plane translates the same: what was last good, and what routes refer to, is input and not memory.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';

const rule = (subsets: readonly string[]): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: kept, namespace: default }
spec:
  host: kept
  subsets:
${subsets.map((v) => `  - { name: ${v}, labels: { version: ${v} } }`).join('\n')}
`;
const ROUTE = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: kept, namespace: default }
spec:
  hosts: [kept]
  http:
  - route: [{ destination: { host: kept, subset: v2 } }]
`;

let mesh: TestMesh;
before(async () => {
  mesh = await startMesh({
    workloads: [{ app: 'restarter' }, { app: 'kept', version: 'v1' }, { app: 'kept', version: 'v2' }],
  });
});
after(() => mesh.stop());

async function versions(): Promise<string> {
  const answers = await mesh.order('restarter', { url: 'http://kept:9080/', count: 8, concurrency: 1 });
  return [...new Set(answers.map((one) => `${one.status} ${one.version}`))].join();
}

test('a subset that a route refers to keeps its former meaning, over a restart too', async () => {
  await mesh.apply(rule(['v1', 'v2']));
  await mesh.apply(ROUTE);
  assert.equal(await versions(), '200 v2');
  await mesh.apply(rule(['v1']));
  assert.equal(await versions(), '200 v2', 'removed under a route: the former cluster stays');
  await mesh.process('istiod').stop('SIGKILL');
  assert.equal(await versions(), '200 v2', 'without a control plane');
  await mesh.restartControlPlane();
  await mesh.apply(`apiVersion: v1\nkind: Namespace\nmetadata: { name: other }\n`);
  assert.equal(await versions(), '200 v2', 'with the new one');
  assert.match(JSON.stringify(await mesh.object('VirtualService', 'kept')), /v2/);
});
