import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, silentLogger } from '#base';
import { parseText } from '../parse/parse-text.ts';
import { ConfigStore } from '../store/config-store.ts';
import { FolderSource } from './folder-source.ts';
import { MemoryFs } from './memory-fs.fixture.ts';

const route = (subset: string, name = 'a'): string =>
  `# why\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: ${name}\nspec:\n  hosts: [a] # short\n  http:\n  - route:\n    - destination: {host: a, subset: ${subset}}\n`;

async function started(files: Readonly<Record<string, string>> = {}) {
  const clock = new FakeClock();
  const fs = new MemoryFs(clock);
  for (const [path, text] of Object.entries(files)) fs.put(`config/${path}`, text);
  const store = new ConfigStore();
  const source = new FolderSource({ fs, clock, log: silentLogger, folder: 'config', store });
  await source.start();
  const subset = (namespace = 'default'): string | undefined =>
    store.view.get('VirtualService', namespace, 'a')?.spec.http?.[0]?.route?.[0]?.destination.subset;
  const written = (text: string, defaultNamespace = 'default') => {
    const [document] = parseText('-', text, { defaultNamespace });
    assert.ok(document);
    return source.write(document);
  };
  return { clock, fs, store, source, subset, written };
}

describe('a watched folder', () => {
  it('is read at the start, in any layout', async () => {
    const { store } = await started({
      'x/y/z.yml': route('v1'),
      'b.json': JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } }),
      '.hidden.yaml': 'x',
      'notes.txt': 'x',
    });
    assert.deepEqual([...store.view.all()].map((o) => o.key).sort(), ['Namespace//n', 'VirtualService/default/a']);
    assert.deepEqual(store.view.complaints, []);
  });
  it('that is gone as a whole leaves everything in force, and is told; one that is empty does not', async () => {
    const { fs, source, store, subset, written } = await started({ 'a.yaml': route('v1') });
    const text = fs.files.get('config/a.yaml')?.text ?? '';
    const stat = fs.stat.bind(fs);
    fs.stat = async (path) => (path === 'config' ? undefined : stat(path));
    await fs.remove('config/a.yaml');
    await source.refresh();
    assert.equal(subset(), 'v1');
    assert.deepEqual(
      store.view.complaints.map((c) => c.code),
      ['TS-CFG-0506'],
    );
    assert.equal((await written(route('v2', 'b'))).outcome, 'refused');
    fs.stat = stat;
    fs.put('config/a.yaml', text);
    await source.refresh();
    assert.equal(subset(), 'v1');
    assert.deepEqual(store.view.complaints, []);
    await fs.remove('config/a.yaml');
    await source.refresh();
    assert.equal(subset(), undefined);
  });
  it('leaves a file unread that is too large', async () => {
    const { fs, source, store } = await started();
    fs.put('config/huge.yaml', 'x');
    const stat = fs.stat.bind(fs);
    fs.stat = async (path) => {
      const found = await stat(path);
      return found === undefined || !path.endsWith('huge.yaml') ? found : { ...found, size: 10 * 2 ** 30 };
    };
    fs.readText = async (path) => assert.fail(`${path} was read`);
    await source.refresh();
    assert.deepEqual(
      store.view.complaints.map((c) => c.code),
      ['TS-CFG-0002'],
    );
  });
  it('is read again when it has been quiet', async () => {
    const { clock, fs, source, subset } = await started({ 'a.yaml': route('v1') });
    fs.put('config/a.yaml', route('v2'));
    clock.advance(9);
    fs.put('config/a.yaml', route('v3'));
    clock.advance(9);
    await Promise.resolve();
    assert.equal(subset(), 'v1');
    clock.advance(1);
    await source.refresh();
    assert.equal(subset(), 'v3');
  });
  it('lets go of files that are gone', async () => {
    const { fs, source, subset } = await started({ 'a.yaml': route('v1') });
    await fs.remove('config/a.yaml');
    await source.refresh();
    assert.equal(subset(), undefined);
  });
});

