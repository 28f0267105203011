// The proxy of a workload that runs is replaced, or fails, while the application beside it goes on (design 15, pains 16).
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { isAlive, startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

const ROUTES = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ['*'] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: default }
spec:
  hosts: ['*']
  gateways: [edge]
  http: [{ route: [{ destination: { host: told, port: { number: 9080 } } }] }]
`;
/** The agent fails whenever the test says so. */
const FAILS = 'process.on("SIGUSR2",()=>{throw new Error("told to fail")})';

interface Record {
  readonly pid: number;
  readonly statusPort: number;
  readonly app: { readonly pid: number };
}
let mesh: TestMesh;

const record = (name: string): Record => mesh.record(name) as unknown as Record;
const replaced = async (...args: readonly string[]): Promise<void> => {
  // As long as a busy machine may take for one request, and a connection that rests is waited for.
  const { status, stdout, stderr } = await mesh.topsail('proxy-replace', ...args, '--drain-time-s', '20');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /another proxy serves \(number \d+, after .* s\); its application went on/);
};
const epoch = async (name: string): Promise<number | undefined> => {
  try {
    const answer = await fetch(`http://127.0.0.1:${record(name).statusPort}/healthz/ready`);
    return answer.status === 200 ? ((await answer.json()) as { epoch: number }).epoch : undefined;
  } catch {
    return undefined;
  }
};
const answers = async (count: number): Promise<readonly number[]> =>
  (await mesh.order('asker', { url: 'http://told:9080/', count })).map(({ status }) => status);

before(async () => {
  mesh = await startMesh({
    workloads: [
      { app: 'asker' },
      { app: 'told', env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(FAILS)}` } },
    ],
    config: [ROUTES],
    gateway: true,
  });
  await until('the first answers', async () => (await answers(5)).every((status) => status === 200));
});
after(() => mesh.stop());

test('no request fails while the proxies of server, client and gateway are replaced, and the applications are the same', async () => {
  const [asker, told] = [record('asker'), record('told')];
  let outside = 0;
  let over = false;
  const failed: string[] = [];
  const calls = (async () => {
    for (; !over; outside++) {
      const answer = await fetch(mesh.gatewayUrl).catch((error: unknown) => String(error));
      if (typeof answer === 'string' || answer.status !== 200)
        failed.push(typeof answer === 'string' ? answer : String(answer.status));
      else await answer.arrayBuffer();
    }
  })();
  await mesh.startFlow('asker', { id: 'get', url: 'http://told:9080/', perSecond: 40 });
  await mesh.startFlow('asker', { id: 'post', url: 'http://told:9080/', method: 'POST', body: 'x', perSecond: 20 });
  await Promise.all([
    replaced('told'),
    replaced('asker', '--concurrency', '2'),
    replaced('istio-ingressgateway.istio-system'),
  ]);
  over = true;
  await calls;
  const ends = [await mesh.stopFlow('asker', 'get'), await mesh.stopFlow('asker', 'post')];
  assert.deepEqual(
    ends.flatMap((end) => end.failures),
    [],
  );
  assert.deepEqual(failed, []);
  assert.ok(outside > 0 && ends.every((end) => end.done > 0));
  for (const [name, former] of [
    ['asker', asker],
    ['told', told],
  ] as const) {
    assert.equal(record(name).pid, former.pid, `${name}: the agent's process`);
    assert.deepEqual(record(name).app, former.app, `${name}: the application's process`);
    assert.equal(await epoch(name), 1);
  }
  assert.match((await mesh.topsail('proxy-status', 'asker')).stdout, /2 workers\n/);
});

test('the control plane knows one proxy of each again, and sends it what changes', async () => {
  await until('that stand-ins are gone', async () => (await mesh.proxies()).length === 3);
  await mesh.apply(
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: told, namespace: default }\nspec: { hosts: [told], http: [{ directResponse: { status: 418 } }] }\n',
  );
  await until('the new route', async () => (await answers(4)).every((status) => status === 418));
  await mesh.delete('VirtualService', 'told');
  await until('the old route', async () => (await answers(4)).every((status) => status === 200));
});

test('an agent that fails becomes another one: the application lives, and the same ports are served', async () => {
  const former = record('told');
  process.kill(former.pid, 'SIGUSR2');
  await until('the next proxy', async () => (await epoch('told')) === 2);
  assert.equal(record('told').pid, former.pid);
  assert.deepEqual(record('told').app, former.app);
  await until('answers', async () => (await answers(10)).every((status) => status === 200));
});

test('what can not be is refused with the reason', async () => {
  const unknown = await mesh.topsail('proxy-replace', 'nobody');
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /No workload of .* is called nobody\.default\. There are: .*told\.default/);
  const many = await mesh.topsail('proxy-replace', 'told', '--concurrency', '65');
  assert.equal(many.status, 1);
  assert.match(many.stderr, /no number of workers; give 1 to 64/);
});

test('the end of an application is still the end of its agent, whose status it is', async () => {
  const { app, pid } = record('told');
  process.kill(app.pid, 'SIGKILL');
  await until('the end of the agent', () => !isAlive(pid));
  assert.match(mesh.process('told').log(), /the application ended how="?SIGKILL/);
});
