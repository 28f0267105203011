// Where a gateway's key goes: every way out of a mesh is walked with marked Secrets in it, and the marks are found with the
// gateway that is entitled to them and nowhere else.
import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apiRoutes, authzRoutes, caRoutes, debugRoutes } from '#api';
import { TYPE_URL } from '#base';
import { callHttp, SystemClock } from '#io';
import { generateKeyPair, makeRoot, privateKeyPem } from '#identity';
import { startMesh, type TestMesh } from '../mesh/mesh.ts';
import { until } from '../mesh/until.ts';
import { Sidecar } from '../rungs/kube/control-plane.ts';

interface Marked {
  readonly name: string;
  readonly namespace: string;
  readonly yaml: string;
  /** The key in each form in which it could come out. */
  readonly forms: Readonly<Record<string, string>>;
}

/** The certificate's own key, so that the gateway takes it. */
function marked(name: string, namespace: string): Marked {
  const key = generateKeyPair();
  const keyPem = privateKeyPem(key);
  const cert = makeRoot({ organization: name, nowMs: Date.now(), key }).rootsPem;
  const text = keyPem.replace(/-----[A-Z ]+-----|\n/g, '');
  const der = Buffer.from(text, 'base64');
  const data = Buffer.from(keyPem, 'utf8').toString('base64');
  return {
    name,
    namespace,
    yaml: `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: ${namespace} }\ntype: kubernetes.io/tls\ndata:\n  tls.crt: ${Buffer.from(cert, 'utf8').toString('base64')}\n  tls.key: ${data}\n`,
    // Past what all keys of a kind begin with.
    forms: {
      PEM: text.slice(64, 100),
      'base64 of PEM': data.slice(120, 168),
      bytes: der.subarray(48, 72).toString('latin1'),
      hex: der.subarray(48, 72).toString('hex'),
    },
  };
}

const served = marked('served', 'istio-system');
const unused = marked('unused', 'default');
const ALL = [served, unused];
const GATEWAY = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: shop, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 443, name: https, protocol: HTTPS }, tls: { mode: SIMPLE, credentialName: served }, hosts: ["*"] }
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec: { hosts: ["*"], gateways: [shop], http: [{ route: [{ destination: { host: backend } }] }] }
`;

function clean(text: string, where: string): void {
  for (const { name, forms } of ALL)
    for (const [form, mark] of Object.entries(forms))
      assert.ok(!text.includes(mark), `the key of Secret ${name} is in ${where}, as ${form}`);
}

let mesh: TestMesh;
const operator = (): Record<string, string> => ({ authorization: `Bearer ${mesh.run.token}` });

before(async () => {
  mesh = await startMesh({
    workloads: [{ app: 'client' }, { app: 'backend' }],
    gateway: true,
    config: [GATEWAY, served.yaml, unused.yaml],
  });
  await until('a request through the gateway', async () => (await fetch(mesh.gatewayUrl)).status === 200);
});
after(() => mesh?.stop());

/** What comes of a page, or of the first half second of one that does not end. */
function read(port: number, path: string, method = 'GET', body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { ...operator(), ...(body === '' ? {} : { 'content-type': 'application/json' }) };
    const ask = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (piece: string) => {
        text += piece;
        if (response.headers['content-type']?.startsWith('text/event-stream') === true)
          setTimeout(() => response.destroy(), 500);
      });
      response.on('close', () => resolve(text));
      if (response.headers['content-type']?.startsWith('text/event-stream') === true)
        setTimeout(() => response.destroy(), 2000);
    });
    ask.on('error', reject);
    ask.end(body);
  });
}

/** Answers of a control plane's xDS to somebody of this namespace. */
async function secretsOf(namespace: string, id: string, typeUrl: string, names: readonly string[]): Promise<string> {
  const workload = id.split('~')[2]?.split('.')[0] ?? '';
  const answer = await callHttp({
    target: { socket: mesh.run.tokenSocket },
    method: 'POST',
    path: '/token',
    body: JSON.stringify({ namespace, serviceAccount: 'probe', workload }),
    timeoutMs: 30_000,
  });
  const { token, rootsPem } = JSON.parse(answer?.body ?? '{}') as { token: string; rootsPem: string };
  const metadata = { NAMESPACE: namespace, LABELS: { istio: 'ingressgateway' } };
  const stream = new Sidecar({ port: mesh.run.xds.port, token, roots: rootsPem, id, metadata });
  try {
    stream.subscribe(typeUrl, names);
    // The control plane answers in the order in which it was asked: what comes at all has come with the listeners after it.
    await until('an answer', () => stream.held.has(TYPE_URL.listener) || stream.lastError !== '');
    await new Promise((resolve) => setTimeout(resolve, 500));
    return [...stream.held.values()]
      .flatMap((type) => [...type.values()].map(({ bytes }) => Buffer.from(bytes).toString('latin1')))
      .join('\n');
  } finally {
    stream.close();
  }
}

/** Nothing where the file has gone meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

const NAMES = ALL.flatMap(({ name, namespace }) =>
  [name, `${namespace}/${name}`, `${name}-cacert`].map((one) => `kubernetes://${one}`),
);

