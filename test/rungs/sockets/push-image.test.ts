// Images go to a registry by the OCI distribution API: a stand-in over a real socket keeps what it is given and checks digests.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { makeImage } from '#controllers';
import { pushImage } from '../../../src/main/push-image.ts';

const image = makeImage('amd64', { entrypoint: ['/x'], user: '1', env: {}, workingDir: '/', labels: {} }, [
  [{ path: 'x', kind: 'file', mode: 0o755, content: Buffer.alloc(100_000, 7) }],
]);

class StandInRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, string>();
  readonly mounted: string[] = [];
  #server: Server | undefined;

  async start(): Promise<string> {
    this.#server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => void chunks.push(chunk));
      req.on('end', () => {
        const { status, headers } = this.#answer(
          req.method ?? '',
          new URL(req.url ?? '', 'http://r'),
          Buffer.concat(chunks),
        );
        res.writeHead(status, headers).end();
      });
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  #answer(method: string, url: URL, body: Buffer): { status: number; headers?: Record<string, string> } {
    const blob = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url.pathname)?.[1];
    if (method === 'HEAD' && blob !== undefined)
      return { status: url.pathname.includes('/first/') && this.blobs.has(blob) ? 200 : 404 };
    if (method === 'POST') {
      const mount = url.searchParams.get('mount');
      if (mount !== null && url.searchParams.get('from') === 'mesh/first' && this.blobs.has(mount)) {
        this.mounted.push(mount);
        return { status: 201 };
      }
      return { status: 202, headers: { location: `${url.pathname}one?state=s` } };
    }
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    if (method === 'PUT' && url.pathname.includes('/uploads/')) {
      if (digest !== url.searchParams.get('digest') || url.searchParams.get('state') !== 's') return { status: 400 };
      this.blobs.set(digest, body);
      return { status: 201 };
    }
    this.manifests.set(url.pathname, body.toString());
    return { status: 201 };
  }
}

describe('pushing an image', () => {
  const registry = new StandInRegistry();
  let host = '';
  const said: string[] = [];
  const options = { insecure: true, say: (text: string) => void said.push(text) };
  before(async () => void (host = await registry.start()));
  after(() => registry.stop());

  it('sends every blob under its digest, then the manifest', async () => {
    await pushImage(`${host}/mesh/first:1`, image, options);
    assert.equal(registry.blobs.size, 2);
    const manifest = JSON.parse(registry.manifests.get('/v2/mesh/first/manifests/1') ?? '') as {
      layers: { digest: string }[];
    };
    assert.ok(registry.blobs.has(manifest.layers[0]?.digest ?? ''));
  });

  it('sends nothing twice', async () => {
    await pushImage(`${host}/mesh/first:2`, image, options);
    assert.match(said.at(-1) ?? '', /0\.0 MB sent/);
  });

  it('borrows layers from a repository that was pushed before', async () => {
    await pushImage(`${host}/mesh/second:1`, image, { ...options, mountFrom: 'mesh/first' });
    assert.equal(registry.mounted.length, 2);
  });

  it('says what is no image name', async () => {
    await assert.rejects(pushImage('Not A Name', image, options), /is no image name/);
  });
});
