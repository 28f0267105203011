import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#base';
import { makeRoot } from '../ca/signing-authority.ts';
import type { SecretValue } from '../secret-source.ts';
import { makePeer, MemoryFs } from '../testing/make-peer.ts';
import { AgentSecrets } from './agent-secrets.ts';
import { fileCertificateName, fileRootsName, FileSecrets } from './file-secrets.ts';
import { SecretSlots } from './secret-slots.ts';

const NOW = 1_750_000_000_000;
const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const settle = (): Promise<void> => new Promise(setImmediate);
const NAME = fileCertificateName('/etc/certs/cert.pem', '/etc/certs/key.pem');

function setUp() {
  const fs = new MemoryFs();
  const put = (name: string, text: string): void => void fs.files.set(`/etc/certs/${name}`, { text, mode: 0o600 });
  return { fs, put, secrets: new FileSecrets({ fs, log: silentLogger }), seen: [] as SecretValue[] };
}

test('files are read, and read again when they change; half a change is waited out', async () => {
  const { fs, put, secrets, seen } = setUp();
  const [first, second] = [makePeer(root, NOW), makePeer(root, NOW)];
  put('cert.pem', first.pem);
  put('key.pem', first.keyPem);
  const stop = secrets.subscribe(NAME, (value) => seen.push(value));
  await settle();
  put('cert.pem', second.pem);
  fs.poke('/etc/certs');
  await settle();
  assert.equal(seen.length, 1);
  put('key.pem', second.keyPem);
  fs.poke('/etc/certs');
  fs.poke('/etc/certs');
  await settle();
  assert.deepEqual(
    seen.map((value) => value.kind === 'certificate' && value.certChainPem),
    [first.pem, second.pem],
  );
  stop();
  stop();
  fs.poke('/etc/certs');
  await settle();
  assert.equal(seen.length, 2);
});

test('files that are not there are an error until they come', async () => {
  const { fs, put, secrets, seen } = setUp();
  secrets.subscribe(fileRootsName('/etc/certs/root.pem'), (value) => seen.push(value));
  await settle();
  put('root.pem', root.rootsPem);
  fs.poke('/etc/certs');
  await settle();
  assert.deepEqual(
    seen.map((value) => value.kind),
    ['error', 'trust'],
  );
});

test('each name goes to its source', () => {
  const slots = new Map(['default', 'file-root:/x', 'kubernetes://c'].map((name) => [name, new SecretSlots([name])]));
  const agent = new AgentSecrets({
    workload: slots.get('default') as SecretSlots,
    files: slots.get('file-root:/x') as SecretSlots,
    remote: slots.get('kubernetes://c') as SecretSlots,
  });
  for (const [name, source] of slots) {
    let got: SecretValue | undefined;
    agent.subscribe(name, (value) => void (got = value));
    source.set(name, { kind: 'error', code: name, message: '' });
    assert.equal(got?.kind === 'error' && got.code, name);
  }
  let unknown: SecretValue | undefined;
  agent.subscribe('nobody', (value) => void (unknown = value));
  assert.equal(unknown?.kind === 'error' && unknown.code, 'secret_not_found');
});

test("the machine's own authorities are those of its distribution's file", async () => {
  const { fs, secrets, seen } = setUp();
  secrets.subscribe(fileRootsName('system'), (value) => seen.push(value));
  await settle();
  assert.deepEqual(
    seen.map((value) => value.kind),
    ['error'],
  );
  fs.files.set('/etc/pki/tls/certs/ca-bundle.crt', { text: root.rootsPem, mode: 0o644 });
  secrets.subscribe(`${fileRootsName('system')}~`, (value) => seen.push(value));
  await settle();
  secrets.subscribe(fileRootsName('system', '/etc/certs/none.crl'), (value) => seen.push(value));
  await settle();
  assert.deepEqual(
    seen.map((value) => value.kind),
    ['error', 'trust', 'error'],
  );
});
