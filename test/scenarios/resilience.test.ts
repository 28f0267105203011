// What must not be noticed by traffic: rotating certificates, a control plane that is killed, and its restart.
// TOPSAIL_TEST_DATA_PLANE=envoy has Envoy carry it; TOPSAIL_TEST_LONG=1 runs the long forms: 3 minutes of rotating 30 s certificates, 60 s without a control plane.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { demoCertificateSecret } from '../../src/main/demo-certificate.ts';
import { type FlowEnd, seed, startMesh, type TestMesh } from '../mesh/mesh.ts';
import { callPlain } from '../mesh/plain-calls.ts';

const PLANE = process.env['TOPSAIL_TEST_DATA_PLANE'] === 'envoy' ? 'envoy' : 'topsail';
const LONG = (process.env['TOPSAIL_TEST_LONG'] ?? '') !== '';
/** On Envoy the short form leaves out what the proxy has the least part in. */
const onlyLong = PLANE === 'envoy' && !LONG ? 'TOPSAIL_TEST_LONG=1 runs it on Envoy' : false;
const PER_SECOND = 50;
const WORKLOADS = [{ app: 'frontend' }, { app: 'reviews', version: 'v1' }, { app: 'reviews', version: 'v2' }];

function clean(end: FlowEnd, atLeast: number): void {
  assert.deepEqual(end.failures.slice(0, 3), [], `${end.failures.length} of ${end.sent} failed`);
  assert.equal(end.done, end.sent);
  assert.ok(end.sent >= atLeast, `only ${end.sent} were sent`);
}

describe('certificates of a short life', () => {
  const life = LONG ? 30 : 12;
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh({
      dataPlane: PLANE,
      workloads: WORKLOADS,
      discoveryEnv: { MAX_WORKLOAD_CERT_TTL: `${life}s` },
    });
  });
  after(() => mesh.stop());

  test('they rotate under load and no request fails', async () => {
    const seconds = LONG ? 180 : 20;
    await mesh.startFlow('frontend', { id: 'load', url: 'http://reviews:9080/', perSecond: PER_SECOND });
    await sleep(seconds * 1000);
    const end = await mesh.stopFlow('frontend', 'load');
    const renewed = mesh.process('reviews-v1').log().split('certificate in force').length - 1;
    assert.ok(
      renewed >= Math.floor(seconds / life) + 1,
      `renewed ${renewed} times:\n${mesh.process('reviews-v1').tail()}`,
    );
    clean(end, (seconds - 3) * PER_SECOND * 0.8);
  });

  test("both ends' access logs name both identities", async () => {
    await mesh.order('frontend', { url: 'http://reviews:9080/who' });
    await sleep(1200);
    const frontend = 'spiffe://cluster.local/ns/default/sa/frontend';
    const reviews = 'spiffe://cluster.local/ns/default/sa/reviews';
    const sent = mesh
      .process('frontend')
      .accessLog()
      .find((line) => line['path'] === '/who');
    assert.equal(sent?.['upstream_identity'], reviews);
    const taken = [...mesh.process('reviews-v1').accessLog(), ...mesh.process('reviews-v2').accessLog()].find(
      (line) => line['path'] === '/who',
    );
    assert.equal(taken?.['downstream_identity'], frontend);
    assert.equal(taken?.['local_identity'], reviews);
  });
});

