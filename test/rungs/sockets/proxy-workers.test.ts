// A proxy with two worker threads on one port: limits hold for both together, pages add up, one may die.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ProcessSockets, SystemNet } from '../../../src/io/index.ts';
import { plainThreads } from '../../../src/main/thread-net.ts';
import type { ProxyWorkers } from '../../../src/main/proxy-workers.ts';
import { renderText } from '../../../src/telemetry/index.ts';
import {
  type Answer,
  cluster,
  fetchText,
  listener,
  managerFilter,
  routerFilter,
  runProxy,
  startApp,
} from './proxy-fixture.ts';
import { PATIENCE_MS, until } from '../../mesh/until.ts';

const TYPE = 'type.googleapis.com';
const ALL = [{ match: { prefix: '/' }, route: { cluster: 'c', timeout: '0s' } }];

async function startWorkers(
  t: TestContext,
  options: {
    readonly ports: readonly number[];
    readonly manager?: object;
    readonly cluster?: object;
    readonly routes?: readonly object[];
  },
): Promise<{
  readonly port: number;
  readonly workers: ProxyWorkers;
  readonly proxy: Awaited<ReturnType<typeof runProxy>>;
}> {
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter(options.routes ?? ALL, options.manager)] }])],
    [cluster('c', options.ports, options.cluster)],
    undefined,
    { concurrency: 2, threads: plainThreads(new SystemNet(), new ProcessSockets()), logLevel: 'error' },
  );
  t.after(() => proxy.close());
  const workers = proxy.handle.workers as ProxyWorkers;
  return { port: proxy.port('in'), workers, proxy };
}

function many(port: number, count: number): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => fetchText(port, `/${i}`)));
}

