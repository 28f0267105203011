import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, type HttpAnswer, type HttpAsked, type HttpRoute, SeededRandom } from '#base';
import { type Complaint, type ConfigView, type ParsedDocument, viewOf } from '#config';
import { checkEdit } from './check-edit.ts';
import { ConfigHistory } from './config-history.ts';
import { pageRoutes } from './page-routes.ts';
import { signInRoutes } from './sign-in.ts';
import { type TapAgent, type TapFilter, TapHub } from './tap-hub.ts';

const asked = (fields: Partial<HttpAsked>): HttpAsked => ({
  method: 'GET',
  path: '/',
  params: {},
  query: new URLSearchParams(),
  headers: {},
  body: '',
  ...fields,
});
const NOTHING: TapFilter = { workload: '', pathPrefix: '', status: '', to: '', perSecondMax: 10 };

test('a sign-in code gives the token once, and not after its time', async () => {
  const clock = new FakeClock();
  const routes = signInRoutes({ clock, random: new SeededRandom(1), token: 'secret' });
  const call = async (path: string, body = ''): Promise<{ code?: string; token?: string }> => {
    const route = routes.find((one) => one.path === path && one.method === 'POST') as HttpRoute;
    return JSON.parse(((await route.answer(asked({ body }))) as HttpAnswer).body) as { code?: string; token?: string };
  };
  const use = async (code: string | undefined): Promise<string | undefined> =>
    (await call('/api/v1/sign-in', JSON.stringify({ code }))).token;
  const { code } = await call('/api/v1/sign-in/code');
  assert.deepEqual([await use(code), await use(code), await use('guess')], ['secret', undefined, undefined]);
  const late = (await call('/api/v1/sign-in/code')).code;
  clock.advance(11 * 60_000);
  assert.equal(await use(late), undefined);
  assert.equal(routes.find((one) => one.path.endsWith('/code'))?.write, true);
});

test('history keeps the forms of an object, newest first, and nothing of Secrets', () => {
  const texts = new Map([
    ['VirtualService/d/a', 'one'],
    ['Secret/d/s', 'key'],
  ]);
  const history = new ConfigHistory({ clock: new FakeClock(), textOf: (key) => texts.get(key) });
  const told = (from: number, kind: 'added' | 'changed' | 'removed', ...keys: string[]): void =>
    history.changed({} as ConfigView, {
      from,
      to: from + 1,
      added: new Set(),
      changed: new Set(),
      removed: new Set(),
      [kind]: new Set(keys),
    });
  told(0, 'added', 'VirtualService/d/a', 'Secret/d/s');
  texts.set('VirtualService/d/a', 'two');
  told(1, 'changed', 'VirtualService/d/a');
  told(2, 'removed', 'VirtualService/d/a');
  assert.deepEqual(
    history.of('VirtualService', 'd', 'a').revisions.map((one) => [one.change, one.text]),
    [
      ['removed', ''],
      ['changed', 'two'],
      ['first seen', 'one'],
    ],
  );
  assert.deepEqual(
    history.recent().map((one) => one.change),
    ['removed', 'changed'],
  );
  assert.deepEqual(history.of('Secret', 'd', 's').revisions, []);
});

test('history is bounded for each object', () => {
  const history = new ConfigHistory({ clock: new FakeClock(), textOf: () => 'x' });
  for (let i = 1; i < 200; i++)
    history.changed({} as ConfigView, {
      from: i,
      to: i + 1,
      added: new Set(),
      changed: new Set(['Gateway/d/g']),
      removed: new Set(),
    });
  assert.equal(history.of('Gateway', 'd', 'g').revisions.length, 30);
});

