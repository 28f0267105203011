// Peak EWMA over real endpoints: the one that answers late gets less (how it recovers: cluster.test.ts).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

/** Far above what a busy machine adds to both. */
const LATE_MS = 700;
const REQUESTS = 24;

test('requests go to the endpoint that answers sooner', async (t) => {
  const slow = await startApp((_, response) => void setTimeout(() => response.end('slow'), LATE_MS));
  const quick = await startApp((_, response) => response.end('quick'));
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }])] }])],
    [
      cluster('app', [slow.port, quick.port], {
        metadata: { filter_metadata: { 'topsail.lb': { policy: 'PEAK_EWMA' } } },
      }),
    ],
  );
  t.after(() => (proxy.close(), slow.close(), quick.close()));
  const ask = async (): Promise<string> => (await fetchText(proxy.port('l'), '/')).body;
  const answers: string[] = [];
  for (let i = 0; i < REQUESTS; i++) answers.push(await ask());
  const ofSlow = answers.filter((one) => one === 'slow').length;
  assert.ok(ofSlow > 0 && ofSlow < REQUESTS / 3, `${ofSlow} of ${REQUESTS} went to the slow one`);
});
