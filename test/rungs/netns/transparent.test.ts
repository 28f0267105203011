// Interception mode TPROXY: an application behind its proxy sees the addresses of its clients, over real rules and sockets.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { findEnvoy } from '../../../src/main/find-envoy.ts';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { type Called, PodBed } from './pod-bed.ts';

const CLIENT = ['10.66.0.10', 'fd00:66::10'] as const;
const SERVERS = { topsail: ['10.66.0.20', 'fd00:66::20'], envoy: ['10.66.0.30', 'fd00:66::30'] } as const;
const PLAIN = ['10.66.0.40', 'fd00:66::40'] as const;

const config = Object.entries(SERVERS)
  .map(
    ([name, [v4, v6]], i) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec:
  selector: { app: ${name} }
  clusterIP: 10.96.0.${i + 1}
  clusterIPs: [10.96.0.${i + 1}, "fd00:96::${i + 1}"]
  ports: [{ name: http, port: 80, targetPort: 8080 }, { name: tcp, port: 8080, targetPort: 8080 }]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}-4, namespace: default }
spec: { address: ${v4}, labels: { app: ${name} }, serviceAccount: ${name} }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}-6, namespace: default }
spec: { address: "${v6}", labels: { app: ${name} }, serviceAccount: ${name} }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: default }
spec:
  selector: { matchLabels: { app: ${name} } }
  action: DENY
  rules: [{ from: [{ source: { ipBlocks: [${CLIENT[0]}, "${CLIENT[1]}"] } }], to: [{ operation: { paths: [/blocked] } }] }]
`,
  )
  .join('---\n');

const skip = process.getuid?.() === 0 ? false : 'needs root';

describe('a proxy that stands in the way without being seen', { skip }, () => {
  let mesh: TestMesh;
  let bed: PodBed;
  const planes = (['topsail', 'envoy'] as const).filter((one) => one === 'topsail' || findEnvoy() !== undefined);
  before(async () => {
    mesh = await startMesh({ workloads: [], config: [config] });
    bed = new PodBed(mesh);
    await bed.start();
    await Promise.all([
      bed.add({ name: 'client', addresses: CLIENT, listens: ['0.0.0.0'] }),
      bed.add({ name: 'plain', addresses: PLAIN, listens: ['0.0.0.0'], meshed: false }),
      ...planes.map((name) =>
        bed.add({
          name,
          addresses: SERVERS[name],
          listens: ['0.0.0.0', '::'],
          dataPlane: name,
          plan: { transparent: true },
          env: { ISTIO_META_INTERCEPTION_MODE: 'TPROXY' },
        }),
      ),
    ]);
  });
  after(async () => {
    bed?.stop();
    await mesh?.stop();
  });

  const reached = async (pod: string, url: string): Promise<Called> => {
    const answer = await bed.call(pod, url);
    assert.ok(
      typeof answer === 'object',
      `${pod} → ${url}: ${String(answer)}\n${planes.map((one) => bed.said(one)).join('\n')}`,
    );
    return answer;
  };

  for (const [i, name] of planes.entries()) {
    const [v4, v6] = SERVERS[name];

    test(`${name}: a client of the mesh is seen by its own address, over mutual TLS`, async () => {
      // Which of the two addresses of the server is taken is the client's proxy's choice.
      const sameFamily = (at: string): string => (at === v4 ? CLIENT[0] : CLIENT[1]);
      for (let n = 0; n < 5; n++) {
        for (const port of [80, 8080]) {
          const { from, at } = await reached('client', `http://10.96.0.${i + 1}:${port}/`);
          assert.equal(from, sameFamily(at));
        }
      }
      const { peer } = await reached('client', `http://10.96.0.${i + 1}/`);
      assert.match(peer ?? '', /sa\/client/);
    });

    test(`${name}: so is one of neither mesh nor IPv4`, async () => {
      for (const [from, at] of [
        [PLAIN[0], v4],
        [PLAIN[1], v6],
      ] as const)
        assert.equal((await reached('plain', `http://${at.includes(':') ? `[${at}]` : at}:8080/`)).from, from);
    });

    test(`${name}: the application's calls to its own service go through the proxy`, async () => {
      for (const url of [`http://10.96.0.${i + 1}/`, `http://[fd00:96::${i + 1}]:8080/`]) {
        const { from, at } = await reached(name, url);
        assert.deepEqual([at === v4 || at === v6, from], [true, at], url);
      }
    });

    test(`${name}: policies judge, and health is told`, async () => {
      assert.equal(await bed.call('client', `http://10.96.0.${i + 1}/blocked`), 403);
      for (const at of [v4, `[${v6}]`])
        assert.equal(bed.inside('plain', ['curl', '-gsf', '-m', '60', `http://${at}:15021/healthz/ready`]), '');
    });
  }
});
