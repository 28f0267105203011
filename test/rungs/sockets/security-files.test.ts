// Files that somebody else named or put there: links in circles, pipes, devices, huge ones, in the folder of configuration and where configuration says that certificates lie.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '#base';
import { ConfigStore, FolderSource } from '#config';
import { fileRootsName, FileSecrets, makeRoot, type SecretValue } from '#identity';
import { SystemClock, SystemFs } from '#io';
import { formatPem } from '#wire/tls';
import { until } from '../../mesh/until.ts';

const root = mkdtempSync(join(tmpdir(), 'topsail-files-'));
after(() => rmSync(root, { recursive: true, force: true }));
const fs = new SystemFs();

const namespace = (name: string): string => `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`;
const pipe = (path: string): void => assert.equal(spawnSync('mkfifo', [path]).status, 0);

test('what is no file in the folder of configuration keeps no other from being read', async () => {
  const folder = mkdtempSync(join(root, 'config-'));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('a.yaml'), namespace('before'));
  writeFileSync(at('z.yaml'), namespace('behind'));
  symlinkSync('circle.yaml', at('circle.yaml'));
  symlinkSync('nowhere', at('dangling.yaml'));
  symlinkSync('/dev/zero', at('endless.yaml'));
  symlinkSync('..', at('above.yaml'));
  pipe(at('pipe.yaml'));
  symlinkSync('pipe.yaml', at('to-a-pipe.yaml'));
  mkdirSync(at('folder.yaml'));
  writeFileSync(at('huge.yaml'), '');
  truncateSync(at('huge.yaml'), 2 ** 40);
  symlinkSync('z.yaml', at('second-name.yaml'));
  const store = new ConfigStore();
  const source = new FolderSource({ fs, clock: new SystemClock(), log: silentLogger, folder, store });
  await source.start();
  try {
    assert.deepEqual(
      store.view.list('Namespace').map(({ metadata }) => metadata.name),
      ['before', 'behind'],
    );
    const complained = new Map(store.view.complaints.map(({ file, code }) => [file, code]));
    assert.equal(complained.get('circle.yaml'), 'TS-CFG-0013');
    assert.equal(complained.get('endless.yaml'), 'TS-CFG-0013');
    assert.equal(complained.get('to-a-pipe.yaml'), 'TS-CFG-0013');
    assert.equal(complained.get('huge.yaml'), 'TS-CFG-0002');
    writeFileSync(at('later.yaml'), namespace('later'));
    await source.refresh();
    assert.notEqual(store.view.get('Namespace', '', 'later'), undefined);
    rmSync(at('circle.yaml'));
    writeFileSync(at('circle.yaml'), namespace('mended'));
    await source.refresh();
    assert.notEqual(store.view.get('Namespace', '', 'mended'), undefined);
  } finally {
    source.stop();
  }
});

const pem = (organization: string): string =>
  formatPem('CERTIFICATE', makeRoot({ organization, nowMs: Date.now() }).certificate.der);

/** What a proxy has of the roots that a DestinationRule names. */
function subscribed(path: string) {
  const secrets = new FileSecrets({ fs, log: silentLogger });
  const values: SecretValue[] = [];
  const close = secrets.subscribe(fileRootsName(path), (value) => values.push(value));
  return { values, close, last: () => values.at(-1) };
}

test('a path to certificates that leads to a pipe, a device or a folder is an error, and ends', async () => {
  const folder = mkdtempSync(join(root, 'secrets-'));
  pipe(join(folder, 'pipe.pem'));
  truncateSync(writeEmpty(join(folder, 'huge.pem')), 2 ** 40);
  symlinkSync('circle.pem', join(folder, 'circle.pem'));
  for (const path of [
    '/dev/zero',
    folder,
    join(folder, 'pipe.pem'),
    join(folder, 'huge.pem'),
    join(folder, 'circle.pem'),
  ]) {
    const one = subscribed(path);
    await until(path, () => one.values.length > 0);
    one.close();
    assert.equal(one.last()?.kind, 'error', path);
  }
});

function writeEmpty(path: string): string {
  writeFileSync(path, '');
  return path;
}

test('of the folder that a certificate lies in, nothing else is looked at', async () => {
  const folder = mkdtempSync(join(root, 'beside-'));
  const path = join(folder, 'roots.pem');
  writeFileSync(path, pem('first'));
  mkdirSync(join(folder, 'below/deep'), { recursive: true });
  const looked: string[] = [];
  const counting = new (class extends SystemFs {
    override async readText(file: string, options?: { readonly bytesMax: number }) {
      looked.push(file);
      return await super.readText(file, options);
    }
  })();
  const secrets = new FileSecrets({ fs: counting, log: silentLogger });
  const values: SecretValue[] = [];
  const close = secrets.subscribe(fileRootsName(path), (value) => values.push(value));
  await until('the roots, read at once and at the first look', () => values.length === 1 && looked.length === 2);
  const before = looked.length;
  for (let i = 0; i < 20; i++) writeFileSync(join(folder, 'below/deep', `${i}`), 'x');
  writeFileSync(join(folder, 'other.pem'), pem('other'));
  await sleep(300);
  assert.equal(looked.length, before);
  writeFileSync(join(folder, '.new'), pem('second'));
  renameSync(join(folder, '.new'), path);
  await until('the new roots', () => values.length === 2);
  close();
});

test('certificates in a volume of Kubernetes are followed through its links', async () => {
  const folder = mkdtempSync(join(root, 'volume-'));
  const put = (version: string): void => {
    mkdirSync(join(folder, `..${version}`));
    writeFileSync(join(folder, `..${version}`, 'ca.crt'), pem(version));
    symlinkSync(`..${version}`, join(folder, '..next'));
    renameSync(join(folder, '..next'), join(folder, '..data'));
  };
  put('one');
  symlinkSync('..data/ca.crt', join(folder, 'ca.crt'));
  const one = subscribed(join(folder, 'ca.crt'));
  await until('the roots', () => one.values.length === 1);
  put('two');
  await until('the new roots', () => one.values.length === 2);
  one.close();
});