describe("the gateway's certificate", { skip: onlyLong }, () => {
  const gateway = (credential: string): string => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: shop, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers:
  - port: { number: 443, name: https, protocol: HTTPS }
    tls: { mode: SIMPLE, credentialName: ${credential} }
    hosts: [shop.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec:
  hosts: [shop.example]
  gateways: [shop]
  http: [{ route: [{ destination: { host: frontend } }] }]
`;
  const secret = (name: string): string => demoCertificateSecret(name, 'istio-system', ['shop.example'], Date.now());
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh({
      dataPlane: PLANE,
      gateway: true,
      workloads: [{ app: 'frontend' }],
      config: [gateway('one'), secret('one')],
    });
  });
  after(() => mesh.stop());

  test('is renewed, and named otherwise, under new connections all the time, and none fails', async () => {
    const ask = { port: mesh.gatewayHttpsPort, sni: 'shop.example', headers: { host: 'shop.example' } };
    const seen = new Set<string>();
    const failed: string[] = [];
    const edits: string[] = [];
    let over = false;
    const load = (async () => {
      while (!over) {
        const answer = await callPlain(ask);
        if (answer.status === 200) seen.add(answer.fingerprint);
        else failed.push(`${Date.now()} ${answer.status} ${answer.problem}`);
        await sleep(5);
      }
    })();
    for (const text of [
      secret('one'),
      secret('two'),
      gateway('two'),
      secret('two'),
      gateway('one'),
      gateway('two'),
      secret('one'),
      gateway('one'),
    ]) {
      edits.push(`${Date.now()} ${/kind: (\w+)/.exec(text)?.[1]} ${/(?:credentialName|name): (\w+)/.exec(text)?.[1]}`);
      await mesh.apply(text);
      await sleep(500);
    }
    over = true;
    await load;
    assert.deepEqual(
      failed,
      [],
      `${failed.join('\n')}\nthe edits:\n${edits.join('\n')}\n${mesh.process('istio-ingressgateway').tail()}`,
    );
    assert.ok(seen.size >= 4, `${seen.size} certificates were seen`);
  });
});

describe('without a control plane', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh({
      dataPlane: PLANE,
      workloads: WORKLOADS,
      config: [
        'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: reviews }\nspec:\n  host: reviews\n  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]\n',
      ],
    });
  });
  after(() => mesh.stop());

  test('traffic goes on while it is dead and when it is back', async () => {
    const seconds = LONG ? 60 : 8;
    await mesh.apply(readFileSync(seed('03'), 'utf8'));
    await mesh.startFlow('frontend', { id: 'load', url: 'http://reviews:9080/', perSecond: PER_SECOND });
    await mesh.process('istiod').stop('SIGKILL');
    await sleep(seconds * 1000);
    await mesh.restartControlPlane();
    await connected(mesh, WORKLOADS.length);
    await sleep(2000);
    clean(await mesh.stopFlow('frontend', 'load'), seconds * PER_SECOND * 0.8);
  });

  test('a restarted control plane gives every proxy what it had', { skip: onlyLong }, async () => {
    const parts = ['listeners', 'routes', 'clusters', 'endpoints'];
    const dump = async (): Promise<string> => {
      const config = await mesh.api<Record<string, unknown[]>>('GET', '/api/v1/proxies/frontend.default/config');
      return JSON.stringify(
        parts.map((part) => [part, [...(config[part] ?? [])].map((one) => JSON.stringify(one)).sort()]),
      );
    };
    const earlier = await dump();
    assert.match(earlier, /outbound\|9080\|v2\|reviews/);
    await mesh.process('istiod').stop('SIGKILL');
    await mesh.restartControlPlane();
    await connected(mesh, WORKLOADS.length);
    assert.equal(await dump(), earlier);
  });

  test('what a quarantined document had before stays in force across a restart', { skip: onlyLong }, async () => {
    const bad =
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: reviews }\nspec:\n  hosts: [reviews]\n  http: [{ route: [{ destination: { host: reviews, subset: v1 }, weight: many }] }]\n';

    writeFileSync(`${mesh.home}/config/default/VirtualService.reviews.yaml`, bad);
    for (
      const end = Date.now() + 5000;
      (await mesh.object('VirtualService', 'reviews'))?.state !== 'lastGood';
      await sleep(50)
    )
      assert.ok(Date.now() < end, 'the bad document is quarantined');
    await mesh.process('istiod').stop('SIGKILL');
    await mesh.restartControlPlane();
    await connected(mesh, WORKLOADS.length);
    assert.equal((await mesh.object('VirtualService', 'reviews'))?.state, 'lastGood');
    const answers = await mesh.order('frontend', { url: 'http://reviews:9080/', count: 300, concurrency: 8 });
    const v2 = answers.filter((one) => one.version === 'v2').length;
    assert.ok(v2 > 5 && v2 < 70, `${v2} of 300 went to v2: a tenth is in force`);
  });
});

async function connected(mesh: TestMesh, count: number): Promise<void> {
  for (const end = Date.now() + 15_000; ; await sleep(50)) {
    const proxies = await mesh.proxies();
    if (
      proxies.length === count &&
      proxies.every((one) => Object.values(one.types).every((state) => state !== 'STALE' && state !== 'REJECTED'))
    )
      return;
    assert.ok(Date.now() < end, `not everybody came back: ${JSON.stringify(proxies)}\n${mesh.logs()}`);
  }
}
