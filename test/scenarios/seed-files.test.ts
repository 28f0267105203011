// Each file of examples/seed, applied as it is, does what its text says, measured over real requests between real
// processes; then all nine in order. TOPSAIL_TEST_CAPTURE=none,userns,netns chooses the capture tiers (default: none and the
// best that this machine allows),
// TOPSAIL_TEST_DATA_PLANE=topsail,envoy the proxies (default: topsail);
// TOPSAIL_TEST_LONG=1 waits out the files' own ejection times of 30 s instead of shortening them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseTier } from '../../src/main/capture-tier.ts';
import { demoCertificateSecret } from '../../src/main/demo-certificate.ts';
import { type Answer, type MeshAsk, seed, startMesh, type TestMesh } from '../mesh/mesh.ts';
import { callPlain } from '../mesh/plain-calls.ts';

const TIERS = (process.env['TOPSAIL_TEST_CAPTURE'] ?? bestTiers()).split(',') as NonNullable<MeshAsk['capture']>[];
const PLANES = (process.env['TOPSAIL_TEST_DATA_PLANE'] ?? 'topsail').split(',') as NonNullable<MeshAsk['dataPlane']>[];
const LONG = (process.env['TOPSAIL_TEST_LONG'] ?? '') !== '';
/** Of 2,000 draws, 2.5 points are at least 2.2 standard deviations for a half, 3.7 for a tenth: a half gets 4. */
const POINTS = 2.5;
const HALF_POINTS = 4.5;
const COUNT = 2000;
/** Envoy's timers count from when its loop last read the clock: some ms before the request was sent, more on a busy machine. */
const LATE_MS = 4900;
const SOON_MS = 4400;
const WARM_WITHIN_MS = 2000;

const subsets = (service: string, versions: readonly string[]): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: bookshop-${service}, namespace: default }
spec:
  host: ${service}
  subsets:
${versions.map((v) => `  - { name: ${v}, labels: { version: ${v} } }`).join('\n')}
`;

const WAY_IN = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: way-in, namespace: default }
spec:
  hosts: [www.yourdomain.com]
  gateways: [my-gateway]
  http:
  - route: [{ destination: { host: frontend } }]
`;

const SEEDED: readonly (readonly [kind: string, name: string, namespace?: string])[] = [
  ['VirtualService', 'product-service'],
  ['DestinationRule', 'product-service'],
  ['VirtualService', 'reviews'],
  ['DestinationRule', 'reviews'],
  ['VirtualService', 'ratings'],
  ['PeerAuthentication', 'default', 'istio-system'],
  ['AuthorizationPolicy', 'backend-policy'],
  ['Gateway', 'my-gateway'],
];

for (const dataPlane of PLANES)
  for (const capture of dataPlane === 'envoy' ? ['none' as const] : TIERS)
    describe(`the seed files, data plane ${dataPlane}, capture ${capture}`, () => seedFiles(capture, dataPlane));