test('a check says what the parser says, and what would be wrong between objects', () => {
  const edit = (more: string): string =>
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: d}\nspec: {action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]${more}}\n`;
  const between = { code: 'TS-REG-034', object: 'AuthorizationPolicy d/p' } as Complaint;
  const config = viewOf([]);
  const tried: (readonly ParsedDocument[])[] = [];
  const codes = (text: string, mesh: boolean): readonly string[] =>
    checkEdit(
      { texts: [{ file: 'edit', text }], namespace: 'd' },
      (documents) => {
        tried.push(documents);
        return mesh ? { config, findings: [between] } : undefined;
      },
      (complaints, after) => complaints.filter(({ code }) => after === config && code !== 'TS-CFG-0404'),
    ).findings.map((one) => one.code);
  assert.deepEqual(codes(edit(''), true), ['TS-REG-034']);
  assert.deepEqual(codes(edit(''), false), ['TS-CFG-0404']);
  assert.deepEqual(
    tried.map(([document]) => document?.key),
    ['AuthorizationPolicy/d/p', 'AuthorizationPolicy/d/p'],
  );
  assert.ok(codes(edit(', rulez: 1'), true).length > 1);
});

class Agent implements TapAgent {
  readonly namespace = 'd';
  readonly started: bigint[] = [];
  readonly stopped: bigint[] = [];
  readonly workload: string;
  constructor(workload: string) {
    this.workload = workload;
  }
  start(subscription: bigint): void {
    this.started.push(subscription);
  }
  stop(subscription: bigint): void {
    this.stopped.push(subscription);
  }
}

test('a tap reaches the agents that fit, also those that come later, and ends', () => {
  const hub = new TapHub();
  const [a, b] = [new Agent('a'), new Agent('b')];
  hub.joined(a);
  const end = hub.listen({ ...NOTHING, workload: 'd/b' }, () => {});
  hub.joined(b);
  end?.();
  assert.deepEqual([a.started.length, b.started.length, a.stopped.length, b.stopped.length], [0, 1, 0, 1]);
});

test('a record is believed from its own workload only, and kept for explain', () => {
  const hub = new TapHub();
  const heard: string[] = [];
  hub.listen(NOTHING, (json) => heard.push(json));
  const record = (workload: string, atMs: number): string =>
    JSON.stringify({
      id: 'r',
      workload,
      namespace: 'd',
      direction: 'inbound',
      atMs,
      durationMs: 1,
      authority: '',
      path: '/',
      source: { workload: '' },
      destination: { workload: '' },
    });
  hub.record({ workload: 'a', namespace: 'd' }, 1n, record('a', 2));
  hub.record({ workload: 'b', namespace: 'd' }, 1n, record('a', 1));
  hub.record({ workload: 'b', namespace: 'd' }, 1n, record('b', 1));
  hub.record({ workload: 'b', namespace: 'd' }, 1n, 'no json');
  hub.record({ workload: 'b', namespace: 'd' }, 9n, record('b', 1));
  assert.equal(heard.length, 2);
  assert.deepEqual(
    hub.explain('r').map((one) => one.hop.workload),
    ['b', 'a'],
  );
});

test('no more listen at once than there is room for', () => {
  const hub = new TapHub();
  const ends = Array.from({ length: 40 }, () => hub.listen(NOTHING, () => {}));
  assert.equal(ends.filter((one) => one !== undefined).length, 32);
});

test('a record of what nothing declares is told with the service that was meant, where that is known', () => {
  const hub = new TapHub();
  const heard: string[] = [];
  hub.listen(NOTHING, (json) => heard.push(json));
  const undeclared = { service: 'b.d.svc.cluster.local', port: 9, ports: [80] };
  hub.undeclared = ({ endpoint }) => (endpoint === '10.0.0.1:9' ? undeclared : undefined);
  const record = (cluster: string, endpoint: string): string =>
    JSON.stringify({
      ...{ id: '', workload: 'a', namespace: 'd', direction: 'outbound', atMs: 1, durationMs: 1, cluster, endpoint },
      ...{ source: { workload: 'a' }, destination: { workload: '' } },
    });
  for (const [cluster, endpoint] of [
    ['PassthroughCluster', '10.0.0.1:9'],
    ['PassthroughCluster', '10.0.0.2:9'],
    ['outbound|9||b', '10.0.0.1:9'],
  ] as const)
    hub.record({ workload: 'a', namespace: 'd' }, 1n, record(cluster, endpoint));
  assert.deepEqual(
    heard.map((json) => (JSON.parse(json) as { undeclared?: unknown }).undeclared),
    [undeclared, undefined, undefined],
  );
});

test('without a built dashboard there are no pages; with one its policy lets nothing in', () => {
  assert.deepEqual(pageRoutes(new Map()), []);
  const routes = pageRoutes(
    new Map([
      ['index.html', '<html>'],
      ['assets/a-1.js', '1'],
    ]),
  );
  const answer = routes.find((one) => one.path === '/graph')?.answer(asked({})) as HttpAnswer;
  assert.doesNotMatch(answer.headers?.['content-security-policy'] ?? 'unsafe', /unsafe|\*|https?:/);
  assert.match(
    (routes.find((one) => one.path === '/assets/a-1.js')!.answer(asked({})) as HttpAnswer).headers?.['cache-control'] ??
      '',
    /immutable/,
  );
});
