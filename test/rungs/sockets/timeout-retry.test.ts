// Retries that say whether their predecessor took too long (include_is_timeout_retry_header).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

const ROUTE = {
  match: { prefix: '/' },
  route: {
    cluster: 'app',
    timeout: '0s',
    retry_policy: { retry_on: 'reset,gateway-error', num_retries: 50, per_try_timeout: '1s' },
  },
};

test('a retry tells whether the attempt before it took too long', async (t) => {
  const heard: Record<string, (string | undefined)[]> = {};
  const app = await startApp((request, response) => {
    const seen = (heard[request.url ?? ''] ??= []);
    seen.push(request.headers['x-envoy-is-timeout-retry'] as string | undefined);
    if (seen.length > 1) response.end('fine');
    else if (request.url === '/reset') request.socket.destroy();
  });
  const hosts = (more: object): object => ({
    route_config: { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes: [ROUTE], ...more }] },
  });
  const proxy = await runProxy(
    [
      listener('tells', [{ filters: [managerFilter([], hosts({ include_is_timeout_retry_header: true }))] }]),
      listener('silent', [{ filters: [managerFilter([], hosts({}))] }]),
    ],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  // First on a new connection: what meets the end of a resting one is sent again without a word.
  for (const path of ['/reset', '/late']) assert.equal((await fetchText(proxy.port('tells'), path)).body, 'fine');
  assert.equal((await fetchText(proxy.port('silent'), '/quiet')).body, 'fine');
  assert.deepEqual([heard['/late']?.[0], heard['/late']?.at(-1)], [undefined, 'true']);
  assert.deepEqual(heard['/reset']?.slice(0, 2), [undefined, 'false']);
  assert.equal(heard['/quiet']?.at(-1), undefined);
});

test('a cookie that a hash policy asks for is set once, however often the request was tried', async (t) => {
  let left = 2;
  const app = await startApp((_, response) => {
    response.statusCode = left-- > 0 ? 503 : 200;
    response.end();
  });
  const route = {
    ...ROUTE.route,
    retry_policy: { retry_on: '5xx', num_retries: 5, retry_back_off: { base_interval: '0.001s' } },
    hash_policy: [{ cookie: { name: 'stay', ttl: '60s', path: '/' } }],
  };
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter([{ ...ROUTE, route }])] }])],
    [cluster('app', [app.port], { lb_policy: 'RING_HASH' })],
  );
  t.after(() => (proxy.close(), app.close()));
  const { status, headers } = await fetchText(proxy.port('in'), '/');
  assert.equal(status, 200);
  assert.equal(headers['set-cookie']?.length, 1, String(headers['set-cookie']));
  assert.match(headers['set-cookie']?.[0] ?? '', /^stay="[0-9a-f]+"; Max-Age=60; Path=\/; HttpOnly$/);
});

test('an attempt that idles while the client still sends is not hedged: neither gets a body with a hole', async (t) => {
  const heard: string[] = [];
  const answers: ServerResponse[] = [];
  const app = await startApp((request, response) => {
    const nth = heard.push('') - 1;
    answers.push(response);
    request.on('data', (piece: Buffer) => (heard[nth] += String(piece)));
    request.on('end', () => response.end(heard[nth]));
    request.on('error', () => {});
  });
  const route = {
    cluster: 'app',
    timeout: '0s',
    retry_policy: { retry_on: '5xx', num_retries: 20, per_try_idle_timeout: '1s' },
    hedge_policy: { hedge_on_per_try_timeout: true },
  };
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter([{ ...ROUTE, route }])] }])],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  const until = async (holds: () => boolean): Promise<void> => {
    for (let i = 0; i < 2000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const asked = request({ host: '127.0.0.1', port: proxy.port('in'), method: 'POST', path: '/', agent: false });
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
  asked.write('first,');
  await until(() => heard.length > 1);
  asked.write('second,');
  await until(() => heard.at(-1) === 'first,second,');
  // Too late, and before its request is whole.
  answers[0]?.flushHeaders();
  await until(() => answers[0]?.destroyed === true || answers[0]?.closed === true);
  asked.end('third');
  const [answer] = await answered;
  let body = '';
  for await (const piece of answer) body += String(piece);
  assert.equal(body, 'first,second,third');
});
