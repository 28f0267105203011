// Edits of every kind under load, with WebSockets open: nothing fails and nothing closes but what an edit revokes.
// TOPSAIL_TEST_STORM_SEED chooses another sequence, TOPSAIL_TEST_STORM_EDITS another length (default 200, on Envoy 60
// without TOPSAIL_TEST_LONG),
// TOPSAIL_TEST_CAPTURE=none,userns,netns the capture tiers (default none), TOPSAIL_TEST_DATA_PLANE=envoy Envoy's.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { demoCertificateSecret } from '../../src/main/demo-certificate.ts';
import { type MeshAsk, startMesh, type TestMesh } from '../mesh/mesh.ts';
import { until } from '../mesh/until.ts';
import { type Edit, randomEdit, type Roll, touchesChains } from './random-edit.ts';

const SEED = Number(process.env['TOPSAIL_TEST_STORM_SEED'] ?? 1);
const TIERS = (process.env['TOPSAIL_TEST_CAPTURE'] ?? 'none').split(',') as NonNullable<MeshAsk['capture']>[];
const PLANE = process.env['TOPSAIL_TEST_DATA_PLANE'] === 'envoy' ? 'envoy' : 'topsail';
/** The same on Envoy is for the long form. */
const EDITS = Number(
  process.env['TOPSAIL_TEST_STORM_EDITS'] ??
    (PLANE === 'envoy' && (process.env['TOPSAIL_TEST_LONG'] ?? '') === '' ? 60 : 200),
);
/** Of every kind; a quarter, unless a length is named. */
const ENVOY_EDITS = process.env['TOPSAIL_TEST_STORM_EDITS'] === undefined ? Math.ceil(EDITS / 4) : EDITS;
/** A busy machine gets many times the five seconds. */
const REVOKED_WITHIN_MS = (process.env['TOPSAIL_TEST_LONG'] ?? '') === '' ? 90_000 : 5000;
const CARRIES_WITHIN_MS = 90_000;

const SUBSETS = ['reviews', 'ratings', 'backend'].map(
  (service) => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: bookshop-${service}, namespace: default }
spec:
  host: ${service}
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
`,
);

for (const capture of TIERS) describe(`an edit storm on ${PLANE}, capture ${capture}`, () => storm(capture));

function storm(capture: NonNullable<MeshAsk['capture']>): void {
  let mesh: TestMesh;
  const plain: Socket[] = [];

  before(async () => {
    mesh = await startMesh({
      capture,
      dataPlane: PLANE,
      gateway: true,
      workloads: [
        { app: 'frontend' },
        { app: 'other' },
        { app: 'backend', version: 'v1' },
        { app: 'backend', version: 'v2' },
        { app: 'reviews', version: 'v1' },
        { app: 'reviews', version: 'v2' },
        { app: 'ratings', version: 'v1' },
      ],
      config: [...SUBSETS, demoCertificateSecret('tls-cert', 'istio-system', ['www.yourdomain.com'], Date.now())],
    });
  });
  after(async () => {
    for (const socket of plain) socket.destroy();
    await mesh?.stop();
  });

  const every = PLANE === 'envoy' ? 'random edits that touch no filter chain' : 'random edits';
  test(`${EDITS} ${every} fail no request and close no WebSocket`, async () => {
    const opened = [
      ...(await mesh.openSockets('frontend', 'http://reviews:9080/ws', 40)),
      ...(await mesh.openSockets('frontend', 'http://backend:9080/ws', 30)),
      ...(await mesh.openSockets('other', 'http://backend:9080/ws', 30)),
    ];
    assert.deepEqual(
      opened.filter((status) => status !== 101),
      [],
    );
    const edits = await underLoad(mesh, EDITS, (edit) => PLANE === 'topsail' || !touchesChains(edit));
    const statesOf = async () => [...(await mesh.socketStates('frontend')), ...(await mesh.socketStates('other'))];
    const states = await statesOf();
    // All of them carry bytes, and go on to: the edits may be over before the sockets said much.
    for (const late = Date.now() + CARRIES_WITHIN_MS; ; await sleep(100)) {
      const now = await statesOf();
      const closed = now.filter((one) => one.closedMs > 0);
      assert.deepEqual(closed, [], `${closed.length} WebSockets closed; the edits:\n${edits.join('\n')}`);
      if (now.length === states.length && now.every((one, i) => one.echoed > (states[i]?.echoed ?? 0) + 1)) break;
      assert.ok(Date.now() < late, 'some WebSockets carry nothing any more');
    }
  });

  if (PLANE === 'envoy') {
    test(`${ENVOY_EDITS} random edits of every kind fail no request`, async () => {
      await underLoad(mesh, ENVOY_EDITS, () => true);
    });
    return;
  }

  test('an edit that denies a peer closes its WebSockets, and only those, within 5 s, counted', async () => {
    for (const [kind, name] of [
      ['AuthorizationPolicy', 'storm'],
      ['PeerAuthentication', 'storm-backend'],
    ] as const)
      await mesh.delete(kind, name);
    await mesh.apply(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: revoke, namespace: default }
spec:
  selector: { matchLabels: { app: backend } }
  action: DENY
  rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/other] } }] }]
`);
    await until(
      "the end of the denied peer's",
      async () => (await mesh.socketStates('other')).every((one) => one.closedMs > 0),
      REVOKED_WITHIN_MS,
    );
    assert.deepEqual(
      (await mesh.socketStates('frontend')).filter((one) => one.closedMs > 0),
      [],
      "nobody else's",
    );
    let counted = 0;
    const all = async (): Promise<boolean> => {
      const each = await Promise.all(
        ['backend-v1', 'backend-v2'].map((one) => count(mesh, one, /peer_revoked: (\d+)/)),
      );
      counted = each.reduce((a, b) => a + b, 0);
      return counted >= 30;
    };
    await until(() => `${counted} were counted`, all);
    assert.equal(counted, 30);
  });

  test("an edit that asks for mTLS closes a plaintext peer's WebSockets, counted", async () => {
    await mesh.delete('PeerAuthentication', 'storm');
    await mesh.delete('PeerAuthentication', 'storm-reviews');
    const peers = (mode: string): string =>
      `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: revoke, namespace: default }\nspec: { selector: { matchLabels: { app: reviews } }, mtls: { mode: ${mode} } }\n`;
    // Everybody has it, and with it the end of what the storm left: nothing STRICT comes after the sockets.
    await mesh.apply(peers('PERMISSIVE'));
    const at = await mesh.meshAddress('reviews-v1');
    while (plain.length < 5)
      await until('a plaintext WebSocket', () =>
        openPlain(at).then(
          (socket) => plain.push(socket),
          () => false,
        ),
      );
    await mesh.apply(peers('STRICT'));
    await until('their end', () => plain.every((one) => one.closed), REVOKED_WITHIN_MS);
    let counted = 0;
    await until(
      () => `${counted} were counted`,
      async () => (counted = await count(mesh, 'reviews-v1', /peer_revoked: (\d+)/)) >= 5,
    );
    assert.equal(counted, 5);
    assert.deepEqual(
      (await mesh.socketStates('frontend')).filter((one) => one.closedMs > 0),
      [],
    );
  });
}

