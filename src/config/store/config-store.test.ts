import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, silentLogger } from '#base';
import type { ConfigDiff } from '../model/view.ts';
import { parseText } from '../parse/parse-text.ts';
import { MemoryFs } from '../source/memory-fs.fixture.ts';
import { ConfigStore } from './config-store.ts';
import { LastGoodFolder } from './last-good.ts';

const route = (subset: string, name = 'a', extra = ''): string =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: ${name}\nspec:\n  hosts: [a]\n  http:\n  - route:\n    - destination: {host: a, subset: ${subset}}\n${extra}`;
const BAD = route('v1', 'a', '    timeut: 1s\n');
const policy = (body: string): string =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n${body}`;
const GOOD_POLICY = policy('  selector: {matchLabels: {app: pay}}\n  rules: [{to: [{operation: {methods: [GET]}}]}]\n');

function filled(...files: readonly (readonly [string, string])[]): ConfigStore {
  const store = new ConfigStore();
  for (const [file, text] of files) store.setFile(file, parseText(file, text));
  store.commit();
  return store;
}
const set = (store: ConfigStore, file: string, text: string): ConfigDiff | undefined => {
  store.setFile(file, parseText(file, text));
  return store.commit();
};
const subsetOf = (store: ConfigStore): string | undefined =>
  store.view.get('VirtualService', 'default', 'a')?.spec.http?.[0]?.route?.[0]?.destination.subset;
const codesOf = (store: ConfigStore): string[] => store.view.complaints.map((c) => c.code);

describe('the store', () => {
  it('hands out what documents say, and the difference to what it handed out before', () => {
    const store = filled(['a.yaml', route('v1')]);
    const diff = set(store, 'a.yaml', route('v2'));
    assert.deepEqual([...(diff?.changed ?? [])], ['VirtualService/default/a']);
    assert.equal(subsetOf(store), 'v2');
    assert.equal(store.view.get('VirtualService', 'default', 'a')?.metadata.generation, 2);
  });

  it('keeps an object, its age and its generation over an edit that changes nothing', () => {
    const store = filled(['a.yaml', route('v1')]);
    const before = store.view.get('VirtualService', 'default', 'a');
    store.setFile('a.yaml', parseText('a.yaml', `# a comment\n${route('v1')}`, { createdMs: 99 }));
    const diff = store.commit();
    assert.equal(diff?.changed.size, 0);
    assert.equal(store.view.get('VirtualService', 'default', 'a'), before);
  });

  it('keeps the last good version of a bad document in force and says so', () => {
    const store = filled(['a.yaml', route('v1')], ['b.yaml', route('v1', 'b')]);
    set(store, 'a.yaml', BAD);
    assert.equal(subsetOf(store), 'v1');
    assert.deepEqual(codesOf(store), ['TS-CFG-0101', 'TS-CFG-0501']);
    assert.equal(store.view.statusInputs.get('VirtualService/default/a')?.state, 'lastGood');
    assert.equal(store.view.statusInputs.get('VirtualService/default/b')?.state, 'accepted');
    set(store, 'a.yaml', route('v3'));
    assert.equal(subsetOf(store), 'v3');
    assert.deepEqual(codesOf(store), []);
  });

  it('keeps what a file said while the file is not YAML at all', () => {
    const store = filled(['a.yaml', `${route('v1')}---\n${route('v1', 'b')}`]);
    set(store, 'a.yaml', '{{{{');
    assert.equal(store.view.list('VirtualService').length, 2);
    set(store, 'a.yaml', route('v2'));
    assert.equal(store.view.list('VirtualService').length, 1);
  });

  it('lets an object go with its document', () => {
    const store = filled(['a.yaml', route('v1')]);
    store.removeFile('a.yaml');
    assert.deepEqual([...(store.commit()?.removed ?? [])], ['VirtualService/default/a']);
    assert.equal(subsetOf(store), undefined);
  });

  it('keeps the older of two documents for one object and names both', () => {
    const store = filled(['a.yaml', route('v1')], ['b.yaml', route('v2')]);
    assert.equal(subsetOf(store), 'v1');
    const [complaint] = store.view.complaints;
    assert.equal(complaint?.code, 'TS-CFG-0011');
    assert.equal(`${complaint?.file} ${complaint?.object}`, 'b.yaml VirtualService default/a');
    assert.equal(complaint?.message, 'is also in a.yaml:1; the older one stays in force.');
    set(store, 'a.yaml', route('v3'));
    assert.equal(subsetOf(store), 'v3');
    store.removeFile('a.yaml');
    store.commit();
    assert.equal(subsetOf(store), 'v2');
    assert.deepEqual(codesOf(store), []);
  });

  it('shares the tables of kinds that did not change', () => {
    const store = filled(['a.yaml', route('v1')], ['p.yaml', GOOD_POLICY]);
    const before = store.view.list('AuthorizationPolicy');
    set(store, 'a.yaml', route('v2'));
    assert.equal(store.view.list('AuthorizationPolicy'), before);
    assert.deepEqual(store.view.list('AuthorizationPolicy', 'shop'), before);
  });

  it('tells followers first what is there, then what changes', () => {
    const store = filled(['a.yaml', route('v1')]);
    const told: (readonly [number, number])[] = [];
    const follower = store.follow((_, diff) => void told.push([diff.added.size, diff.changed.size]));
    set(store, 'a.yaml', route('v2'));
    follower.close();
    set(store, 'a.yaml', route('v3'));
    assert.deepEqual(told, [
      [1, 0],
      [0, 1],
    ]);
  });

  it('says nothing to subscribers when nothing changed', () => {
    const store = filled(['a.yaml', route('v1')]);
    let calls = 0;
    store.subscribe(() => calls++);
    assert.equal(store.commit(), undefined);
    assert.equal(calls, 0);
    set(store, 'a.yaml', route('v2'));
    assert.equal(calls, 1);
  });
});

