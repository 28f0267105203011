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
import { until } from '../mesh/until.ts';
import { judgeShare } from './judge-share.ts';

const TIERS = (process.env['TOPSAIL_TEST_CAPTURE'] ?? bestTiers()).split(',') as NonNullable<MeshAsk['capture']>[];
const PLANES = (process.env['TOPSAIL_TEST_DATA_PLANE'] ?? 'topsail').split(',') as NonNullable<MeshAsk['dataPlane']>[];
const LONG = (process.env['TOPSAIL_TEST_LONG'] ?? '') !== '';
/** Of 2,000 draws, 2.5 points are at least 2.2 standard deviations, of the further ones 6.7. */
const POINTS = 2.5;
const COUNT = 2000;
/** Envoy's timers count from when its loop last read the clock: some ms before the request was sent, more on a busy machine. */
const LATE_MS = 4900;
/** The ejection time in the place of the file's 30 s: what is asked within it is asked of the ejected endpoint's peers. */
const EJECTED_MS = LONG ? 30_000 : 5000;
/** A proxy's clock ticks when its loop turns; Envoy looks once in an interval. */
const EARLY_MS = 500;

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
    if (!passed) console.log(mesh?.logs());
    await mesh?.stop();
  });

  const apply = async (name: string): Promise<string> => {
    const done = await mesh.topsail('apply', '--wait', '--timeout', '120s', '-f', seed(name));
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
  const ejections = async (service: string): Promise<number> => {
    const stats = await mesh.admin('frontend', '/stats?filter=ejections_enforced_total');
    const own = stats.split('\n').filter((line) => line.includes(`|${service}.`));
    return own.reduce((all, line) => all + Number(/: (\d+)$/.exec(line)?.[1] ?? 0), 0);
  };
  /** Envoy's main thread ejects, and its workers hear of it within a second or so: then so many in a row pass as `wanted`. */
  const ejectionReachesWorkers = async (
    service: string,
    former: number,
    inARow: number,
    wanted: (answer: Answer | undefined) => boolean,
  ): Promise<void> => {
    if (dataPlane !== 'envoy') return;
    await until('an ejection', async () => (await ejections(service)) > former);
    await until('the workers know', async () => (await send(service, {}, inARow, 1)).every(wanted));
  };
  /** Of requests of which none fails. */
  const shareOfV2 = async (
    service: string,
    percent: number,
    how: { readonly headers?: Record<string, string>; readonly concurrency?: number } = {},
  ): Promise<void> =>
    judgeShare({
      percent,
      points: POINTS,
      first: COUNT,
      draw: async (count) => {
        const all = await send(service, how.headers, count, how.concurrency);
        noFailure(all);
        return all.filter((one) => one.version === 'v2').length;
      },
    });

  test('01: a fifth of the phones get v2, everybody else v1', async () => {
    await apply('01');
    await shareOfV2('product-service', 20, { headers: { 'user-agent': 'Mozilla/5.0 (iPhone) Mobile/15E148' } });
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
    const former = await ejections('product-service');
    const three = await send('product-service', {}, 3, 1);
    await ejectionReachesWorkers('product-service', former, 1, (one) => one?.body === 'no healthy upstream');
    const more = await send('product-service', {}, 3, 1);
    await mesh.fail('product-service-v1', 0);
    assert.deepEqual(
      three.map((one) => one.headers['x-version']),
      ['v1', 'v1', 'v1'],
      'three come from the application',
    );
    assert.deepEqual(
      more.map((one) => `${one.status} ${one.body}`),
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
    await shareOfV2('reviews', 10);
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
    // Envoy's workers take up a route a little after it was acknowledged.
    await until('all of it goes to v2', async () => share(await send('reviews', {}, 200), 'v2') === 100);
    const end = await mesh.stopFlow('frontend', 'canary');
    assert.deepEqual(end.failures, []);
    assert.ok(end.done === end.sent && end.sent > 0, JSON.stringify(end));
  });

  test('04: a STRICT workload refuses plaintext on its mesh port, and goes on inside the mesh', async () => {
    const at = await mesh.meshAddress('reviews-v1');
    assert.equal((await callPlain(at)).status, 200, 'PERMISSIVE takes plaintext');
    await apply('04');
    await until('the refusal', async () => (await callPlain(at)).status === 0);
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
    // Envoy's workers take up a policy a little after it was acknowledged.
    await until('the policy', async () => (await ask('frontend', 'GET', '/admin')) === denied);
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
    let draws = 0;
    await judgeShare({
      percent: 10,
      points: POINTS,
      first: COUNT,
      draw: async (count) => {
        const path = `/draw-${++draws}`;
        const url = `http://ratings:9080${path}`;
        const all = await mesh.order('frontend', { url, count, concurrency: 200, bodies: true });
        noFailure(all);
        // Its proxy says whom it delayed: on a busy machine others are late too.
        const lines = () =>
          mesh
            .process('frontend')
            .accessLog()
            .filter((line) => line['path'] === path);
        await until(
          () => `${lines().length} of ${count} lines`,
          () => lines().length >= count,
        );
        const delayed = new Set(
          lines().flatMap((line) => (line['response_flags'] === 'DI' ? [String(line['request_id'])] : [])),
        );
        const waited = all.filter((one) => delayed.has(requestId(one)));
        assert.equal(waited.length, delayed.size);
        assert.deepEqual(
          waited.map((one) => one.ms).filter((ms) => ms < LATE_MS),
          [],
          'late means 5 s late',
        );
        return waited.length;
      },
    });
  });

  test('07: half of the requests fail with 500', async () => {
    await apply('07');
    await judgeShare({
      percent: 50,
      points: POINTS,
      first: COUNT,
      draw: async (count) => {
        const all = await send('ratings', {}, count);
        const aborted = all.filter((one) => one.status === 500);
        assert.equal(all.filter((one) => one.status !== 200 && one.status !== 500).length, 0);
        assert.equal(aborted[0]?.body, 'fault filter abort');
        return aborted.length;
      },
    });
  });

  test('08: what overflows is answered 503, marked, and logged with UO', async () => {
    await apply('08');
    const all = await mesh.order('frontend', { url: 'http://reviews:9080/?wait=3000', count: 300, concurrency: 300 });
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
    await until(
      () => `${logged()} of ${refused.length} lines`,
      () => logged() >= refused.length,
    );
    assert.equal(logged(), refused.length);
    noFailure(await send('reviews', {}, 50));
  });

  test('08: an endpoint that fails 5 times in a row is ejected, and comes back', async () => {
    await apply('08');
    if (!LONG) await mesh.apply(readFileSync(seed('08'), 'utf8').replaceAll('30s', `${EJECTED_MS / 1000}s`));
    const former = await ejections('reviews');
    await mesh.fail('reviews-v1', 500);
    let failed = 0;
    let fifth = 0;
    await until(
      () => `${failed} failures`,
      async () => {
        const before = Date.now();
        const [answer] = await send('reviews', {}, 1);
        if (answer?.status === 500 && ++failed === 5) fifth = before;
        return failed === 5;
      },
    );
    // Of six in a row the one would have got some.
    await ejectionReachesWorkers('reviews', former, 6, (one) => one?.status === 200);
    // Whom it answers before its time is up: nobody.
    const rest: (readonly [number, number])[] = [];
    for (let i = 0; i < 55; i++) {
      const [answer] = await send('reviews', {}, 1);
      rest.push([Date.now(), answer?.status ?? 0]);
    }
    assert.deepEqual(
      rest.filter(([at, status]) => at < fifth + EJECTED_MS - EARLY_MS && status !== 200),
      [],
    );
    await mesh.fail('reviews-v1', 0);
    let back = 0;
    await until('its return', async () => {
      const answers = await send('reviews', {}, 4, 1);
      back = Date.now();
      return answers.some((one) => one.version === 'v1');
    });
    assert.ok(back > fifth + EJECTED_MS - EARLY_MS, `not before its time: ${back - fifth} ms`);
  });

  test('09: the gateway serves HTTPS with the named certificate to the bound VirtualService', async () => {
    const port = mesh.gatewayHttpsPort;
    assert.equal((await callPlain({ port, sni: 'www.yourdomain.com' })).status, 0, 'nothing listens before');
    await apply('09');
    const ask = { port, sni: 'www.yourdomain.com', path: '/hello', headers: { host: 'www.yourdomain.com' } };
    let answer = await callPlain(ask);
    // A listener is acknowledged when it is accepted; it opens when its certificate has come.
    await until(
      () => answer.problem,
      async () => (answer = await callPlain(ask)).status !== 0,
    );
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
      const done = await mesh.topsail('apply', '--wait', '--timeout', '120s', '-f', seed(name));
      assert.equal(done.status, 0, `${name}: ${done.stdout}${done.stderr}`);
    }
    assert.deepEqual(
      [...mesh.processes.values()].map((one) => one.pid),
      pids,
    );
    // Fewer than 08's ten may wait for a connection.
    await shareOfV2('reviews', 10, { concurrency: 8 });
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

function requestId({ body }: Answer): string {
  return (JSON.parse(body) as { headers: Record<string, string> }).headers['x-request-id'] ?? '';
}

function noFailure(answers: readonly Answer[]): void {
  const failed = answers.filter((one) => one.status !== 200);
  assert.equal(
    failed.length,
    0,
    `${failed.length} of ${answers.length} failed, the first: ${JSON.stringify(failed[0])}`,
  );
}
