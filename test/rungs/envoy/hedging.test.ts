// Hedged requests through our proxy and a real Envoy, from one bootstrap: who answers, and what is counted.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { meshEntry } from '../../mesh/mesh.ts';
import { cluster, httpListener } from '../../proxy-life/config.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { findEnvoy } from './find-envoy.ts';

const envoy = findEnvoy();
const NEVER_MS = 600_000;
/** Long after the per-try time, so that a busy machine changes no order. */
const LATE_MS = 2_000;

interface Answer {
  readonly status: number;
  /** Which attempt it answered, as the application saw it. */
  readonly attempt: string;
}

/** Answers the nth attempt of a request after the nth of its `x-delays`, with the nth of its `x-statuses`. */
function startApp(): Server {
  const seen = new Map<string, number>();
  return createServer((asked, answer) => {
    const text = (name: string): string => String(asked.headers[name] ?? '');
    const nth = seen.get(asked.url ?? '') ?? 0;
    seen.set(asked.url ?? '', nth + 1);
    const timer = setTimeout(
      () => {
        answer.writeHead(Number(text('x-statuses').split(',')[nth]), { 'x-attempt': text('x-envoy-attempt-count') });
        answer.end();
      },
      Number(text('x-delays').split(',')[nth]),
    );
    answer.once('close', () => clearTimeout(timer));
  });
}

function bootstrap(app: number, port: number, admin: number): object {
  const route = {
    cluster: 'web',
    timeout: '60s',
    retry_policy: { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.2s' },
    hedge_policy: { hedge_on_per_try_timeout: true },
  };
  const listener = httpListener('in', port, [{ match: { prefix: '/' }, route }]);
  const text = JSON.stringify({
    node: { id: 'hedge', cluster: 'hedge' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
    static_resources: { listeners: [listener], clusters: [cluster('web', [app])] },
  });
  return JSON.parse(text.replace('"domains":["*"]', '"domains":["*"],"include_request_attempt_count":true'));
}

for (const plane of ['topsail', 'envoy'] as const) {
  const missing = plane === 'envoy' && envoy === undefined && process.env['CI'] === undefined;
  describe(`hedging on ${plane}`, { skip: missing ? 'no Envoy' : false }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-hedge-'));
    const app = startApp();
    let child: ChildProcess;
    let port = 0;
    let admin = 0;

    before(async () => {
      app.listen(0, '127.0.0.1');
      await once(app, 'listening');
      [port, admin] = [await freePort(), await freePort()];
      const file = join(folder, 'b.json');
      writeFileSync(file, JSON.stringify(bootstrap((app.address() as AddressInfo).port, port, admin)));
      const [program, ...args] =
        plane === 'envoy'
          ? [envoy ?? '', '--disable-hot-restart', '--concurrency', '1', '-l', 'error']
          : [process.execPath, meshEntry(), 'proxy', '--log-level', 'error'];
      child = spawn(program as string, [...args, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
      for (let i = 0; i < 1000 && (await fetchStatus(`http://127.0.0.1:${admin}/ready`)) !== 200; i++) await sleep(60);
    });

    after(async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      app.closeAllConnections();
      app.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const ask = (path: string, delays: readonly number[], statuses: readonly number[]): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const headers = { 'x-delays': delays.join(), 'x-statuses': statuses.join() };
        request({ host: '127.0.0.1', port, path, headers, agent: false }, (answer) => {
          answer.resume();
          resolve({ status: answer.statusCode ?? 0, attempt: String(answer.headers['x-attempt']) });
        })
          .once('error', reject)
          .end();
      });

    const counters = async (): Promise<Record<string, number>> => {
      const text = await (await fetch(`http://127.0.0.1:${admin}/stats?filter=cluster.web.upstream_rq`)).text();
      const of = (name: string): number => Number(new RegExp(`^cluster\\.web\\.${name}: (\\d+)$`, 'm').exec(text)?.[1]);
      return Object.fromEntries(COUNTED.map((name) => [name, of(name)]));
    };

    const counted = async (run: () => Promise<Answer>): Promise<readonly [Answer, Record<string, number>]> => {
      const start = await counters();
      const answer = await run();
      const end = await counters();
      return [answer, Object.fromEntries(COUNTED.map((name) => [name, (end[name] ?? 0) - (start[name] ?? 0)]))];
    };

    it('takes the first attempt’s late answer and resets the second', async () => {
      const [answer, grown] = await counted(() => ask('/first', [LATE_MS, NEVER_MS], [200, 200]));
      assert.deepEqual(answer, { status: 200, attempt: '1' });
      assert.deepEqual(grown, {
        upstream_rq_total: 2,
        upstream_rq_retry: 1,
        // No retry brought it.
        upstream_rq_retry_success: 0,
        upstream_rq_retry_limit_exceeded: 1,
        upstream_rq_per_try_timeout: 0,
        // Over HTTP/1.1 the connection goes with the stream.
        upstream_rq_tx_reset: 0,
        upstream_rq_timeout: 0,
      });
    });

    it('takes the second attempt’s answer and resets the first', async () => {
      const [answer, grown] = await counted(() => ask('/second', [NEVER_MS, 0], [200, 200]));
      assert.deepEqual(answer, { status: 200, attempt: '2' });
      assert.deepEqual(grown, {
        upstream_rq_total: 2,
        upstream_rq_retry: 1,
        upstream_rq_retry_success: 1,
        upstream_rq_retry_limit_exceeded: 0,
        upstream_rq_per_try_timeout: 0,
        upstream_rq_tx_reset: 0,
        upstream_rq_timeout: 0,
      });
    });

    it('throws an answer that it would retry away while the other may come', async () => {
      const [answer, grown] = await counted(() => ask('/bad', [LATE_MS, LATE_MS * 2], [503, 200]));
      assert.deepEqual(answer, { status: 200, attempt: '2' });
      assert.equal(grown['upstream_rq_total'], 2);
    });

    it('answers with the last one when both are bad', async () => {
      const [answer] = await counted(() => ask('/both', [LATE_MS, LATE_MS * 2], [503, 502]));
      assert.deepEqual(answer, { status: 502, attempt: '2' });
    });
  });
}

const COUNTED = [
  'upstream_rq_total',
  'upstream_rq_retry',
  'upstream_rq_retry_success',
  'upstream_rq_retry_limit_exceeded',
  'upstream_rq_per_try_timeout',
  'upstream_rq_tx_reset',
  'upstream_rq_timeout',
];

async function fetchStatus(url: string): Promise<number> {
  return (await fetch(url).catch(() => undefined))?.status ?? 0;
}
