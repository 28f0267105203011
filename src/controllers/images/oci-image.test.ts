import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseImageName } from './image-name.ts';
import { imageArchive, makeImage } from './oci-image.ts';
import { parseLdd } from './rootfs.ts';
import { type TarEntry, tarChunks } from './tar.ts';

const config = { entrypoint: ['/x'], user: '1337', env: { A: 'b' }, workingDir: '/', labels: {} };

/** Reads ustar back: what any tar would find. */
function untar(bytes: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const text = (at: number, end: number): string => bytes.toString('utf8', at, end).replace(/\0.*$/s, '');
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    const prefix = text(at + 345, at + 500);
    let sum = 0;
    for (let i = at; i < at + 512; i++) sum += i >= at + 148 && i < at + 156 ? 32 : (bytes[i] as number);
    assert.equal(Number.parseInt(text(at + 148, at + 156), 8), sum, 'the checksum');
    found.set((prefix === '' ? '' : `${prefix}/`) + text(at, at + 100), bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

describe('an image', () => {
  const files: TarEntry[] = [{ path: 'usr/bin/x', kind: 'file', mode: 0o755, content: Buffer.from('program') }];

  it("is an OCI layout whose blobs have their digests' content", () => {
    const archive = untar(Buffer.concat(imageArchive('h/n:1', [makeImage('amd64', config, [files])])));
    for (const [path, content] of archive) {
      const digest = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
      if (digest !== undefined) assert.equal(createHash('sha256').update(content).digest('hex'), digest);
    }
    const index = JSON.parse(archive.get('index.json')?.toString() ?? '') as {
      manifests: { annotations: Record<string, string> }[];
    };
    assert.equal(index.manifests[0]?.annotations['io.containerd.image.name'], 'h/n:1');
  });

  it('is the same, byte for byte, whenever it is made', () => {
    assert.equal(
      makeImage('amd64', config, [files]).manifest.digest,
      makeImage('amd64', config, [[...files]]).manifest.digest,
    );
  });

  it('has an index where it is for several architectures', () => {
    const images = [makeImage('amd64', config, [files]), makeImage('arm64', config, [files])];
    const archive = untar(Buffer.concat(imageArchive('n', images)));
    const nested = [...archive.values()].map((one) => one.toString()).find((one) => one.includes('"platform"'));
    assert.deepEqual(
      (JSON.parse(nested ?? '{}') as { manifests: { platform: object }[] }).manifests.map(({ platform }) => platform),
      [
        { architecture: 'amd64', os: 'linux' },
        { architecture: 'arm64', os: 'linux' },
      ],
    );
  });

  it('keeps any files under any names that fit', () => {
    const name = fc.stringMatching(/^[a-z0-9._-]{1,40}$/).filter((one) => !/^\.+$/.test(one));
    const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.dictionary(path, fc.uint8Array({ maxLength: 1500 })), (given) => {
        const entries = Object.entries(given).map(
          ([one, content]): TarEntry => ({ path: one, kind: 'file', mode: 0o644, content }),
        );
        const back = untar(Buffer.concat(tarChunks(entries)));
        for (const [one, content] of Object.entries(given)) assert.deepEqual(back.get(one), Buffer.from(content));
      }),
    );
  });
});

describe('what goes into it', () => {
  it('is read from ldd, and what is missing is named', () => {
    const text =
      '\tlinux-vdso.so.1 (0x00007f)\n\tlibm.so.6 => /lib/x/libm.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\tliby.so => not found\n';
    assert.deepEqual(parseLdd(text), {
      paths: ['/lib/x/libm.so.6', '/lib64/ld-linux-x86-64.so.2'],
      missing: ['liby.so'],
    });
  });
});

describe("an image's name", () => {
  it('has registry, repository and tag', () => {
    assert.deepEqual(parseImageName('localhost:5000/mesh/topsail:1.2'), {
      registry: 'localhost:5000',
      repository: 'mesh/topsail',
      tag: '1.2',
    });
    assert.deepEqual(parseImageName('reg.example.com/topsail'), {
      registry: 'reg.example.com',
      repository: 'topsail',
      tag: 'latest',
    });
    assert.deepEqual(parseImageName('me/topsail:x'), {
      registry: 'registry-1.docker.io',
      repository: 'me/topsail',
      tag: 'x',
    });
    assert.equal(parseImageName('UPPER/x'), undefined);
  });

  it('is read or refused, whatever it is', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseImageName(text)));
  });
});
