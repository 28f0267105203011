// Where a module's address leads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moduleSource } from './module-source.ts';

const image = (registry: string, repository: string, tag: string, digest?: string) => ({
  kind: 'oci',
  image: { registry, repository, tag, digest },
});
const SUM = `sha256:${'a'.repeat(64)}`;
const LEGAL: Readonly<Record<string, object>> = {
  'file:///opt/a.wasm': { kind: 'file', path: '/opt/a.wasm' },
  'HTTPS://m.example/a.wasm': { kind: 'http', url: 'HTTPS://m.example/a.wasm' },
  'oci://r.example/team/a:1.0': image('r.example', 'team/a', '1.0'),
  'r.example:5000/a': image('r.example:5000', 'a', 'latest'),
  'localhost/a:x': image('localhost', 'a', 'x'),
  'team/a': image('registry-1.docker.io', 'team/a', 'latest'),
  a: image('registry-1.docker.io', 'library/a', 'latest'),
  [`r.example/a@${SUM}`]: image('r.example', 'a', 'latest', SUM),
};
for (const [url, source] of Object.entries(LEGAL))
  test(url, () => assert.deepEqual(moduleSource(url), { ok: true, value: source }));

for (const url of [
  'file://a.wasm',
  'ftp://x/y',
  'https://',
  'https://ann:pw@m.example/a.wasm',
  'oci://r.example/../a',
  'r.example/a:bad tag',
  'r.example/a@sha256:1',
  'r.example/',
  'R.example/UPPER',
])
  test(`${url} leads nowhere`, () => assert.equal(moduleSource(url).ok, false));

test('what comes of a text names no path outside of a registry', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const source = moduleSource(`oci://${text}`);
      if (!source.ok || source.value.kind !== 'oci') return;
      const { registry, repository, tag } = source.value.image;
      const url = new URL(`https://${registry}/v2/${repository}/manifests/${tag}`);
      assert.ok(url.pathname.startsWith('/v2/') && url.search === '' && url.hash === '' && url.username === '');
    }),
  );
});