function seedFiles(capture: NonNullable<MeshAsk['capture']>, dataPlane: NonNullable<MeshAsk['dataPlane']>): void {
  let mesh: TestMesh;
  let passed = true;

  before(async () => {
    mesh = await startMesh({
      capture,
      dataPlane,
      gateway: true,
      workloads: [
        { app: 'frontend' },
        { app: 'other' },
        { app: 'backend' },
        { app: 'product-service', version: 'v1' },
        { app: 'product-service', version: 'v2' },
        { app: 'reviews', version: 'v1' },
        { app: 'reviews', version: 'v2' },
        { app: 'ratings', version: 'v1' },
      ],
      config: [
        subsets('reviews', ['v1', 'v2']),
        subsets('ratings', ['v1']),
        WAY_IN,
        demoCertificateSecret('tls-cert', 'istio-system', ['www.yourdomain.com'], Date.now()),
      ],
    });
  });

  afterEach(async (t) => {
    passed &&= (t as { passed?: boolean }).passed !== false;
    for (const [kind, name, namespace] of SEEDED) await mesh.delete(kind, name, namespace);
    await mesh.apply(subsets('reviews', ['v1', 'v2']));
  });

  after(async () => {
    if (!passed) console.log(mesh.logs());
    await mesh.stop();
  });

  const apply = async (name: string): Promise<string> => {
    const done = await mesh.topsail('apply', '--wait', '-f', seed(name));
    assert.equal(done.status, 0, `${done.stdout}${done.stderr}`);
    assert.match(done.stdout, /Programmed (\d+)\/\1/);
    return `${done.stdout}${done.stderr}`;
  };
  const send = (
    service: string,
    headers: Record<string, string> = {},
    count = COUNT,
    concurrency = 16,
  ): Promise<readonly Answer[]> =>
    mesh.order('frontend', { url: `http://${service}:9080/`, headers, count, concurrency });

  test('01: a fifth of the phones get v2, everybody else v1', async () => {
    await apply('01');
    const phones = await send('product-service', { 'user-agent': 'Mozilla/5.0 (iPhone) Mobile/15E148' });
    noFailure(phones);
    near(share(phones, 'v2'), 20);
    const others = await send('product-service', { 'user-agent': 'curl/8' }, 200);
    noFailure(others);
    assert.equal(share(others, 'v1'), 100);
  });

  test('01: consecutiveErrors warns, names the modern fields, and works as consecutiveGatewayErrors', async () => {
    const said = await apply('01');
    assert.match(said, /warning.*consecutiveErrors/s);
    assert.match(said, /consecutiveGatewayErrors/);
    assert.match(said, /consecutive5xxErrors/);
    await mesh.fail('product-service-v1', 500);
    const wrong = await send('product-service', {}, 10, 1);
    await mesh.fail('product-service-v1', 0);
    assert.deepEqual(
      wrong.map((one) => one.status),
      Array(10).fill(500),
      'a 500 is no gateway error',
    );
    noFailure(await send('product-service', {}, 5, 1));
    await mesh.fail('product-service-v1', 503);
    const gateway = await send('product-service', {}, 6, 1);
    await mesh.fail('product-service-v1', 0);
    assert.deepEqual(
      gateway.slice(0, 3).map((one) => one.headers['x-version']),
      ['v1', 'v1', 'v1'],
      'three come from the application',
    );
    assert.deepEqual(
      gateway.slice(3).map((one) => `${one.status} ${one.body}`),
      Array(3).fill('503 no healthy upstream'),
    );
  });

  test('02: jason gets v2, everybody else v1', async () => {
    await apply('02');
    const jason = await send('reviews', { 'end-user': 'jason' }, 500);
    const others = await send('reviews', { 'end-user': 'jasona' }, 500);
    noFailure([...jason, ...others]);
    assert.equal(share(jason, 'v2'), 100);
    assert.equal(share(others, 'v1'), 100);
  });

  test('03: a tenth goes to v2', async () => {
    await apply('03');
    const all = await send('reviews');
    noFailure(all);
    near(share(all, 'v2'), 10);
  });

  test('03: the weights are edited under load from 90/10 to 0/100 and no request fails', async () => {
    await apply('03');
    await mesh.startFlow('frontend', { id: 'canary', url: 'http://reviews:9080/', perSecond: 100 });
    const text = readFileSync(seed('03'), 'utf8');
    for (const [v1, v2] of [
      [75, 25],
      [50, 50],
      [0, 100],
    ]) {
      const { programmed } = await mesh.apply(
        text.replace('weight: 90', `weight: ${v1}`).replace('weight: 10', `weight: ${v2}`),
      );
      assert.equal(programmed.acknowledged, programmed.concerned);
      await sleep(700);
    }
    const last = await send('reviews', {}, 200);
    const end = await mesh.stopFlow('frontend', 'canary');
    assert.deepEqual(end.failures, []);
    assert.ok(end.done === end.sent && end.sent > 150, JSON.stringify(end));
    assert.equal(share(last, 'v2'), 100);
  });

  test('04: a STRICT workload refuses plaintext on its mesh port, and goes on inside the mesh', async () => {
    const at = await mesh.meshAddress('reviews-v1');
    assert.equal((await callPlain(at)).status, 200, 'PERMISSIVE takes plaintext');
    await apply('04');
    assert.equal((await callPlain(at)).status, 0);
    // Captured, the application's own port is behind the proxy too; without capture it is open to local processes.
    if (capture === 'netns') assert.equal((await callPlain({ host: at.host, port: 9080 })).status, 0);
    noFailure(await send('reviews', {}, 200));
  });

  test('05: only the named principal with the named methods and paths gets through', async () => {
    await apply('05');
    const ask = async (from: string, method: string, path: string): Promise<string> => {
      const [answer] = await mesh.order(from, { url: `http://backend:9080${path}`, method });
      return answer?.status === 200 ? '200' : `${answer?.status} ${answer?.body}`;
    };
    const denied = '403 RBAC: access denied';
    assert.equal(await ask('frontend', 'GET', '/api/items'), '200');
    assert.equal(await ask('frontend', 'POST', '/api/items'), '200');
    assert.equal(await ask('frontend', 'DELETE', '/api/items'), denied);
    assert.equal(await ask('frontend', 'GET', '/admin'), denied);
    assert.equal(await ask('frontend', 'GET', '/api'), denied);
    assert.equal(await ask('frontend', 'GET', '/api/../admin'), denied);
    assert.equal(await ask('other', 'GET', '/api/items'), denied);
    const plain = await callPlain({ ...(await mesh.meshAddress('backend')), path: '/api/items' });
    assert.equal(`${plain.status} ${plain.body}`, denied, 'no identity');
    assert.equal(
      (await mesh.order('other', { url: 'http://reviews:9080/' }))[0]?.status,
      200,
      'nobody else is concerned',
    );
  });

  test('06: a tenth of the requests comes 5 s late', async () => {
    await apply('06');
    const all = await send('ratings', {}, COUNT, 200);
    noFailure(all);
    near((100 * all.filter((one) => one.ms >= LATE_MS).length) / all.length, 10);
    assert.deepEqual(
      all.map((one) => one.ms).filter((ms) => ms >= SOON_MS && ms < LATE_MS),
      [],
      'late means 5 s late',
    );
  });

  test('07: half of the requests fail with 500', async () => {
    await apply('07');
    const all = await send('ratings');
    const aborted = all.filter((one) => one.status === 500);
    assert.equal(all.filter((one) => one.status !== 200 && one.status !== 500).length, 0);
    near((100 * aborted.length) / all.length, 50, HALF_POINTS);
    assert.equal(aborted[0]?.body, 'fault filter abort');
  });

  test('08: what overflows is answered 503, marked, and logged with UO', async () => {
    await apply('08');
    const all = await mesh.order('frontend', { url: 'http://reviews:9080/?wait=1500', count: 300, concurrency: 300 });
    const refused = all.filter((one) => one.status !== 200);
    assert.ok(refused.length > 10 && refused.length < 300, `${refused.length} of 300 overflowed`);
    for (const one of refused) {
      assert.equal(one.status, 503);
      assert.equal(one.headers['x-envoy-overloaded'], 'true');
      assert.match(one.body, /reset reason: overflow/);
    }
    const logged = (): number =>
      mesh
        .process('frontend')
        .accessLog()
        .filter((line) => line['response_flags'] === 'UO').length;
    // Lines leave a proxy in blocks, once a second.
    for (let i = 0; i < 40 && logged() < refused.length; i++) await sleep(100);
    assert.equal(logged(), refused.length);
    noFailure(await send('reviews', {}, 50));
  });

  test('08: an endpoint that fails 5 times in a row is ejected, and comes back', async () => {
    await apply('08');
    if (!LONG) await mesh.apply(readFileSync(seed('08'), 'utf8').replaceAll('30s', '1s'));
    await mesh.fail('reviews-v1', 500);
    const first = await send('reviews', {}, 60, 1);
    assert.equal(first.filter((one) => one.status === 500).length, 5);
    await mesh.fail('reviews-v1', 0);
    const began = Date.now();
    let back = 0;
    for (const end = began + (LONG ? 75_000 : 6000); back === 0 && Date.now() < end; await sleep(50))
      back = (await send('reviews', {}, 4, 1)).filter((one) => one.version === 'v1').length;
    assert.ok(back > 0, 'it came back');
    assert.ok(Date.now() - began > (LONG ? 25_000 : 500), `not before its time: ${Date.now() - began} ms`);
  });

  test('09: the gateway serves HTTPS with the named certificate to the bound VirtualService', async () => {
    const port = mesh.gatewayHttpsPort;
    assert.equal((await callPlain({ port, sni: 'www.yourdomain.com' })).status, 0, 'nothing listens before');
    await apply('09');
    const ask = { port, sni: 'www.yourdomain.com', path: '/hello', headers: { host: 'www.yourdomain.com' } };
    let answer = await callPlain(ask);
    // A listener is acknowledged when it is accepted; it opens when its certificate has come.
    for (const end = Date.now() + WARM_WITHIN_MS; answer.status === 0 && Date.now() < end; await sleep(20))
      answer = await callPlain(ask);
    assert.equal(answer.status, 200, answer.problem);
    assert.match(answer.body, /"service":"frontend".*"path":"\/hello"/);
    assert.notEqual(answer.fingerprint, '');
    assert.equal(
      (await callPlain({ port, sni: 'www.elsewhere.com', headers: { host: 'www.elsewhere.com' } })).status,
      0,
      'no other name is served',
    );
    assert.equal(
      (await callPlain({ port, sni: 'www.yourdomain.com', headers: { host: 'api.yourdomain.com' } })).status,
      404,
      'no other host is bound',
    );
  });

  test('all nine in order: nothing crashes, and a route whose subset a later file removes keeps its former clusters', async () => {
    await mesh.delete('DestinationRule', 'bookshop-reviews');
    const pids = [...mesh.processes.values()].map((one) => one.pid);
    for (const name of ['01', '02', '03', '04', '05', '06', '07', '08', '09']) {
      const done = await mesh.topsail('apply', '--wait', '-f', seed(name));
      assert.equal(done.status, 0, `${name}: ${done.stdout}${done.stderr}`);
    }
    assert.deepEqual(
      [...mesh.processes.values()].map((one) => one.pid),
      pids,
    );
    // Fewer than 08's ten may wait for a connection.
    const split = await send('reviews', {}, COUNT, 8);
    noFailure(split);
    near(share(split, 'v2'), 10);
    const route = await mesh.object('VirtualService', 'reviews');
    const finding = route?.findings.find((one) => /subset/.test(one.message));
    assert.ok(finding !== undefined, JSON.stringify(route?.findings));
    assert.match(`${finding.message} ${finding.remedy}`, /v1|v2/);
    const described = await mesh.topsail('describe', 'virtualservice', 'reviews');
    assert.match(described.stdout, /subset/);
    const secure = await callPlain({
      port: mesh.gatewayHttpsPort,
      sni: 'www.yourdomain.com',
      headers: { host: 'www.yourdomain.com' },
    });
    assert.equal(secure.status, 200, secure.problem);
    assert.equal((await mesh.order('frontend', { url: 'http://backend:9080/api/x' }))[0]?.status, 200);
    assert.equal((await mesh.order('other', { url: 'http://backend:9080/api/x' }))[0]?.status, 403);
  });
}

function bestTiers(): string {
  const best = chooseTier('auto');
  return typeof best === 'string' || best.tier === 'none' ? 'none' : `none,${best.tier}`;
}

function share(answers: readonly Answer[], version: string): number {
  return (100 * answers.filter((one) => one.version === version).length) / answers.length;
}

function near(percent: number, wanted: number, points = POINTS): void {
  assert.ok(Math.abs(percent - wanted) <= points, `${percent.toFixed(2)} % instead of ${wanted} %`);
}

function noFailure(answers: readonly Answer[]): void {
  const failed = answers.filter((one) => one.status !== 200);
  assert.equal(
    failed.length,
    0,
    `${failed.length} of ${answers.length} failed, the first: ${JSON.stringify(failed[0])}`,
  );
}