describe('a key in a Secret', () => {
  test('goes to the gateway that is entitled to it', async () => {
    const id = 'router~127.0.0.1~probe.istio-system~istio-system.svc.cluster.local';
    const mark = served.forms['PEM'] as string;
    await until('the key', async () =>
      (await secretsOf('istio-system', id, TYPE_URL.secret, NAMES)).replaceAll('\n', '').includes(mark),
    );
  });

  test('and to nobody else who asks for secrets, filters or anything, whatever he calls himself', async () => {
    for (const [namespace, id] of [
      ['default', 'sidecar~127.0.0.1~probe.default~default.svc.cluster.local'],
      ['default', 'router~127.0.0.1~probe.default~default.svc.cluster.local'],
      ['default', 'router~127.0.0.1~probe.istio-system~istio-system.svc.cluster.local'],
      ['other', 'router~127.0.0.1~probe.other~other.svc.cluster.local'],
    ] as const) {
      for (const typeUrl of [TYPE_URL.secret, TYPE_URL.extensionConfig]) {
        const got = await secretsOf(namespace, id, typeUrl, NAMES);
        // The one of his own namespace is his, when he is a gateway there.
        const his = namespace === 'default' && id.startsWith('router~') ? [served] : ALL;
        for (const { name, forms } of his)
          for (const mark of Object.values(forms))
            assert.ok(!got.replaceAll('\n', '').includes(mark), `${id} of ${namespace} got the key of ${name}`);
      }
    }
  });

  test('and is on no page of the control plane, not even for its operator', async () => {
    const source = {} as never;
    const clock = new SystemClock();
    const gateway = 'istio-ingressgateway.istio-system';
    const params: Readonly<Record<string, readonly string[]>> = {
      workload: ['client', 'client.default', gateway, 'istio-ingressgateway'],
      name: ['client', 'client.default', gateway, 'istio-ingressgateway'],
    };
    const listed = [...apiRoutes(source, clock), ...authzRoutes(source), ...caRoutes(source)]
      .filter(({ method, path }) => method === 'GET' && !path.includes('/wait'))
      .flatMap(({ path }) => {
        const parameter = /:(\w+)/.exec(path)?.[1];
        return (params[parameter ?? ''] ?? ['']).map((value) => path.replace(/:\w+/, value));
      });
    const secret = ALL.flatMap(({ name, namespace }) =>
      ['text', 'history'].map((page) => `/api/v1/${page}/Secret/${namespace}/${name}`),
    );
    const more = [
      '/api/v1/objects?kind=Secret',
      '/api/v1/objects?kind=Secret&redacted=true',
      '/api/v1/history',
      '/api/v1/traffic',
      '/api/v1/traffic/routes',
      '/api/v1/traffic/events',
      '/api/v1/tap',
      ...['client', 'istio-ingressgateway'].flatMap((name) => [
        `/api/v1/logs/${name}`,
        `/api/v1/proxies/${name}/live?page=config_dump`,
        `/api/v1/proxies/${name}/live?page=certs`,
      ]),
    ];
    const port = Number(new URL(mesh.run.address).port);
    let shown = 0;
    for (const path of [...listed, ...secret, ...more]) {
      const text = await read(port, path);
      shown += text.length;
      clean(text, path);
    }
    assert.ok(shown > 10_000, 'there was something to look at');
    for (const path of ['/api/v1/check', '/api/v1/what-if']) {
      const texts = [{ file: 'a.yaml', text: served.yaml.replace(/tls\.key: .*/, 'tls.key: ""') }];
      clean(await read(port, path, 'POST', JSON.stringify({ texts, namespace: 'istio-system' })), path);
    }
    const proxies = (await mesh.proxies()).map(({ id }) => id);
    for (const path of debugRoutes(source).map((route) => route.path))
      for (const query of ['', ...proxies.map((id) => `?proxyID=${encodeURIComponent(id)}`)])
        clean(await read(mesh.run.monitoringPort, `${path}${query}`), `monitoring ${path}`);
  });

  test("and is on no page of a proxy, the gateway's own neither", async () => {
    const records = globSync(join(mesh.home, 'run/workloads/*.json')).map(
      (path) => JSON.parse(readFileSync(path, 'utf8')) as { readonly adminPort: number },
    );
    assert.equal(records.length, 3);
    for (const { adminPort } of records)
      for (const path of [
        '/config_dump',
        '/config_dump?include_eds',
        '/config_dump?resource=dynamic_active_secrets',
        '/certs',
        '/clusters',
        '/listeners',
        '/init_dump',
        '/server_info',
        '/stats',
        '/help',
      ])
        clean(await read(adminPort, path), `${path} of a proxy`);
  });

  test('and in nothing that commands print, logs tell or files keep', async () => {
    const file = join(mesh.home, 'report.txt');
    for (const args of [
      ['bug-report', '--file', file],
      ['get', 'secrets', '-A', '-o', 'yaml'],
      ['proxy-config', 'secret', 'istio-ingressgateway.istio-system', '-o', 'json'],
      ['proxy-config', 'all', 'istio-ingressgateway.istio-system', '-o', 'json'],
      ['describe', 'secret', 'served', '-n', 'istio-system'],
      ['proxy-status'],
      ['ca', 'status', '-o', 'json'],
    ]) {
      const { stdout, stderr } = await mesh.topsail(...args);
      clean(stdout + stderr, `topsail ${args.join(' ')}`);
    }
    assert.ok(statSync(file).size > 1000);
    // Claims of ports and half-written files come and go meanwhile.
    const written = globSync(join(mesh.home, '**/*')).filter(
      (path) =>
        statSync(path, { throwIfNoEntry: false })?.isFile() === true && !path.startsWith(join(mesh.home, 'config/')),
    );
    assert.ok(written.some((path) => path.startsWith(join(mesh.home, 'logs/'))));
    // The last good version of what an operator wrote is kept as he wrote it, for himself alone.
    const kept = join(mesh.home, 'state/last-good/Secret/');
    for (const path of written) {
      if (path.startsWith(kept)) assert.equal(statSync(path).mode & 0o077, 0, path);
      else clean(textOf(path), path);
    }
  });
});
