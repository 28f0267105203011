// What must not be noticed by traffic: rotating certificates, a control plane that is killed, and its restart.
// TOPSAIL_TEST_DATA_PLANE=envoy has Envoy carry it; TOPSAIL_TEST_LONG=1 runs the long forms: 3 minutes of rotating certificates, 60 s without a control plane.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { demoCertificateSecret } from '../../src/main/demo-certificate.ts';
import { type FlowEnd, seed, startMesh, type TestMesh, type WorkloadAsk, workloadName } from '../mesh/mesh.ts';
import { callPlain } from '../mesh/plain-calls.ts';
import { until } from '../mesh/until.ts';
import { judgeShare } from './judge-share.ts';

const PLANE = process.env['TOPSAIL_TEST_DATA_PLANE'] === 'envoy' ? 'envoy' : 'topsail';
const LONG = (process.env['TOPSAIL_TEST_LONG'] ?? '') !== '';
/** On Envoy the short form leaves out what the proxy has the least part in. */
const onlyLong = PLANE === 'envoy' && !LONG ? 'TOPSAIL_TEST_LONG=1 runs it on Envoy' : false;
const PER_SECOND = 50;
const WORKLOADS: readonly WorkloadAsk[] = [
  { app: 'frontend' },
  { app: 'reviews', version: 'v1' },
  { app: 'reviews', version: 'v2' },
];

/** How many a busy machine comes to send says nothing. */
function clean(end: FlowEnd): void {
  assert.deepEqual(end.failures.slice(0, 3), [], `${end.failures.length} of ${end.sent} failed`);
  assert.equal(end.done, end.sent);
  assert.ok(end.sent > 0, 'nothing was sent');
}

describe('certificates of a short life', () => {
  /** Half of it is left when the next one comes. */
  const life = LONG ? 30 : 20;
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
    // The first, and one for every half of a life.
    const wanted = LONG ? 12 : 3;
    await mesh.startFlow('frontend', { id: 'load', url: 'http://reviews:9080/', perSecond: PER_SECOND });
    for (const ask of WORKLOADS) {
      const one = mesh.process(workloadName(ask));
      const renewed = (): number => one.log().split('certificate in force').length - 1;
      await until(
        () => `${renewed()} of ${wanted} certificates:\n${one.tail()}`,
        () => renewed() >= wanted,
        300_000,
      );
    }
    clean(await mesh.stopFlow('frontend', 'load'));
  });

  test("both ends' access logs name both identities", async () => {
    await mesh.order('frontend', { url: 'http://reviews:9080/who' });
    const frontend = 'spiffe://cluster.local/ns/default/sa/frontend';
    const reviews = 'spiffe://cluster.local/ns/default/sa/reviews';
    const lineOf = (...names: string[]) =>
      names.flatMap((name) => mesh.process(name).accessLog()).find((line) => line['path'] === '/who');
    await until(
      'both lines',
      () => lineOf('frontend') !== undefined && lineOf('reviews-v1', 'reviews-v2') !== undefined,
    );
    const sent = lineOf('frontend');
    assert.equal(sent?.['upstream_identity'], reviews);
    const taken = lineOf('reviews-v1', 'reviews-v2');
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
    let seen = '';
    const failed: string[] = [];
    const edits: string[] = [];
    let over = false;
    const load = (async () => {
      while (!over) {
        const answer = await callPlain(ask);
        if (answer.status === 200) seen = answer.fingerprint;
        else failed.push(`${Date.now()} ${answer.status} ${answer.problem}`);
        await sleep(5);
      }
    })();
    const newest: Record<string, string> = { one: '', two: '' };
    let named = 'one';
    try {
      for (const [kind, name] of [
        ['secret', 'one'],
        ['secret', 'two'],
        ['gateway', 'two'],
        ['secret', 'two'],
        ['gateway', 'one'],
        ['gateway', 'two'],
        ['secret', 'one'],
        ['gateway', 'one'],
      ] as const) {
        edits.push(`${Date.now()} ${kind} ${name}`);
        const text = kind === 'secret' ? secret(name) : gateway(name);
        if (kind === 'secret') newest[name] = fingerprintOf(text);
        else named = name;
        await mesh.apply(text);
        await until(`the certificate after ${edits.at(-1)}`, () => failed.length > 0 || seen === newest[named]);
      }
    } finally {
      over = true;
      await load;
    }
    assert.deepEqual(
      failed,
      [],
      `${failed.join('\n')}\nthe edits:\n${edits.join('\n')}\n${mesh.process('istio-ingressgateway').tail()}`,
    );
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
    clean(await mesh.stopFlow('frontend', 'load'));
  });

  test('a restarted control plane gives every proxy what it had', { skip: onlyLong }, async () => {
    const parts = ['listeners', 'routes', 'clusters', 'endpoints'];
    const dump = async (): Promise<string> => {
      const config = await mesh.api<Record<string, unknown[]>>('GET', '/api/v1/proxies/frontend.default/config');
      return JSON.stringify(
        parts.map((part) => [part, [...(config[part] ?? [])].map((one) => JSON.stringify(one)).sort()]),
      );
    };
    // It came back for the test before this one, too.
    await mesh.settled();
    const earlier = await dump();
    assert.match(earlier, /outbound\|9080\|v2\|reviews/);
    await mesh.process('istiod').stop('SIGKILL');
    await mesh.restartControlPlane();
    await connected(mesh, WORKLOADS.length);
    // Workloads tell of themselves again one after another.
    let now = '';
    await until(
      () => `what it had:\n${earlier}\nand has:\n${now}`,
      async () => (now = await dump()) === earlier,
    );
  });

  test('what a quarantined document had before stays in force across a restart', { skip: onlyLong }, async () => {
    const bad =
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: reviews }\nspec:\n  hosts: [reviews]\n  http: [{ route: [{ destination: { host: reviews, subset: v1 }, weight: many }] }]\n';

    writeFileSync(`${mesh.home}/config/default/VirtualService.reviews.yaml`, bad);
    await until(
      'the bad document is quarantined',
      async () => (await mesh.object('VirtualService', 'reviews'))?.state === 'lastGood',
    );
    await mesh.process('istiod').stop('SIGKILL');
    await mesh.restartControlPlane();
    await connected(mesh, WORKLOADS.length);
    assert.equal((await mesh.object('VirtualService', 'reviews'))?.state, 'lastGood');
    // A tenth is in force.
    await judgeShare({
      percent: 10,
      points: 7,
      first: 300,
      draw: async (count) => {
        const answers = await mesh.order('frontend', { url: 'http://reviews:9080/', count, concurrency: 8 });
        return answers.filter((one) => one.version === 'v2').length;
      },
    });
  });
});

async function connected(mesh: TestMesh, count: number): Promise<void> {
  let seen = '';
  await until(
    () => `not everybody came back: ${seen}\n${mesh.logs()}`,
    async () => {
      const proxies = await mesh.proxies();
      seen = JSON.stringify(proxies);
      return (
        proxies.length === count &&
        proxies.every((one) => Object.values(one.types).every((state) => state !== 'STALE' && state !== 'REJECTED'))
      );
    },
  );
}

/** As a client prints that of the certificate in a Secret. */
function fingerprintOf(secret: string): string {
  const [, certificate = ''] = /tls\.crt: (\S+)/.exec(secret) ?? [];
  return new X509Certificate(Buffer.from(certificate, 'base64')).fingerprint256;
}