describe('applying a document', () => {
  it('writes NAMESPACE/KIND.NAME.yaml with its comments, and is in force at once', async () => {
    const { fs, written, subset } = await started();
    assert.deepEqual(await written(route('v1')), { outcome: 'created', file: 'default/VirtualService.a.yaml' });
    assert.equal(fs.files.get('config/default/VirtualService.a.yaml')?.text, route('v1'));
    assert.equal(subset(), 'v1');
    assert.equal((await written(route('v1'))).outcome, 'unchanged');
    assert.equal((await written(route('v2'))).outcome, 'configured');
    assert.equal(subset(), 'v2');
  });
  it('writes down the namespace that the command named', async () => {
    const { fs, written, subset } = await started();
    await written(route('v1'), 'shop');
    assert.match(
      fs.files.get('config/shop/VirtualService.a.yaml')?.text ?? '',
      /metadata:\n {2}namespace: shop\n {2}name: a\nspec:\n {2}hosts: \[a\] # short/,
    );
    assert.equal(subset('shop'), 'v1');
  });
  it('replaces the document where its owner put it, and leaves the rest of the file', async () => {
    const { fs, written, subset } = await started({
      'all.yaml': `${route('v1', 'b')}---\n${route('v1')}---\n# last\n${route('v1', 'c')}`,
    });
    assert.deepEqual(await written(route('v2')), { outcome: 'configured', file: 'all.yaml' });
    assert.equal(
      fs.files.get('config/all.yaml')?.text,
      `${route('v1', 'b')}---\n${route('v2')}---\n# last\n${route('v1', 'c')}`,
    );
    assert.equal(subset(), 'v2');
  });
});

describe('applying beside an editor', () => {
  it('sees what was written a moment ago, and never overwrites other objects', async () => {
    const { fs, written, subset } = await started({ 'all.yaml': route('v1') });
    fs.put('config/all.yaml', `${route('v1', 'b')}---\n${route('v1')}`);
    await written(route('v2'));
    assert.equal(fs.files.get('config/all.yaml')?.text, `${route('v1', 'b')}---\n${route('v2')}`);
    fs.put('config/default/VirtualService.c.yaml', route('v1', 'other'));
    await written(route('v1', 'c'));
    assert.equal(
      fs.files.get('config/default/VirtualService.c.yaml')?.text,
      `${route('v1', 'other')}---\n${route('v1', 'c')}`,
    );
    assert.equal(subset(), 'v2');
  });
  it('is refused with a complaint where the object is part of a List or of an unreadable file', async () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${route('v1').replace('# why\n', '').trimEnd().replaceAll('\n', '\n  ')}\n`;
    const { fs, source, written } = await started({ 'list.yaml': list });
    const outcome = await written(route('v2'));
    assert.equal(outcome.outcome === 'refused' ? outcome.complaint.code : outcome.outcome, 'TS-CFG-0504');
    fs.put('config/list.yaml', '}{');
    assert.equal((await source.remove('VirtualService/default/a')).outcome, 'refused');
  });
  it('is refused with a complaint where the disk is full, and stays as it was', async () => {
    const { fs, source, written, subset } = await started({ 'a.yaml': route('v1') });
    fs.writeText = async () => {
      throw new Error('ENOSPC: no space left on device, write');
    };
    for (const outcome of [await written(route('v2')), await written(route('v1', 'b'))])
      assert.match(
        outcome.outcome === 'refused' ? `${outcome.complaint.code} ${outcome.complaint.message}` : outcome.outcome,
        /^TS-CFG-0505 .*no space left/,
      );
    assert.equal(subset(), 'v1');
    assert.equal((await source.remove('VirtualService/default/a')).outcome, 'deleted');
  });
});

describe('deleting an object', () => {
  it('is refused with the same complaint as applying one where the file may not go', async () => {
    const { fs, source, subset } = await started({ 'a.yaml': route('v1') });
    fs.remove = async () => {
      throw new Error("EPERM: operation not permitted, unlink 'config/a.yaml'");
    };
    const outcome = await source.remove('VirtualService/default/a');
    assert.match(
      outcome.outcome === 'refused' ? `${outcome.complaint.code} ${outcome.complaint.message}` : outcome.outcome,
      /^TS-CFG-0505 .*not permitted, unlink/,
    );
    assert.equal(subset(), 'v1');
  });
  it('removes its document, and the file with the last one', async () => {
    const { fs, source, store } = await started({ 'all.yaml': `${route('v1', 'b')}---\n${route('v1')}` });
    assert.deepEqual(await source.remove('VirtualService/default/a'), { outcome: 'deleted' });
    assert.equal(fs.files.get('config/all.yaml')?.text, route('v1', 'b'));
    assert.deepEqual(await source.remove('VirtualService/default/b'), { outcome: 'deleted' });
    assert.deepEqual([...fs.files.keys()], []);
    assert.deepEqual([...store.view.all()], []);
    assert.deepEqual(await source.remove('VirtualService/default/b'), { outcome: 'notFound' });
  });
});
