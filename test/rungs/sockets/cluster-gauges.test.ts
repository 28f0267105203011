// What a cluster's gauges and counters say of its circuit breakers, its ejected endpoints and its health checks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTER } from '#telemetry';
import { until } from '../../mesh/until.ts';
import { cluster, fetchText, listener, managerFilter, type RunningProxy, runProxy, startApp } from './proxy-fixture.ts';

const route = { match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } };

function start(ports: readonly number[], extra: object): Promise<RunningProxy> {
  return runProxy([listener('l', [{ filters: [managerFilter([route])] }])], [cluster('app', ports, extra)]);
}

/** As somebody who looks at the page sees them. */
function gauges(proxy: RunningProxy, names: readonly (keyof typeof CLUSTER)[]): number[] {
  const { stats, clusters } = proxy.handle.proxy.services;
  void [...stats.blocks()];
  return names.map((name) => clusters.get('app')?.stats.get(CLUSTER[name]) ?? -1);
}

test('breakers are open while their limit is reached, and tell what is left where that is asked for', async (t) => {
  const held: (() => void)[] = [];
  const app = await startApp((_, response) => void held.push(() => response.end('fine')));
  const thresholds = [{ max_requests: 1, max_connections: 3, track_remaining: true }];
  const proxy = await start([app.port], { circuit_breakers: { thresholds } });
  t.after(() => (proxy.close(), app.close()));
  const seen = (): number[] =>
    gauges(proxy, [
      'circuit_breakers.default.rq_open',
      'circuit_breakers.default.cx_open',
      'circuit_breakers.default.remaining_rq',
      'circuit_breakers.default.remaining_cx',
      'circuit_breakers.high.rq_open',
    ]);
  assert.deepEqual(seen(), [0, 0, 1, 3, 0]);
  const answer = fetchText(proxy.port('l'), '/');
  await until('it is asked', () => held.length === 1);
  assert.deepEqual(seen(), [1, 0, 0, 2, 0]);
  held[0]?.();
  await answer;
  await until('it is over', () => seen()[0] === 0);
});

test('ejections are counted by their cause, also those that one more would be too many', async (t) => {
  const apps = [await startApp((_, answer) => void answer.writeHead(500).end())];
  apps.push(await startApp((_, answer) => void answer.writeHead(500).end()));
  const proxy = await start(
    apps.map(({ port }) => port),
    { outlier_detection: { consecutive_5xx: 1, max_ejection_percent: 50, base_ejection_time: '600s' } },
  );
  t.after(() => (proxy.close(), apps.forEach((app) => app.close())));
  for (let i = 0; i < 3; i++) await fetchText(proxy.port('l'), '/');
  const [healthy, active, enforced, byCause, detected, overflow] = gauges(proxy, [
    'membership_healthy',
    'outlier_detection.ejections_active',
    'outlier_detection.ejections_enforced_total',
    'outlier_detection.ejections_enforced_consecutive_5xx',
    'outlier_detection.ejections_detected_consecutive_5xx',
    'outlier_detection.ejections_overflow',
  ]);
  assert.deepEqual([healthy, active, enforced, byCause], [1, 1, 1, 1]);
  assert.equal(detected, 1 + (overflow ?? 0));
  assert.ok((overflow ?? 0) > 0);
});

test('requests that go to endpoints although too few are well are counted', async (t) => {
  const app = await startApp((_, answer) => void answer.writeHead(500).end());
  const proxy = await start([app.port], {
    outlier_detection: { consecutive_5xx: 1, max_ejection_percent: 100, base_ejection_time: '600s' },
  });
  t.after(() => (proxy.close(), app.close()));
  assert.deepEqual(gauges(proxy, ['lb_healthy_panic']), [0]);
  for (let i = 0; i < 3; i++) assert.equal((await fetchText(proxy.port('l'), '/')).status, 500);
  assert.deepEqual(gauges(proxy, ['lb_healthy_panic', 'outlier_detection.ejections_active']), [2, 1]);
});

test('checks are counted, and one that passes lets back in who was ejected', async (t) => {
  let broken = true;
  const app = await startApp(({ url }, answer) => void answer.writeHead(url === '/' && broken ? 500 : 200).end());
  const check = {
    timeout: '60s',
    interval: '0.05s',
    unhealthy_threshold: 1,
    healthy_threshold: 1,
    http_health_check: { path: '/ready' },
  };
  const proxy = await start([app.port], {
    health_checks: [check],
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    outlier_detection: { consecutive_5xx: 1, max_ejection_percent: 100, base_ejection_time: '600s' },
  });
  t.after(() => (proxy.close(), app.close()));
  await until('it is well', () => gauges(proxy, ['health_check.healthy'])[0] === 1);
  assert.equal((await fetchText(proxy.port('l'), '/')).status, 500);
  broken = false;
  await until('it is back', async () => (await fetchText(proxy.port('l'), '/')).status === 200);
  const [ejected, attempts, passed, failed] = gauges(proxy, [
    'outlier_detection.ejections_enforced_total',
    'health_check.attempt',
    'health_check.success',
    'health_check.failure',
  ]);
  assert.equal(ejected, 1);
  assert.ok((attempts ?? 0) >= (passed ?? 0) && (passed ?? 0) >= 2);
  assert.equal(failed, 0);
});
