// What nothing in the mesh declares, from a captured program that knows nothing of a mesh: tap names the service that was
// meant, by the address that the program went to, where it may go on and where it is stopped.
import { after, before, test } from 'node:test';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

const MEANT = 'port 9999 is none of reviews.default.svc.cluster.local (9080): add it to the Service';
const ONLY_DECLARED = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: only-declared, namespace: default }
spec: { outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
`;

let mesh: TestMesh;
before(async () => {
  mesh = await startMesh({ capture: 'userns', workloads: [{ app: 'frontend' }, { app: 'reviews' }] });
});
after(() => mesh?.stop());

/** What tap says of calls to a port that the service does not have; they are repeated until it does. */
async function toldOf(name: string): Promise<string> {
  let said = '';
  const tapped = mesh.topsail('tap', 'frontend', '--max', '1').then(({ stdout }) => (said = stdout));
  await until(`tap of ${name}`, async () => {
    // The record comes when the connection ends: its client gives up soon.
    await mesh.order('frontend', { url: 'http://reviews:9999/', headers: { connection: 'close' }, timeoutMs: 2_000 });
    return said !== '';
  });
  await tapped;
  return said;
}

for (const [name, config] of [
  ['PassthroughCluster', undefined],
  ['BlackHoleCluster', ONLY_DECLARED],
] as const)
  test(`a port that its service does not have is told as ${name}, with the service`, async () => {
    if (config !== undefined) await mesh.apply(config);
    let said = '';
    await until(
      () => said,
      async () => (said = await toldOf(name)).includes(`${name}: ${MEANT}`),
    );
    let edges = '';
    await until(
      () => edges,
      async () => {
        await mesh.order('frontend', { url: 'http://reviews:9999/', timeoutMs: 2_000 });
        edges = (await mesh.topsail('edges')).stdout;
        return new RegExp(`^frontend +${name} `, 'm').test(edges);
      },
    );
  });
