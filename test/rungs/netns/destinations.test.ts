// Where captured connections of TCP go that no address of a service names: ranges of ServiceEntries and pods of headless
// services; and until when.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { findEnvoy } from '../../../src/main/find-envoy.ts';
import { startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { PodBed } from './pod-bed.ts';

const CLIENTS = { topsail: '10.67.0.10', envoy: '10.67.0.11' };
const NEAR = '10.67.0.40';
const FAR = '10.67.0.50';
/** As injection has it for a proxy that ends together with its application, but longer than any machine is slow. */
const STAYS = { MINIMUM_DRAIN_DURATION: '600s' };
const STORES = { first: '10.67.0.20', second: '10.67.0.30' };

const store = (name: keyof typeof STORES): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec: { selector: { app: ${name} }, clusterIP: None, ports: [{ name: tcp, port: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: default }
spec: { address: ${STORES[name]}, labels: { app: ${name} }, serviceAccount: ${name} }
---`;

/** Its address lies in a range of another. */
const WEB = '10.99.1.5';
const web = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { selector: { app: first }, clusterIP: ${WEB}, ports: [{ name: http, port: 7001, targetPort: 8080 }] }
---`;

const range = (name: string, more: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: default }
spec: { hosts: [${name}.example.com], ${more} }
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
---${store('first')}${store('second')}${web}
${range('near', `addresses: [${NEAR}/30], resolution: NONE, ports: [{ number: 8080, name: tcp, protocol: TCP }]`)}
${range('far', `addresses: [10.99.0.0/16], resolution: STATIC, endpoints: [{ address: ${FAR} }], ports: [{ number: 7000, name: tcp, protocol: TCP, targetPort: 8080 }, { number: 7001, name: more, protocol: TCP, targetPort: 8080 }]`)}
${range('web', 'resolution: NONE, ports: [{ number: 8080, name: http, protocol: HTTP }]')}
`;

describe('captured TCP', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  let mesh: TestMesh;
  let bed: PodBed;
  const planes = ['topsail', ...(findEnvoy() === undefined ? [] : ['envoy' as const])] as const;
  before(async () => {
    mesh = await startMesh({ workloads: [], config: [CONFIG] });
    bed = new PodBed(mesh);
    await bed.start();
    await Promise.all([
      ...planes.map((name) =>
        bed.add({ name, addresses: [CLIENTS[name]], listens: ['0.0.0.0'], dataPlane: name, env: STAYS }),
      ),
      bed.add({ name: 'first', addresses: [STORES.first], listens: ['0.0.0.0'] }),
      bed.add({ name: 'second', addresses: [STORES.second], listens: ['0.0.0.0'] }),
      bed.add({ name: 'near', addresses: [NEAR], listens: ['0.0.0.0'], meshed: false }),
      bed.add({ name: 'far', addresses: [FAR], listens: ['0.0.0.0'], meshed: false }),
    ]);
  });
  after(async () => {
    bed?.stop();
    await mesh?.stop();
  });

  for (const plane of ['topsail', 'envoy'] as const) {
    const skip = (planes as readonly string[]).includes(plane) ? false : 'there is no Envoy here';
    const at = async (url: string): Promise<string | number> => {
      const answer = await bed.call(plane, url);
      return typeof answer === 'number' ? answer : answer.at;
    };

    test(`${plane}: what lies in a range of a ServiceEntry is reached as it is, or by its endpoints`, {
      skip,
    }, async () => {
      assert.equal(await at(`http://${NEAR}:8080/`), NEAR, bed.said(plane));
      assert.equal(await at('http://10.99.7.7:7000/'), FAR, bed.said(plane));
    });

    test(`${plane}: an HTTP service whose address lies in a range of another is reached all the same`, {
      skip,
    }, async () => {
      assert.equal(await at(`http://${WEB}:7001/`), STORES.first, bed.said(plane));
    });

    test(`${plane}: what lies in none is not`, { skip }, async () => {
      assert.equal(await at(`http://${FAR}:7000/`), 0);
      assert.equal(await at('http://10.98.7.7:7000/'), 0);
    });

    test(`${plane}: pods of two headless services with one port are reached by the identities of each`, {
      skip,
    }, async () => {
      for (const address of Object.values(STORES))
        assert.equal(await at(`http://${address}:8080/`), address, bed.said(plane));
    });
  }

  test('an application that ends still goes out by its proxy, which was told to end at the same time', async () => {
    await bed.tellToEnd('topsail');
    const answer = await bed.call('topsail', `http://${NEAR}:8080/`);
    assert.equal(typeof answer === 'number' ? answer : answer.at, NEAR, bed.said('topsail'));
  });
});