/** Makes edits under load; no request may fail and no proxy refuse what it is sent. Gives the edits. */
async function underLoad(mesh: TestMesh, count: number, wanted: (edit: Edit) => boolean): Promise<readonly string[]> {
  for (const service of ['reviews', 'ratings', 'backend'])
    await mesh.startFlow('frontend', { id: service, url: `http://${service}:9080/api/x`, perSecond: 20 });
  const roll = dice(SEED);
  const edits: string[] = [];
  while (edits.length < count) {
    const edit = randomEdit(roll);
    if (!wanted(edit)) continue;
    edits.push(`${Date.now()} ${edit.what}`);
    if (edit.text !== undefined) {
      const { answer, programmed } = await mesh.apply(edit.text, { timeoutMs: roll(4) === 0 ? 60_000 : 1 });
      const errors = [...answer.findings, ...answer.applied.flatMap((one) => one.findings)].filter(
        // What it refers to may come with a later edit.
        (one) => one.severity === 'error' && !one.code.startsWith('TS-REG-'),
      );
      assert.deepEqual(errors, [], edit.text);
      assert.deepEqual(programmed.rejected, [], edit.text);
    }
    for (const [kind, name, namespace] of edit.remove ?? []) await mesh.delete(kind, name, namespace);
  }
  await sleep(1500);
  const failures = [];
  for (const service of ['reviews', 'ratings', 'backend']) {
    const end = await mesh.stopFlow('frontend', service);
    failures.push(...end.failures.map((one) => `${one.atMs} ${service} ${one.status} ${one.body}`));
    assert.equal(end.done, end.sent);
  }
  assert.deepEqual(failures, [], `${failures.length} requests failed; the edits:\n${edits.join('\n')}`);
  const proxies = await mesh.proxies();
  assert.ok(
    proxies.every((one) => one.lastError === ''),
    JSON.stringify(proxies.map((one) => [one.name, one.lastError])),
  );
  return edits;
}

async function count(mesh: TestMesh, workload: string, pattern: RegExp): Promise<number> {
  const text = await mesh.admin(workload, '/stats');
  return text.split('\n').reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
}

function openPlain({ host, port }: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () =>
      socket.write('GET /ws HTTP/1.1\r\nhost: reviews:9080\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n'),
    );
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once('data', (data) => {
      socket.removeListener('error', reject);
      socket.on('error', () => {});
      if (data.toString().startsWith('HTTP/1.1 101')) resolve(socket);
      else reject(new Error(data.toString()));
    });
  });
}

/** Numbers below `n`, the same for the same seed (mulberry32). */
function dice(seed: number): Roll {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
