// Pulling a module out of a registry that is honest, and out of some that are not.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { err, ok } from '#base';
import { bearerChallenge } from './bearer-challenge.ts';
import { pullCredentials } from './docker-config.ts';
import { type HttpAnswer, type PullOptions, pullModule } from './registry-client.ts';
import { fileInTar } from './tar.ts';

const MODULE = Buffer.from('\0asm module');
const digest = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Site {
  /** By path; a function may look at the headers. */
  readonly [path: string]: Buffer | ((headers: Readonly<Record<string, string>>) => HttpAnswer);
}
const answer = (status: number, headers: Record<string, string> = {}, body: Buffer = Buffer.alloc(0)): HttpAnswer => ({
  status,
  headers,
  body,
});

function pull(site: Site, more: Partial<PullOptions> = {}) {
  return pullModule({
    get: async (url, { headers, bytesMax }) => {
      const found = site[new URL(url).pathname];
      const got = found === undefined ? answer(404) : Buffer.isBuffer(found) ? answer(200, {}, found) : found(headers);
      return got.body.length > bytesMax ? err({ message: `more than ${bytesMax} bytes` }) : ok(got);
    },
    registry: 'registry.example',
    repository: 'team/plugin',
    reference: '1.0',
    plaintext: false,
    moduleBytesMax: 1_000_000,
    ...more,
  });
}

function image(layer: Buffer, mediaType: string): { readonly site: Site; readonly manifest: Buffer } {
  const manifest = Buffer.from(JSON.stringify({ layers: [{ mediaType, digest: digest(layer) }] }));
  return {
    manifest,
    site: { '/v2/team/plugin/manifests/1.0': manifest, [`/v2/team/plugin/blobs/${digest(layer)}`]: layer },
  };
}
const PLAIN = 'application/vnd.module.wasm.content.layer.v1+wasm';
const PACKED = 'application/vnd.oci.image.layer.v1.tar+gzip';

function tarOf(files: Readonly<Record<string, Buffer>>): Buffer {
  const out: Buffer[] = [];
  for (const [name, bytes] of Object.entries(files)) {
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write(bytes.length.toString(8).padStart(11, '0'), 124);
    head.write('0', 156);
    out.push(head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  return Buffer.concat([...out, Buffer.alloc(1024)]);
}

test('a layer that is a module, and one that holds it packed', async () => {
  assert.deepEqual(await pull(image(MODULE, PLAIN).site), ok(MODULE));
  const packed = gzipSync(tarOf({ './other': Buffer.from('x'), './plugin.wasm': MODULE }));
  const pulled = await pull(image(packed, PACKED).site);
  assert.ok(pulled.ok && pulled.value.equals(MODULE));
});

test('the image of an index', async () => {
  const { site, manifest } = image(MODULE, PLAIN);
  const index = Buffer.from(JSON.stringify({ manifests: [{ mediaType: 'x', digest: digest(manifest) }] }));
  const pulled = await pull({
    ...site,
    '/v2/team/plugin/manifests/1.0': index,
    [`/v2/team/plugin/manifests/${digest(manifest)}`]: manifest,
  });
  assert.ok(pulled.ok && pulled.value.equals(MODULE));
});

test('a token for a password, and no password twice', async () => {
  const { site } = image(MODULE, PLAIN);
  const guarded: Site = {
    '/token': ({ authorization }) =>
      authorization === `Basic ${Buffer.from('ann:pw').toString('base64')}`
        ? answer(200, {}, Buffer.from('{"token":"t"}'))
        : answer(401),
  };
  const asked: Site = Object.fromEntries(
    Object.entries(site).map(([path, bytes]) => [
      path,
      ({ authorization }: Readonly<Record<string, string>>) =>
        authorization === 'Bearer t'
          ? answer(200, {}, bytes as Buffer)
          : answer(401, { 'www-authenticate': 'Bearer realm="https://registry.example/token",service="s"' }),
    ]),
  );
  const all = { ...asked, ...guarded };
  assert.ok((await pull(all, { credentials: 'ann:pw' })).ok);
  const without = await pull(all);
  assert.match(without.ok ? '' : without.error, /no token: status 401/);
});

test('tokens come by https alone', async () => {
  const pulled = await pull(
    {
      '/v2/team/plugin/manifests/1.0': () =>
        answer(401, { 'www-authenticate': 'Bearer realm="http://registry.example/token"' }),
    },
    { credentials: 'ann:pw' },
  );
  assert.match(pulled.ok ? '' : pulled.error, /which is not https/);
});

const DISHONEST: readonly (readonly [string, Site, Partial<PullOptions>, RegExp])[] = [
  [
    'another image than was asked for',
    image(MODULE, PLAIN).site,
    { digest: digest(Buffer.from('x')) },
    /was asked for/,
  ],
  [
    'another layer than its manifest names',
    { ...image(MODULE, PLAIN).site, [`/v2/team/plugin/blobs/${digest(MODULE)}`]: Buffer.from('x') },
    {},
    /the manifest names/,
  ],
  ['a manifest that is no JSON', { '/v2/team/plugin/manifests/1.0': Buffer.from('{') }, {}, /no JSON/],
  ['an image without a module', image(MODULE, 'text/plain').site, {}, /no layer is a Wasm module/],
  ['a layer without the file', image(gzipSync(tarOf({ a: MODULE })), PACKED).site, {}, /holds no plugin\.wasm/],
  [
    'a layer that unpacks to far more',
    image(gzipSync(Buffer.alloc(8_000_000)), PACKED).site,
    { moduleBytesMax: 1000 },
    /cannot be unpacked|more than/,
  ],
  ['nothing', {}, {}, /status 404/],
];

for (const [what, site, more, why] of DISHONEST)
  test(`a registry that gives ${what}`, async () => {
    const pulled = await pull(site, more);
    assert.match(pulled.ok ? '' : pulled.error, why);
  });

test('a challenge of any spelling is read', () => {
  assert.deepEqual(bearerChallenge('bearer Realm="https://a/t?x=1, 2", service=s'), {
    realm: 'https://a/t?x=1, 2',
    service: 's',
    scope: undefined,
  });
  assert.equal(bearerChallenge('Basic realm="x"'), undefined);
  fc.assert(fc.property(fc.string({ maxLength: 5000 }), (text) => void bearerChallenge(`Bearer ${text}`)));
});

test('credentials are those of the registry that is asked', () => {
  const auth = Buffer.from('u:p').toString('base64');
  const secret = JSON.stringify({
    auths: { 'a.example': { auth }, 'https://index.docker.io/v1/': { username: 'd', password: 'q' } },
  });
  assert.equal(pullCredentials(secret, 'a.example'), 'u:p');
  assert.equal(pullCredentials(secret, 'registry-1.docker.io'), 'd:q');
  assert.equal(pullCredentials(secret, 'b.example'), undefined);
  for (const odd of [
    '',
    'null',
    '[]',
    '{"auths":1}',
    '{"auths":{"a.example":null}}',
    '{"auths":{"a.example":{"auth":1}}}',
  ])
    assert.equal(pullCredentials(odd, 'a.example'), undefined);
  fc.assert(fc.property(fc.json(), (text) => void pullCredentials(text, 'a.example')));
});

test('archives of any bytes are read to their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => void fileInTar(Buffer.from(bytes), 'plugin.wasm')),
  );
});
