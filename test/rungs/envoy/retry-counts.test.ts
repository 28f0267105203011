// What a cluster counts of responses that are retried, thrown away or only announced: our proxy beside a real Envoy.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../../mesh/test-ports.ts';
import { cluster, httpListener } from '../../proxy-life/config.ts';
import { type Counts, growth, PLANES, type PlaneBed, skipOf, startPlane } from './plane-bed.ts';

/** Does with the nth attempt of a path what the nth word of `x-plan` says: a status, `cut`, or `never`. */
function startApp(): Server {
  const seen = new Map<string, number>();
  return createServer((asked, answer) => {
    const nth = seen.get(asked.url ?? '') ?? 0;
    seen.set(asked.url ?? '', nth + 1);
    const word = String(asked.headers['x-plan']).split(',')[nth] ?? '';
    if (word === 'cut') asked.socket.destroy();
    else if (word !== 'never') answer.writeHead(Number(word)).end();
  });
}

interface Case {
  readonly name: string;
  readonly plan: string;
  readonly status: number;
  readonly grown: Counts;
}

const RETRIED = { upstream_rq_total: 2, upstream_rq_retry: 1, upstream_rq_retry_backoff_exponential: 1 };

const CASES: readonly Case[] = [
  {
    name: 'a response that is tried again is counted among the retries only',
    plan: '503,200',
    status: 200,
    grown: {
      ...RETRIED,
      upstream_rq_retry_success: 1,
      upstream_rq_200: 1,
      upstream_rq_2xx: 1,
      upstream_rq_completed: 1,
      'retry.upstream_rq_503': 1,
      'retry.upstream_rq_5xx': 1,
      'retry.upstream_rq_completed': 1,
    },
  },
  {
    name: 'the last of several bad responses is the cluster’s',
    plan: '502,503',
    status: 503,
    grown: {
      ...RETRIED,
      upstream_rq_retry_limit_exceeded: 1,
      upstream_rq_503: 1,
      upstream_rq_5xx: 1,
      upstream_rq_completed: 1,
      'retry.upstream_rq_502': 1,
      'retry.upstream_rq_5xx': 1,
      'retry.upstream_rq_completed': 1,
    },
  },
  {
    name: 'an attempt without a response has no code',
    plan: 'cut,200',
    status: 200,
    grown: {
      ...RETRIED,
      upstream_rq_retry_success: 1,
      upstream_rq_200: 1,
      upstream_rq_2xx: 1,
      upstream_rq_completed: 1,
    },
  },
  {
    name: 'an attempt that took too long has none either',
    plan: 'never,404',
    status: 404,
    grown: {
      ...RETRIED,
      upstream_rq_per_try_timeout: 1,
      upstream_rq_retry_success: 1,
      upstream_rq_404: 1,
      upstream_rq_4xx: 1,
      upstream_rq_completed: 1,
    },
  },
];

for (const plane of PLANES) {
  describe(`codes of retried responses on ${plane}`, { skip: skipOf(plane) }, () => {
    const app = startApp();
    let bed: PlaneBed;
    let port = 0;

    before(async () => {
      app.listen(0, '127.0.0.1');
      await once(app, 'listening');
      port = await freePort();
      const retry = { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.5s' };
      const listener = httpListener('in', port, [
        { match: { prefix: '/' }, route: { cluster: 'web', timeout: '60s', retry_policy: retry } },
      ]);
      const { port: target } = app.address() as AddressInfo;
      bed = await startPlane(plane, { listeners: [listener], clusters: [cluster('web', [target])] });
    });
    after(async () => {
      await bed?.close();
      app.closeAllConnections();
      app.close();
    });

    const read = async (): Promise<Counts> => {
      const found = await bed.counts(/^cluster\.web\.(retry\.)?upstream_rq_(?!active|pending)/);
      return Object.fromEntries(
        Object.entries(found).map(([name, value]) => [name.slice('cluster.web.'.length), value]),
      );
    };

    const ask = (path: string, plan: string): Promise<number> =>
      new Promise((resolve, reject) => {
        // No idempotent method: what is cut on a kept connection is sent again without a retry.
        const method = 'POST';
        request({ host: '127.0.0.1', port, path, method, headers: { 'x-plan': plan }, agent: false }, (answer) => {
          answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
        })
          .once('error', reject)
          .end();
      });

    for (const [i, { name, plan, status, grown }] of CASES.entries())
      it(name, async () => {
        const start = await read();
        assert.equal(await ask(`/${i}`, plan), status);
        assert.deepEqual(growth(start, await read()), grown);
      });
  });
}
