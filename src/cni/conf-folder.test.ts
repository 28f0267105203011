// A node's CNI folder holds our entry in one place only, also when the setting of that place changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fs } from '#base';
import { ConfFolder } from './conf-folder.ts';

const LIST = { cniVersion: '1.0.0', name: 'net', plugins: [{ type: 'bridge' }] };

function folderOf(files: Map<string, string>, chained: boolean): ConfFolder {
  const fs = {
    walk: async () => [...files.keys()].map((path) => path.slice('/net.d/'.length)),
    readText: async (path: string) => files.get(path),
    writeText: async (path: string, text: string) => void files.set(path, text),
    remove: async (path: string) => void files.delete(path),
  } as unknown as Fs;
  return new ConfFolder({ fs, folder: '/net.d', file: '', chained, entry: { a: 1 } });
}

const typesIn = (files: Map<string, string>): readonly string[] =>
  (JSON.parse(files.get('/net.d/10-net.conflist') ?? '{}') as typeof LIST).plugins.map(({ type }) => type);

test('chained, then not, then chained again: never in two places, and gone when removed', async () => {
  const files = new Map([['/net.d/10-net.conflist', JSON.stringify(LIST)]]);
  assert.equal(await folderOf(files, true).install(), undefined);
  assert.deepEqual(typesIn(files), ['bridge', 'topsail-cni']);

  const alone = folderOf(files, false);
  assert.equal(await alone.install(), undefined);
  assert.equal(await alone.install(), undefined);
  assert.deepEqual(typesIn(files), ['bridge']);
  assert.equal((JSON.parse(files.get('/net.d/YYY-topsail-cni.conf') ?? '{}') as { type: string }).type, 'topsail-cni');

  assert.equal(await folderOf(files, true).install(), undefined);
  assert.deepEqual([...files.keys()], ['/net.d/10-net.conflist']);
  assert.deepEqual(typesIn(files), ['bridge', 'topsail-cni']);

  await folderOf(files, true).remove();
  assert.deepEqual(typesIn(files), ['bridge']);
});

test('a file of the network that is no JSON is left alone', async () => {
  const files = new Map([['/net.d/05-odd.conf', 'not JSON']]);
  assert.equal(await folderOf(files, false).install(), undefined);
  assert.equal(files.get('/net.d/05-odd.conf'), 'not JSON');
});
