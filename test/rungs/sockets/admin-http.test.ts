import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { after, before, test } from 'node:test';
import type { BoundListener, StreamedHandler } from '#base';
import { serveAdminHttp } from '#io';
import { until } from '../../mesh/until.ts';

let server: BoundListener;
let pulled = 0;
let ended = 0;

const handler: StreamedHandler = async (method, path, query) => {
  if (path === '/fail') throw new Error('broken page');
  if (path === '/endless') return { status: 200, contentType: 'text/plain', body: endless() };
  return { status: 200, contentType: 'text/plain', body: `${method} ${path} ${query.get('a')}` };
};

function* endless(): Generator<string> {
  try {
    for (;;) {
      pulled++;
      yield 'x'.repeat(16_384);
    }
  } finally {
    ended++;
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
  const r = request({ host: '127.0.0.1', port: server.port, path: '/endless' });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    r.on('response', resolve).on('error', reject).end();
  });
  r.on('error', () => {});
  response.on('error', () => {}).pause();
  // Until the kernel's buffers on the way are full.
  for (let last = -1; pulled !== last; ) {
    last = pulled;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(pulled < 2_000, `made ${pulled} pieces for a reader that does not read`);
  assert.equal(ended, 0);
  r.destroy();
  await until('the end of the pieces', () => ended === 1);
});