function codes(answers: readonly Answer[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1;
  return found;
}

function stat(workers: ProxyWorkers, name: string): number {
  for (const piece of renderText(workers.stats)) {
    const line = piece.split('\n').find((one) => one.startsWith(`${name}: `));
    if (line !== undefined) return Number(line.slice(name.length + 2));
  }
  return 0;
}

/** Requests that each worker has sent to the cluster. */
async function served(workers: ProxyWorkers): Promise<number[]> {
  return (await workers.look()).map(({ hosts }) =>
    hosts.flatMap(([, list]) => list).reduce((sum, { rqTotal }) => sum + rqTotal, 0),
  );
}

test('circuit breakers and rate limits hold for all workers together, also when one died with requests in its hands', async (t) => {
  const held: ServerResponse[] = [];
  let holds = false;
  const app = await startApp((_, response) => (holds ? held.push(response) : response.end('ok')));
  t.after(() => app.close());
  const limits = {
    priority: 'DEFAULT',
    max_requests: 5,
    max_connections: 500,
    max_pending_requests: 500,
    max_retries: 0,
  };
  const { port, workers } = await startWorkers(t, {
    ports: [app.port],
    cluster: { circuit_breakers: { thresholds: [limits] } },
  });
  await until('both workers serve', async () => {
    await many(port, 4);
    return (await served(workers)).every((count) => count > 0);
  });
  const atLimit = async (): Promise<void> => {
    holds = true;
    let refused = 0;
    const answers = Array.from({ length: 40 }, async () => {
      const answer = await fetchText(port, '/');
      if (answer.status === 503) refused++;
      return answer;
    });
    // None that comes late may find room.
    await until('five are with the application and the others are refused', () => held.length === 5 && refused === 35);
    assert.equal(stat(workers, 'cluster.c.circuit_breakers.default.rq_open'), 1);
    for (const response of held.splice(0)) response.end('ok');
    assert.deepEqual(codes(await Promise.all(answers)), { 200: 5, 503: 35 });
    holds = false;
  };
  await atLimit();
  // One dies with what it holds: the others get its share of the limit back.
  holds = true;
  const lost = Promise.allSettled(Array.from({ length: 5 }, () => fetchText(port, '/')));
  await until('five are with the application', () => held.length === 5);
  await Promise.all([workers.replace(1), workers.replace(2)]);
  await until('both are back', () => workers.settled && workers.crashes === 2);
  assert.ok((await lost).every(({ status }) => status === 'rejected'));
  held.length = 0;
  holds = false;
  await until('both serve again', async () => {
    await many(port, 4);
    return (await served(workers)).every((count) => count > 0);
  });
  await atLimit();
});

test('a local rate limit gives out its tokens once, whichever worker is asked', async (t) => {
  const app = await startApp((_, response) => response.end('ok'));
  t.after(() => app.close());
  const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
  const limit = (tokens: number): object => ({
    '@type': `${TYPE}/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: 'limit',
    token_bucket: { max_tokens: tokens, tokens_per_fill: tokens, fill_interval: '600s' },
    filter_enabled: always,
    filter_enforced: always,
  });
  const name = 'envoy.filters.http.local_ratelimit';
  const { port, workers } = await startWorkers(t, {
    ports: [app.port],
    manager: { http_filters: [{ name, typed_config: limit(10) }, routerFilter] },
    routes: [
      { match: { prefix: '/own' }, route: { cluster: 'c' }, typed_per_filter_config: { [name]: limit(7) } },
      { match: { prefix: '/free' }, route: { cluster: 'c' }, typed_per_filter_config: { [name]: limit(100_000) } },
      ...ALL,
    ],
  });
  await until('both workers serve', async () => {
    await fetchText(port, '/free');
    return (await served(workers)).every((count) => count > 0);
  });
  assert.deepEqual(codes(await many(port, 40)), { 200: 10, 429: 30 });
  const own = await Promise.all(Array.from({ length: 20 }, () => fetchText(port, '/own')));
  assert.deepEqual(codes(own), { 200: 7, 429: 13 });
});

test('a host that fails is ejected by what all workers saw, for all of them', async (t) => {
  const bad = await startApp((_, response) => response.writeHead(500).end());
  const good = await startApp((_, response) => response.end('ok'));
  t.after(() => [bad, good].forEach((app) => app.close()));
  const { port, workers, proxy } = await startWorkers(t, {
    ports: [bad.port, good.port],
    cluster: {
      outlier_detection: { consecutive_5xx: 6, base_ejection_time: '600s', max_ejection_percent: 50, interval: '600s' },
    },
  });
  await until('it is out', async () => {
    await many(port, 4);
    return [...(proxy.handle.proxy.clusters.get('c')?.hosts.all() ?? [])].some((host) => host.ejected);
  });
  await until('every worker knows', async () =>
    (await workers.look()).every(({ hosts }) =>
      hosts.some(([, list]) => list.some(({ healthFlags }) => healthFlags === '/failed_outlier_check')),
    ),
  );
  assert.deepEqual(codes(await many(port, 20)), { 200: 20 });
  await workers.replace(1);
  await until('it is back', () => workers.settled && workers.crashes === 1);
  assert.deepEqual(codes(await many(port, 20)), { 200: 20 });
});

test('pages add up, the log has whole lines, a dead worker is replaced and its counts stay, and a drain loses nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-workers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const waiting: ServerResponse[] = [];
  const app = await startApp((request, response) =>
    request.url === '/slow' ? waiting.push(response) : response.end('ok'),
  );
  t.after(() => app.close());
  const path = join(folder, 'access.log');
  const { port, workers, proxy } = await startWorkers(t, {
    ports: [app.port],
    manager: {
      access_log: [
        {
          name: 'file',
          typed_config: {
            '@type': `${TYPE}/envoy.extensions.access_loggers.file.v3.FileAccessLog`,
            path,
            log_format: { text_format_source: { inline_string: `%REQ(:PATH)% ${'-'.repeat(3000)} end\n` } },
          },
        },
      ],
    },
  });
  let sent = 0;
  await until('both workers serve', async () => {
    await many(port, 10);
    sent += 10;
    return (await served(workers)).every((count) => count > 0);
  });
  // A worker may still be counting what its client has read already.
  for (const name of ['cluster.c.upstream_rq_total', 'cluster.c.upstream_rq_200', 'http.test.downstream_rq_total']) {
    await until(`all of ${name}`, () => stat(workers, name) >= sent);
    assert.equal(stat(workers, name), sent);
  }
  assert.equal(stat(workers, 'cluster.c.membership_total'), 1);
  assert.equal(stat(workers, 'listener_manager.total_listeners_active'), 1);

  await workers.replace(1);
  await until('another is in its place', () => workers.settled && workers.crashes === 1);
  await many(port, 10);
  sent += 10;
  await until('all are counted', () => stat(workers, 'cluster.c.upstream_rq_total') >= sent);
  assert.equal(stat(workers, 'cluster.c.upstream_rq_total'), sent);

  const slow = Array.from({ length: 8 }, () => fetchText(port, '/slow'));
  await until('all are with the application', () => waiting.length === 8);
  const drained = proxy.handle.drain(PATIENCE_MS);
  for (const response of waiting) response.end('late');
  assert.deepEqual(codes(await Promise.all(slow)), { 200: 8 });
  await drained;
  sent += 8;
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  assert.ok(
    lines.every((line) => /^\/\w+ -{3000} end$/.test(line)),
    'no line is torn',
  );
  // The first worker was ended with lines that it had not written yet, at most those of its last second.
  assert.ok(lines.length <= sent && lines.length >= 18, `${lines.length} of ${sent} lines`);
});
