// How a copy of a kind stays true while lists break off, watches end and versions expire.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { KubeClient } from './client.ts';
import { Informer } from './informer.ts';
import { RESOURCES } from './object.ts';
import { FakeApi, listOf, named, reply, settle } from './testing/fake-api.ts';

function begin(
  options: {
    readonly types?: readonly (typeof RESOURCES.pods)[];
    readonly resyncMs?: number;
    readonly listed?: () => void;
  } = {},
) {
  const api = new FakeApi();
  const clock = new FakeClock();
  const client = new KubeClient({ transport: api, fieldManager: 'test' });
  const informer = new Informer<string>({
    client,
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    types: (options.types ?? [RESOURCES.pods]) as never,
    prune: (object) => object.metadata.resourceVersion,
    same: (a, b) => a === b,
    ...(options.resyncMs === undefined ? {} : { resyncMs: options.resyncMs }),
    ...(options.listed === undefined ? {} : { listed: options.listed }),
  });
  const told: string[][] = [];
  informer.onChange((keys) => void told.push([...keys].sort()));
  return { api, clock, informer, told };
}

describe('an informer', () => {
  it('lists page by page, then watches from where the list stood', async () => {
    const { api, informer, told } = begin();
    api.answer = ({ path }) =>
      path.includes('continue=more') ? listOf([named('b')], '7') : listOf([named('a')], '7', 'more');
    await informer.start();
    assert.deepEqual([...informer.objects.keys()], ['shop/a', 'shop/b']);
    assert.deepEqual(told, [['shop/a', 'shop/b']]);
    assert.match(api.calls[0]?.path ?? '', /limit=500/);
    assert.match(api.lastWatch.path, /watch=true.*allowWatchBookmarks=true.*resourceVersion=7/);
  });

  it('tells once what came together, and not what pruning makes equal', async () => {
    const { api, informer, told } = begin();
    api.answer = () => listOf([named('a', '1')], '1');
    await informer.start();
    api.lastWatch.send(
      { type: 'MODIFIED', object: named('a', '1') },
      { type: 'ADDED', object: named('b', '2') },
      { type: 'ADDED', object: named('c', '3') },
    );
    api.lastWatch.send({ type: 'DELETED', object: named('b', '4') });
    assert.deepEqual(told.slice(1), [['shop/b', 'shop/c'], ['shop/b']]);
    assert.deepEqual([...informer.objects.keys()], ['shop/a', 'shop/c']);
  });

  it('resumes a watch that ended after the newest bookmark, without a list', async () => {
    const { api, clock, informer } = begin();
    api.answer = () => listOf([], '5');
    await informer.start();
    api.lastWatch.send({ type: 'BOOKMARK', object: { metadata: { name: '', resourceVersion: '90' } } });
    api.lastWatch.end('the connection broke');
    clock.advance(200);
    assert.equal(api.watches.length, 2);
    assert.match(api.lastWatch.path, /resourceVersion=90/);
    assert.equal(informer.reflector.lists, 1);
  });

  it('lists again after 410 Gone, as an event or as a refusal, and notices what was deleted meanwhile', async () => {
    for (const gone of ['event', 'refusal']) {
      const { api, clock, informer, told } = begin();
      api.answer = () => listOf([named('a', '1'), named('b', '1')], '5');
      await informer.start();
      api.answer = () => listOf([named('b', '6'), named('c', '6')], '9');
      if (gone === 'event')
        api.lastWatch.send({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
      else api.lastWatch.refuse(410);
      clock.advance(1000);
      await settle();
      assert.deepEqual([...informer.objects.keys()].sort(), ['shop/b', 'shop/c'], gone);
      assert.deepEqual(told.at(-1), ['shop/a', 'shop/b', 'shop/c'], gone);
      assert.match(api.lastWatch.path, /resourceVersion=9/);
    }
  });

  it('begins a list anew when its continuation expired half way', async () => {
    const { api, clock, informer } = begin();
    let calls = 0;
    api.answer = ({ path }) => {
      calls++;
      if (path.includes('continue='))
        return calls === 2 ? reply(410, { message: 'expired' }) : listOf([named('b')], '4');
      return listOf([named('a')], '4', 'more');
    };
    const synced = informer.start();
    await settle();
    assert.equal(informer.synced, false);
    clock.advance(1000);
    await synced;
    assert.deepEqual([...informer.objects.keys()], ['shop/a', 'shop/b']);
  });

  it('tries again with growing pauses while nobody answers, and obeys retry-after', async () => {
    const { api, clock, informer } = begin();
    api.answer = () => undefined;
    const synced = informer.start();
    const times: number[] = [];
    for (let ms = 0; ms < 20_000; ms += 50) {
      const before = api.calls.length;
      clock.advance(50);
      await settle();
      if (api.calls.length > before) times.push(ms);
    }
    const pauses = times.slice(1).map((time, i) => time - (times[i] as number));
    assert.ok(pauses.length >= 4 && pauses.length < 12, String(pauses));
    assert.ok((pauses.at(-1) as number) > 4 * (pauses[0] as number), String(pauses));
    api.answer = () => reply(429, {}, 40_000);
    clock.advance(30_000);
    await settle();
    const count = api.calls.length;
    api.answer = () => listOf([], '1');
    clock.advance(35_000);
    await settle();
    assert.equal(api.calls.length, count, 'not before retry-after');
    clock.advance(10_000);
    await synced;
  });

  it('takes the first version that is served, and a kind that is not installed as empty until it is', async () => {
    const v1 = { ...RESOURCES.pods, group: 'g', version: 'v1' };
    const beta = { ...v1, version: 'v1beta1' };
    let lists = 0;
    const { api, clock, informer } = begin({ types: [v1, beta] as never, listed: () => void lists++ });
    let served = '';
    api.answer = ({ path }) =>
      served !== '' && path.includes(`/g/${served}/`) ? listOf([named('a')], '1') : reply(404, {});
    await informer.start();
    assert.equal(informer.reflector.state, 'absent');
    assert.equal(informer.synced, true);
    assert.equal(lists, 0, 'nothing was listed');
    served = 'v1beta1';
    clock.advance(3000);
    await settle();
    assert.deepEqual([...informer.objects.keys()], ['shop/a']);
    assert.equal(informer.reflector.type.version, 'v1beta1');
    assert.equal(lists, 1);
  });

  it('cuts a watch that outlives its time, and one that sends what is no event', async () => {
    const { api, clock, informer } = begin();
    api.answer = () => listOf([], '5');
    await informer.start();
    clock.advance(700_000);
    assert.equal(api.watches[0]?.closed, true);
    assert.ok(api.watches.length >= 2);
    api.lastWatch.handler.onData('<html>\n');
    assert.equal(api.lastWatch.closed, true);
    clock.advance(60_000);
    assert.ok(api.watches.length >= 3);
  });

  it('puts an event together that came in pieces', async () => {
    const { api, informer } = begin();
    api.answer = () => listOf([], '5');
    await informer.start();
    const text = `${JSON.stringify({ type: 'ADDED', object: named('a', '6') })}\n`;
    for (const piece of [text.slice(0, 10), text.slice(10, 40), text.slice(40)]) api.lastWatch.handler.onData(piece);
    assert.deepEqual([...informer.objects.keys()], ['shop/a']);
  });

  it('reports every key again at a resync, and nothing after it is stopped', async () => {
    const { api, clock, informer, told } = begin({ resyncMs: 60_000 });
    api.answer = () => listOf([named('a'), named('b')], '5');
    await informer.start();
    clock.advance(60_000);
    assert.deepEqual(told, [
      ['shop/a', 'shop/b'],
      ['shop/a', 'shop/b'],
    ]);
    informer.stop();
    api.lastWatch.send({ type: 'ADDED', object: named('c') });
    clock.advance(600_000);
    assert.equal(told.length, 2);
    assert.equal(clock.pendingTimers, 0);
  });
});
