// A limit that ten proxies share, with real processes: what they let in together, with a control plane, without one, and when it is back.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMesh, type TestMesh, type WorkloadAsk, workloadName } from '../mesh/mesh.ts';
import { until } from '../mesh/until.ts';

const PROXIES: readonly WorkloadAsk[] = Array.from({ length: 10 }, (_, i) => ({ app: 'web', version: `v${i + 1}` }));
const PER_SECOND = 100;
const WINDOW_MS = 5000;
const LIMIT = `apiVersion: topsail.io/v1alpha1
kind: RateLimit
metadata: { name: web, namespace: default }
spec:
  selector: { matchLabels: { app: web } }
  rules: [{ name: all, limit: { requests: ${PER_SECOND}, per: SECOND, scope: ALL_PROXIES } }]
`;

describe('ten proxies with a limit that they share', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh({ workloads: [...PROXIES, { app: 'frontend' }] });
  });
  after(() => mesh.stop());

  /** Requests that the applications have answered, and when they had. */
  const served = async (): Promise<{ readonly count: number; readonly atMs: number }> => {
    const counts = await Promise.all(PROXIES.map((one) => mesh.served(workloadName(one))));
    return { count: counts.reduce((sum, one) => sum + one, 0), atMs: performance.now() };
  };
  const measured: string[] = [];
  /** Let in per second, over a window. */
  const rate = async (when: string): Promise<number> => {
    const from = await served();
    await sleep(WINDOW_MS);
    const to = await served();
    const perSecond = ((to.count - from.count) * 1000) / (to.atMs - from.atMs);
    measured.push(`${when}: ${perSecond.toFixed(1)}`);
    // Whatever the machine is busy with: a bucket, what is on lease, and what shares have left.
    assert.ok(to.count - from.count <= (PER_SECOND * (to.atMs - from.atMs)) / 1000 + 4 * PER_SECOND, measured.join());
    return perSecond;
  };
  /** In some window: a busy machine may not bring as much as the limit lets in. */
  const comesTo = async (when: string, least: number, most: number): Promise<void> => {
    await until(
      () => `${least} to ${most} in a second: ${measured.join()}`,
      async () => {
        const perSecond = await rate(when);
        return perSecond >= least && perSecond <= most;
      },
      120_000,
    );
  };

  test('let in what the limit says, share it while nobody counts, and go on when somebody does again', async (t) => {
    await mesh.apply(LIMIT);
    for (const id of ['a', 'b', 'c'])
      await mesh.startFlow('frontend', { id, url: 'http://web:9080/', perSecond: PER_SECOND });
    const began = await served();
    await sleep(2000);
    await comesTo('counted', 95, 105);
    await mesh.process('istiod').stop('SIGKILL');
    await sleep(2000);
    await comesTo('nobody counts', 60, 105);
    await mesh.restartControlPlane();
    await until('all draw again', async () => (await mesh.proxies()).length === PROXIES.length + 1);
    await comesTo('counted again', 95, 105);
    const ended = await served();
    const allowed = (PER_SECOND * (ended.atMs - began.atMs)) / 1000;
    // Two buckets of the control plane's, one of the shares, and a second on lease at each change.
    assert.ok(ended.count - began.count <= allowed + 6 * PER_SECOND, `${ended.count - began.count} of ${allowed}`);
    t.diagnostic(measured.join(', '));
    for (const id of ['a', 'b', 'c']) {
      const { failures } = await mesh.stopFlow('frontend', id);
      assert.deepEqual(
        failures.filter(({ status }) => status !== 429).slice(0, 3),
        [],
        'all others were told that they are too many',
      );
    }
  });
});
