// Pods with IPv4, IPv6 and both, over real sockets, rules and certificates: nobody's traffic goes past its proxy, or nowhere.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { findEnvoy } from '../../../src/main/find-envoy.ts';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';
import { type Called, PodBed } from './pod-bed.ts';

const DUAL = ['10.66.0.10', 'fd00:66::10'] as const;
const SIX = 'fd00:66::20';
const FOUR = '10.66.0.30';
const PLAIN = ['10.66.0.40', 'fd00:66::40'] as const;

const entry = (name: string, address: string): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}-${address.includes(':') ? '6' : '4'}, namespace: default }
spec: { address: "${address}", labels: { app: ${name} }, serviceAccount: ${name} }
---`;

const service = (name: string, ips: readonly string[]): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec:
  selector: { app: ${name} }
  clusterIP: "${ips[0]}"
  clusterIPs: [${ips.map((one) => `"${one}"`).join(', ')}]
  ports: [{ name: http, port: 80, targetPort: 8080 }, { name: tcp, port: 8080, targetPort: 8080 }]
---`;

const CONFIG = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: default }
spec: { mtls: { mode: STRICT } }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: default }
spec: { outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
---${service('six', ['fd00:96::20'])}${service('four', ['10.96.0.30', 'fd00:96::30'])}${service('dual', ['10.96.0.10', 'fd00:96::10'])}
${entry('six', SIX)}${entry('four', FOUR)}${entry('dual', DUAL[0])}${entry('dual', DUAL[1])}
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: allocated, namespace: default }
spec:
  hosts: [six.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  workloadSelector: { labels: { app: six } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: six, namespace: default }
spec:
  selector: { matchLabels: { app: six } }
  action: DENY
  rules:
  - from: [{ source: { ipBlocks: ["fd00:66::10/128"] } }]
    to: [{ operation: { paths: [/blocked] } }]
`;

const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

type Plane = 'topsail' | 'envoy';
/** Of the pods of both families, of IPv6 and of IPv4. */
const PLANES: readonly (readonly [Plane, Plane, Plane])[] = [
  ['topsail', 'envoy', 'envoy'],
  ...(process.env['TOPSAIL_TEST_LONG'] === '1'
    ? ([
        ['topsail', 'topsail', 'topsail'],
        ['envoy', 'envoy', 'envoy'],
      ] as const)
    : []),
];

for (const [both, v6, v4] of PLANES) {
  const skip =
    needsRoot || ([both, v6, v4].includes('envoy') && findEnvoy() === undefined ? 'there is no Envoy here' : false);
  describe(`pods of both families with ${both}, of IPv6 with ${v6}, of IPv4 with ${v4}`, { skip }, () => {
    let mesh: TestMesh;
    let bed: PodBed;
    before(async () => {
      mesh = await startMesh({ workloads: [], config: [CONFIG] });
      bed = new PodBed(mesh);
      await bed.start();
      await Promise.all([
        bed.add({
          name: 'dual',
          addresses: DUAL,
          listens: ['0.0.0.0', '::'],
          dataPlane: both,
          plan: { excludeOutboundRanges: [`${PLAIN[1]}/128`] },
        }),
        bed.add({ name: 'six', addresses: [SIX], listens: ['::'], dataPlane: v6 }),
        bed.add({ name: 'four', addresses: [FOUR], listens: ['0.0.0.0'], dataPlane: v4 }),
        bed.add({ name: 'plain', addresses: PLAIN, listens: ['0.0.0.0', '::'], meshed: false }),
      ]);
    });
    after(async () => {
      bed?.stop();
      await mesh?.stop();
    });

    const reached = async (pod: string, url: string): Promise<Called> => {
      const answer = await bed.call(pod, url);
      assert.ok(typeof answer === 'object', `${pod} → ${url}: ${String(answer)}\n${bed.said(pod)}`);
      return answer;
    };

    const places = async (pod: string, url: string): Promise<readonly string[]> => {
      const { host, from, at } = await reached(pod, url);
      return [host, from, at];
    };

    test('an application on :: alone is reached over mutual TLS', async () => {
      assert.deepEqual(await places('dual', 'http://[fd00:96::20]/'), ['::', '::6', SIX]);
      const { peer = '' } = await reached('dual', 'http://[fd00:96::20]/');
      assert.match(peer, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/dual/);
    });

    test('so is one on 0.0.0.0 alone, by the IPv6 address of its service too', async () => {
      for (const url of ['http://10.96.0.30/', 'http://[fd00:96::30]/', 'http://[fd00:96::30]:8080/'])
        assert.deepEqual(await places('dual', url), ['0.0.0.0', '127.0.0.6', FOUR], url);
    });

    test('pods of one family reach one of both by the address that they have a way to', async () => {
      assert.deepEqual(await places('six', 'http://[fd00:96::10]/'), ['::', '::6', DUAL[1]]);
      assert.deepEqual(await places('six', 'http://[fd00:96::10]:8080/'), ['::', '::6', DUAL[1]]);
      assert.deepEqual(await places('four', 'http://10.96.0.10/'), ['0.0.0.0', '127.0.0.6', DUAL[0]]);
    });

    test('an application that calls itself by its service goes through its own proxy', async () => {
      assert.deepEqual(await places('six', 'http://[fd00:96::20]/'), ['::', '::6', SIX]);
    });

    const ours = (pod: string): boolean => ({ dual: both, six: v6, four: v4 })[pod] === 'topsail';
    const asking = ['dual', 'six', 'four'].filter(ours);
    test('names have AAAA records, a host of a ServiceEntry one of its own', {
      skip: asking.length === 0,
    }, async () => {
      for (const pod of asking.filter((one) => one !== 'four'))
        for (const name of ['six', 'six.default', 'six.default.svc.cluster.local', 'six.example.com'])
          assert.deepEqual(await places(pod, `http://${name}/`), ['::', '::6', SIX], `${pod} → ${name}`);
      const found = (pod: string): string => bed.inside(pod, ['getent', 'ahosts', 'six.example.com']);
      for (const pod of asking) {
        assert.equal(/^2001:2::f0f0:[0-9a-f]+ /m.test(found(pod)), pod !== 'four', pod);
        assert.equal(/^240\.240\./m.test(found(pod)), pod !== 'six', pod);
      }
    });

    test('policies judge IPv6 addresses, and the log tells them', async () => {
      assert.equal(await bed.call('dual', 'http://[fd00:96::20]/blocked'), 403);
      assert.equal(typeof (await bed.call('six', 'http://[fd00:96::20]/blocked')), 'object');
      await until(
        () => bed.said('six'),
        () => bed.said('six').includes('[fd00:66::10]:'),
      );
    });

    test('what comes from outside the mesh is refused on IPv6 as on IPv4, what may go out goes', async () => {
      for (const to of [`[${SIX}]`, FOUR, DUAL[0], `[${DUAL[1]}]`])
        assert.equal(await bed.call('plain', `http://${to}:8080/`), 0, to);
      // REGISTRY_ONLY refuses what is captured; one address of the two is not.
      assert.equal(await bed.call('dual', `http://${PLAIN[0]}:8080/`), 0);
      assert.deepEqual(await places('dual', `http://[${PLAIN[1]}]:8080/`), ['::', DUAL[1], PLAIN[1]]);
    });

    test('health is told at the addresses of both families', async () => {
      for (const at of [`[${SIX}]`, FOUR, DUAL[0], `[${DUAL[1]}]`])
        for (const port of [15020, 15021])
          assert.equal(bed.inside('plain', ['curl', '-gsf', '-m', '60', `http://${at}:${port}/healthz/ready`]), '', at);
    });
  });
}
