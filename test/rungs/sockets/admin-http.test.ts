import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import type { BoundListener, StreamedHandler } from '#base';
import { serveAdminHttp } from '#io';

let server: BoundListener;
let pulled = 0;

const handler: StreamedHandler = async (method, path, query) => {
  if (path === '/fail') throw new Error('broken page');
  if (path === '/endless') return { status: 200, contentType: 'text/plain', body: endless() };
  return { status: 200, contentType: 'text/plain', body: `${method} ${path} ${query.get('a')}` };
};

function* endless(): Generator<string> {
  for (;;) {
    pulled++;
    yield 'x'.repeat(16_384);
  }
}

interface Answer {
  status: number;
  body: string;
}

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const r = request({ host: '127.0.0.1', port: server.port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (d: Buffer) => void (body += d.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    r.on('error', reject);
    r.end();
  });
}

before(async () => {
  server = await serveAdminHttp({ host: '127.0.0.1', port: 0 }, handler, () => {});
});
after(() => server.close());

test('an answer arrives with method, path and query', async () => {
  assert.deepEqual(await ask('/stats?a=1', {}, 'POST'), { status: 200, body: 'POST /stats 1' });
});

test("a name that is no address is refused, so no other site's DNS reaches this port", async () => {
  assert.equal((await ask('/stats', { host: 'evil.example:15000' })).status, 403);
  assert.equal((await ask('/stats', { host: `localhost:${server.port}` })).status, 200);
  assert.equal((await ask('/stats', { host: '10.1.2.3:15090' })).status, 200);
});

test('a foreign page cannot post', async () => {
  assert.equal((await ask('/quitquitquit', { origin: 'http://evil.example' }, 'POST')).status, 403);
});

test('a page that fails ends its own connection only', async () => {
  await assert.rejects(ask('/fail'));
  assert.equal((await ask('/ok')).status, 200);
});

test("pieces are made at the reader's pace, and no more once it went away", async () => {
  await new Promise<void>((resolve) => {
    const r = request({ host: '127.0.0.1', port: server.port, path: '/endless' }, (response) => {
      response.pause();
      setTimeout(() => {
        r.destroy();
        resolve();
      }, 300);
    });
    r.on('error', () => {});
    r.end();
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const seen = pulled;
  assert.ok(seen < 2_000, `made ${seen} pieces for a reader that does not read`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(pulled, seen);
});
