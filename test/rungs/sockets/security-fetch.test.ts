// Key sets are fetched from nowhere that was not allowed, whatever names and redirects say.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { mayFetchFrom } from '../../../src/identity/index.ts';
import { safeFetch } from '../../../src/io/index.ts';

async function serve(
  handle: Parameters<typeof createServer>[1],
): Promise<{ readonly url: string; readonly server: Server; hits: number }> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const made = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, hits: 0 };
  server.on('request', () => made.hits++);
  return made;
}

const options = (exactly: readonly string[], privateRanges = false) => ({
  mayDial: (address: string) => mayFetchFrom(address, { privateRanges, exactly }),
  timeoutMs: 60_000,
  bytesMax: 1000,
});
const outcome = async (url: string, allowed: ReturnType<typeof options>): Promise<string> => {
  const got = await safeFetch(url, allowed);
  return got.ok ? got.value : got.error.kind;
};

test('addresses inside are refused before anything is sent, by number and by name', async (t) => {
  const inside = await serve((_, response) => response.end('keys'));
  t.after(() => inside.server.close());
  const none = options([]);
  const port = new URL(inside.url).port;
  for (const host of [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '127.1',
  ])
    assert.equal(await outcome(`http://${host}:${port}/`, none), 'refused', host);
  for (const url of [
    'http://169.254.169.254/latest/meta-data',
    'http://[fd00:ec2::254]/',
    'http://10.0.0.1/',
    'http://[fe80::1]/',
  ])
    assert.equal(await outcome(url, none), 'refused', url);
  assert.equal(inside.hits, 0);
  assert.equal(await outcome(inside.url, options(['127.0.0.1'])), 'keys');
  assert.equal(await outcome(`http://localhost:${port}/`, options([], true)), 'keys');
});

test('a redirect is judged like the first address', async (t) => {
  const target = await serve((_, response) => response.end('secret'));
  const start = await serve((request, response) => {
    const to = new URLSearchParams(request.url?.split('?')[1]).get('to') ?? '';
    response.writeHead(302, { location: to }).end();
  });
  t.after(() => (target.server.close(), start.server.close()));
  const only = options(['127.0.0.1']);
  const via = (to: string): string => `${start.url}/?to=${encodeURIComponent(to)}`;
  assert.equal(await outcome(via(target.url), only), 'secret');
  for (const to of [
    'http://169.254.169.254/',
    target.url.replace('127.0.0.1', '[::1]'),
    'http://127.0.0.2:1/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
  ])
    assert.equal(await outcome(via(to), only), 'refused', to);
  assert.equal(await outcome(via(via(via(via(via(target.url))))), only), 'failed', 'too many');
});

test('what is large, slow, broken or not there is a failure, and credentials are not sent', async (t) => {
  const odd = await serve((request, response) => {
    if (request.url === '/large') response.end('x'.repeat(2000));
    else if (request.url === '/gone') response.writeHead(404).end();
  });
  t.after(() => (odd.server.closeAllConnections(), odd.server.close()));
  const only = { ...options(['127.0.0.1']), timeoutMs: 300 };
  for (const path of ['/large', '/gone', '/slow'])
    assert.equal(await outcome(`${odd.url}${path}`, only), 'failed', path);
  assert.equal(await outcome(odd.url.replace('//', '//user:word@'), only), 'refused');
  assert.equal(await outcome('http://127.0.0.1:1/', only), 'failed');
});
