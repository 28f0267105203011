// What a DENY names is never reached, however the request spells it: mutated targets, methods and hosts in front of a real Node server.
// TOPSAIL_TEST_PATHS chooses how many mutated requests are sent per policy class (default 3000).
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { SeededRandom } from '#base';
import { startApp } from './proxy-fixture.ts';
import { runInbound } from './security-fixture.ts';

const COUNT = Number(process.env['TOPSAIL_TEST_PATHS'] ?? 3000);
const random = new SeededRandom(Number(process.env['TOPSAIL_TEST_SEED'] ?? 7));

const pick = <T>(list: readonly T[]): T => list[random.uint32() % list.length] as T;

type Mutation = (path: string) => string;
const hex = (char: string, upper: boolean): string =>
  `%${char.charCodeAt(0).toString(16).padStart(2, '0')[upper ? 'toUpperCase' : 'toLowerCase']()}`;
const at = (path: string, change: (char: string) => string): string => {
  const i = random.uint32() % path.length;
  return path.slice(0, i) + change(path[i] as string) + path.slice(i + 1);
};
const MUTATIONS: readonly Mutation[] = [
  (path) => path.replace('/', '//'),
  (path) => path.replaceAll('/', '//'),
  (path) => path.replace(/\/(?=[^/]*$)/, '/./'),
  (path) => path.replace(/\/(?=[^/]*$)/, '/x/../'),
  (path) => `/x/..${path}`,
  (path) => `/..${path}`,
  (path) => `/./${path.slice(1)}`,
  (path) => `/%2e%2e${path}`,
  (path) => `/x/%2E%2e${path}`,
  (path) => path.replace(/\/(?=[^/]*$)/, '%2F'),
  (path) => path.replace(/\/(?=[^/]*$)/, '%5c'),
  (path) => path.replace(/\/(?=[^/]*$)/, '\\'),
  (path) => `${path}/`,
  (path) => `${path};a=b`,
  (path) => path.replace(/\/(?=[^/]*$)/, ';x/'),
  (path) => `${path}?a=/../b`,
  (path) => `${path}#fragment`,
  (path) => `${path}%00`,
  (path) => `${path}%20`,
  (path) => `${path}.`,
  (path) => `${path}%3f`,
  (path) => at(path, (char) => hex(char, true)),
  (path) => at(path, (char) => hex(char, false)),
  (path) => at(path, (char) => hex('%', true) + hex(char, true).slice(1)),
  (path) => at(path, (char) => char.toUpperCase()),
  (path) => `http://shop.example${path}`,
  (path) => `HTTP://SHOP.EXAMPLE:80${path}`,
  (path) => `http://user@shop.example${path}`,
  (path) => path,
];

/** Raw: what a client library would refuse to send is sent. */
class Client {
  #socket: Socket | undefined;
  #text = '';
  #wake: (() => void) | undefined;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async send(request: string): Promise<number> {
    if (this.#socket === undefined) {
      const socket = connect(this.#port, '127.0.0.1');
      this.#socket = socket;
      socket.on('data', (data) => {
        this.#text += data.toString('latin1');
        this.#wake?.();
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        if (this.#socket === socket) this.#socket = undefined;
        this.#wake?.();
      });
    }
    const socket = this.#socket;
    this.#text = '';
    socket.write(request, 'latin1');
    for (;;) {
      const end = this.#text.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(this.#text)?.[1];
      const whole = end >= 0 && (length === undefined || this.#text.length >= end + 4 + Number(length));
      if (whole || this.#socket !== socket) break;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(this.#text)?.[1] ?? 0);
    if (/connection: close/i.test(this.#text)) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
    return status;
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** As a careless application routes: without query, case as it is, dots, slashes and escapes resolved once. */
function handlerOf(url: string): string {
  const path = new URL(url.startsWith('/') ? `http://a${url.replace(/^\/+/, '/')}` : url, 'http://a').pathname;
  let decoded = path;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // It routes by what it got.
  }
  return decoded.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}

const policy = (spec: string, normalization: string): string => `
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system }
pathNormalization: { normalization: ${normalization} }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny, namespace: shop }
spec: ${spec}
`;

async function storm(
  spec: string,
  reached: (method: string, path: string, host: string) => boolean,
  normalization = 'DECODE_AND_MERGE_SLASHES',
): Promise<{ readonly denied: number; readonly served: number }> {
  const broken: string[] = [];
  let served = 0;
  const app = await startApp((request, response) => {
    served++;
    // The strictest reading: what the application itself takes the request for.
    if (reached(request.method ?? '', handlerOf(request.url ?? ''), request.headers.host ?? ''))
      broken.push(`${request.method} ${request.url} ${request.headers.host}`);
    response.end('ok');
  });
  const proxy = await runInbound(policy(spec, normalization), app.port);
  const client = new Client(proxy.appPort);
  let denied = 0;
  for (let i = 0; i < COUNT; i++) {
    let target = pick(['/admin/users', '/admin', '/admin/users/7']);
    for (let n = random.uint32() % 3; n >= 0; n--) target = pick(MUTATIONS)(target);
    const method = pick(['GET', 'GET', 'POST', 'get', 'Delete', 'DELETE', 'PUT']);
    const host = pick(['shop.example', 'SHOP.example', 'shop.example:80', 'shop.example.', 'other.example']);
    const extra = pick([
      '',
      '',
      'X-Original-URL: /free\r\n',
      'X-Rewrite-URL: /admin\r\n',
      'X-HTTP-Method-Override: DELETE\r\n',
      'X-Forwarded-Host: shop.example\r\n',
    ]);
    const status = await client.send(
      `${method} ${target.replace(/[ \r\n]/g, '')} HTTP/1.1\r\nHost: ${host}\r\n${extra}\r\n`,
    );
    if (status === 403) denied++;
  }
  client.close();
  proxy.close();
  app.close();
  assert.deepEqual(broken.slice(0, 5), []);
  return { denied, served };
}

test('a denied prefix is not reached by any spelling of its path', async () => {
  const { denied, served } = await storm(
    '{ action: DENY, rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }] }',
    (_, path) => path.startsWith('/admin'),
  );
  assert.ok(denied > COUNT / 10, `denied ${denied}`);
  assert.ok(served > 0, 'harmless ones pass');
});

test('a denied method is not reached in another case', async () => {
  await storm(
    '{ action: DENY, rules: [{ to: [{ operation: { methods: [DELETE], paths: ["/admin*"] } }] }] }',
    (method, path) => method === 'DELETE' && path.startsWith('/admin'),
  );
});

test('a denied host is not reached in another case', async () => {
  await storm(
    '{ action: DENY, rules: [{ to: [{ operation: { hosts: ["shop.example", "shop.example:*"] } }] }] }',
    (_, __, host) => /^shop\.example(:\d+)?$/i.test(host),
  );
});

test('an allowed path is all that is reached', async () => {
  await storm(
    '{ action: ALLOW, rules: [{ to: [{ operation: { paths: ["/free*"], methods: [GET] } }] }] }',
    (method, path) => !(method === 'GET' && path.startsWith('/free')),
  );
});