describe('a bad security policy without a good version', () => {
  it('denies what its readable selector covers', () => {
    const store = filled(['p.yaml', policy('  selector: {matchLabels: {app: pay}}\n  rulez: []\n')]);
    const object = store.view.get('AuthorizationPolicy', 'shop', 'p');
    assert.deepEqual(object?.spec, { selector: { matchLabels: { app: 'pay' } }, action: 'DENY', rules: [{}] });
    assert.equal(object?.standIn, 'deny');
    assert.ok(codesOf(store).includes('TS-CFG-0502'));
  });
  it('denies its namespace when the selector cannot be read, or the text cannot', () => {
    for (const text of [policy('  selector: {matchLabels: {app: [1]}}\n'), `${policy('  rules: [}\n')}`]) {
      const store = filled(['p.yaml', text]);
      assert.deepEqual(store.view.get('AuthorizationPolicy', 'shop', 'p')?.spec, { action: 'DENY', rules: [{}] }, text);
    }
  });
  it('is STRICT for a PeerAuthentication', () => {
    const store = filled([
      'p.yaml',
      'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: shop}\nspec: {mtls: {mode: STRIKT}}\n',
    ]);
    assert.deepEqual(store.view.get('PeerAuthentication', 'shop', 'p')?.spec, { mtls: { mode: 'STRICT' } });
  });
  it('with an unknown version of the API still denies', () => {
    const store = filled(['p.yaml', GOOD_POLICY.replace('/v1', '/v9')]);
    assert.equal(store.view.get('AuthorizationPolicy', 'shop', 'p')?.standIn, 'deny');
  });
  it('keeps its last good version when it has one', () => {
    const store = filled(['p.yaml', GOOD_POLICY]);
    set(store, 'p.yaml', policy('  rulez: []\n'));
    assert.equal(store.view.get('AuthorizationPolicy', 'shop', 'p')?.spec.selector?.matchLabels?.['app'], 'pay');
  });
});

describe('after a restart', () => {
  async function restart(fs: MemoryFs, files: readonly (readonly [string, string])[]): Promise<ConfigStore> {
    const folder = new LastGoodFolder(fs, 'state/last-good', silentLogger);
    const store = new ConfigStore({ lastGood: await folder.load(), sink: folder });
    for (const [file, text] of files) store.setFile(file, parseText(file, text, { createdMs: 5 }));
    store.sweep();
    store.commit();
    await folder.settled();
    return store;
  }

  it('a bad document still has its last good version, age and generation', async () => {
    const fs = new MemoryFs(new FakeClock());
    const first = await restart(fs, [['a.yaml', route('v1')]]);
    const second = await restart(fs, [['a.yaml', BAD]]);
    const [before, after] = [first, second].map((store) => store.view.get('VirtualService', 'default', 'a'));
    assert.equal(subsetOf(second), 'v1');
    assert.deepEqual({ ...after, source: 0, standIn: 0 }, { ...before, source: 0, standIn: 0 });
    assert.equal(second.view.statusInputs.get('VirtualService/default/a')?.state, 'lastGood');
  });
  it('an unreadable file still says what it said', async () => {
    const fs = new MemoryFs(new FakeClock());
    await restart(fs, [['p.yaml', GOOD_POLICY]]);
    const store = await restart(fs, [['p.yaml', '}{']]);
    assert.equal(store.view.get('AuthorizationPolicy', 'shop', 'p')?.spec.selector?.matchLabels?.['app'], 'pay');
  });
  it('of two documents for one object the one that was in force still is', async () => {
    const fs = new MemoryFs(new FakeClock());
    const files = [['a.yaml', route('v1')] as const, ['b.yaml', route('v2')] as const];
    await restart(fs, files);
    assert.equal(subsetOf(await restart(fs, files.toReversed())), 'v1');
  });
  it('forgets what no file says any more', async () => {
    const fs = new MemoryFs(new FakeClock());
    await restart(fs, [['a.yaml', route('v1')]]);
    await restart(fs, []);
    assert.deepEqual([...fs.files.keys()], []);
  });
});
