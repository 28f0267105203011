// What callers send who have no right or no measure: tokens that are guessed, of another mesh or for another purpose, names that only look like this machine, oversized heads, bodies and messages. The control plane refuses each and goes on.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { generateKeyPair, makeCsr } from '#identity';
import { grpcDialer, gunzip, SystemClock, SystemRandom } from '#io';
import { IstioCertificateRequestSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import { DeltaDiscoveryRequestSchema } from '#proto/envoy/service/discovery/v3/discovery_pb.ts';
import { GrpcChannel } from '#wire/grpc';
import { until } from '../../mesh/until.ts';

const ROOT = join(import.meta.dirname, '../../..');
const clock = new SystemClock();

interface RunJson {
  readonly address: string;
  readonly token: string;
  readonly xds: { readonly port: number };
  readonly monitoringPort: number;
  readonly tokenSocket: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A control plane of its own home. */
class Home {
  readonly #folder = mkdtempSync(join(tmpdir(), 'abuse-'));
  readonly #child: ChildProcess;
  run!: RunJson;
  rootsPem = '';

  constructor() {
    const ports = ['--port', '0', '--xds-port', '0', '--monitoring-port', '0'];
    this.#child = spawn(join(ROOT, 'topsail'), ['discovery', '--home', this.#folder, ...ports], { stdio: 'ignore' });
  }

  async ready(): Promise<void> {
    await until('the control plane', () => existsSync(join(this.#folder, 'run.json')));
    this.run = JSON.parse(readFileSync(join(this.#folder, 'run.json'), 'utf8')) as RunJson;
    const trust = await send({ socketPath: this.run.tokenSocket }, 'GET', '/trust');
    this.rootsPem = (JSON.parse(trust.body) as { rootsPem: string }).rootsPem;
  }

  get port(): number {
    return Number(new URL(this.run.address).port);
  }

  api(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
    return send({ port: this.port }, method, path, headers, body);
  }

  async workloadToken(): Promise<string> {
    const ask = JSON.stringify({ namespace: 'one', serviceAccount: 'a', workload: 'a' });
    const answer = await send({ socketPath: this.run.tokenSocket }, 'POST', '/token', {}, ask);
    return (JSON.parse(answer.body) as { token: string }).token;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.kill()) await gone;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Status 0: the connection ended without an answer. */
function send(
  target: { readonly port: number } | { readonly socketPath: string },
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): Promise<Answer> {
  return new Promise((resolve) => {
    let text = '';
    const asked = request({ host: '127.0.0.1', ...target, method, path, headers, agent: false }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('close', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    asked.on('error', () => resolve({ status: 0, body: '' }));
    asked.end(body);
  });
}

/** The first line of what comes back to a text as it is. */
function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => void socket.write(text, 'latin1'));
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (answer.includes('\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer.split('\r\n', 1)[0] ?? ''));
  });
}

const [mine, theirs] = [new Home(), new Home()];
before(async () => {
  await Promise.all([mine.ready(), theirs.ready()]);
});
after(async () => {
  await Promise.all([mine.stop(), theirs.stop()]);
});

const EMPTY = '{"texts":[]}';
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

describe('the token of writes', () => {
  it('is neither guessed, nor another mesh’s, nor a workload’s', async () => {
    const { token } = mine.run;
    const wrong = [
      '',
      'null',
      'undefined',
      token.slice(0, -1),
      `${token}x`,
      token.toUpperCase(),
      token.split('').reverse().join(''),
      `${token},${token}`,
      `${token} ${token}`,
      'x'.repeat(10_000),
      theirs.run.token,
      await mine.workloadToken(),
    ];
    for (const text of wrong)
      assert.equal((await mine.api('POST', '/api/v1/apply', bearer(text), EMPTY)).status, 401, text.slice(0, 60));
    for (const authorization of [token, `Basic ${token}`, `bearer ${token} `, `Bearer  ${token}`, `Bearer\t${token}`])
      assert.equal((await mine.api('POST', '/api/v1/apply', { authorization }, EMPTY)).status, 401, authorization);
    for (const path of [`/api/v1/apply?token=${token}`, `/api/v1/apply?access_token=${token}`])
      assert.equal((await mine.api('POST', path, { cookie: `token=${token}` }, EMPTY)).status, 401, path);
    for (let i = 0; i < 300; i++) {
      const guess = Buffer.from(`${i}`.padStart(32, 'g')).toString('base64url');
      assert.equal((await mine.api('POST', '/api/v1/apply', bearer(guess), EMPTY)).status, 401);
    }
    assert.equal((await mine.api('POST', '/api/v1/apply', bearer(token), EMPTY)).status, 200, 'after all that');
  });

  it('opens no stream of configuration, and signs nothing', async () => {
    const csr = makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/one/sa/a');
    for (const token of [mine.run.token, await theirs.workloadToken()])
      assert.ok([7, 16].includes((await certificate(csr, token)).code));
    assert.equal((await certificate(csr, await mine.workloadToken())).code, 0);
  });

  it('is given for a code of this mesh, once', async () => {
    const made = async (home: Home): Promise<string> =>
      (JSON.parse((await home.api('POST', '/api/v1/sign-in/code', bearer(home.run.token))).body) as { code: string })
        .code;
    const exchange = (code: unknown): Promise<Answer> =>
      mine.api('POST', '/api/v1/sign-in', {}, JSON.stringify({ code }));
    const code = await made(mine);
    for (const wrong of ['', code.slice(0, -1), code.toUpperCase(), [code], { code }, null, await made(theirs)])
      assert.equal((await exchange(wrong)).status, 401, JSON.stringify(wrong));
    assert.equal((JSON.parse((await exchange(code)).body) as { token: string }).token, mine.run.token);
    assert.equal((await exchange(code)).status, 401, 'again');
  });
});

describe('a name that only looks like this machine', () => {
  it('is refused as Host', async () => {
    for (const host of [
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'evil.example:20001',
      'evil.example#127.0.0.1',
      '127.0.0.1@evil.example',
      'evil.example@127.0.0.1',
      '127.0.0.1:1:2',
      '127.0.0.1:x',
      'localhost.',
      '2130706433',
      '0x7f.1',
      '127.1',
      '0.0.0.0',
      '[::ffff:127.0.0.1]',
      '[::1].evil.example',
      'xn--localhost-9za',
    ])
      assert.equal((await mine.api('GET', '/api/v1/status', { host })).status, 403, host);
    assert.match(await sendRaw(mine.port, 'GET / HTTP/1.1\r\nHost:\r\n\r\n'), / 403 /);
    for (const host of ['127.0.0.1', 'LOCALHOST:20001', '[::1]:1'])
      assert.equal((await mine.api('GET', '/api/v1/status', { host })).status, 200, host);
  });

  it('is refused as Origin, another port of this machine too', async () => {
    const host = `127.0.0.1:${mine.port}`;
    const ask = async (origin: string): Promise<number> =>
      (await mine.api('POST', '/api/v1/apply', { host, origin, ...bearer(mine.run.token) }, EMPTY)).status;
    for (const origin of [
      'null',
      '',
      'http://127.0.0.1',
      'http://127.0.0.1:3000',
      'http://localhost:3000',
      `https://${host}`,
      `http://${host}.evil.example`,
      `http://${host}@evil.example`,
      `http://evil.example/?${host}`,
      'file://',
    ])
      assert.equal(await ask(origin), 403, origin);
    assert.equal(await ask(`http://${host}`), 200);
  });
});

async function certificate(csr: string, token: string | undefined): Promise<{ readonly code: number }> {
  const link = channel();
  const result = await link.callUnary(
    '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, { csr, validityDuration: 60n })),
    { timeoutMs: 60_000, ...(token === undefined ? {} : { metadata: { authorization: `Bearer ${token}` } }) },
  );
  link.close();
  return { code: result.ok ? 0 : result.status.code };
}

function channel(): GrpcChannel {
  return new GrpcChannel({
    dialer: grpcDialer({
      host: '127.0.0.1',
      port: mine.run.xds.port,
      tls: () => ({
        context: { rootsPem: mine.rootsPem, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', version: '1' },
        alpn: ['h2'],
        sni: 'istiod.istio-system.svc',
        checkKey: 'x',
        check: () => ({ ok: true, verdict: { kind: 'anonymous' } }),
      }),
    }),
    clock,
    random: new SystemRandom(),
    gunzip,
  });
}

/** Status of a stream's end; a node whose id is so long. */
async function stream(token: string, length: number, annotations = 0): Promise<number> {
  const link = channel();
  try {
    return await new Promise<number>((resolve) => {
      const opened = link.openStream(
        '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
        { onMessage: () => resolve(0), onStatus: (status) => resolve(status.code) },
        { timeoutMs: 60_000, metadata: { authorization: `Bearer ${token}` } },
      );
      opened.send(
        toBinary(
          DeltaDiscoveryRequestSchema,
          create(DeltaDiscoveryRequestSchema, {
            node: {
              id: `sidecar~127.0.0.1~a.one~one.svc.cluster.local${'x'.repeat(length)}`,
              metadata: { NAMESPACE: 'one', ANNOTATIONS: { a: 'x'.repeat(annotations) } },
            },
            typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
          }),
        ),
      );
    });
  } finally {
    link.close();
  }
}

describe('what has no measure', () => {
  const MB = 1 << 20;

  it('is refused by the HTTP ports', async () => {
    const operator = bearer(mine.run.token);
    const huge = await mine.api('POST', '/api/v1/apply', operator, 'x'.repeat(9 * MB));
    // Whoever still writes may lose the answer with the connection.
    assert.ok([413, 0].includes(huge.status), String(huge.status));
    assert.ok([401, 0].includes((await mine.api('POST', '/api/v1/apply', {}, 'x'.repeat(64 * MB))).status), 'nobody');
    assert.ok([401, 0].includes((await mine.api('POST', '/api/v1/sign-in', {}, `"${'x'.repeat(MB)}"`)).status));
    for (const port of [mine.port, mine.run.monitoringPort]) {
      const line = await sendRaw(port, `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nx: ${'a'.repeat(MB)}\r\n\r\n`);
      assert.ok(line === '' || line.includes(' 431 '), line);
      const many = Array.from({ length: 5000 }, (_, i) => `x-${i}: y`).join('\r\n');
      const lines = await sendRaw(port, `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${many}\r\n\r\n`);
      assert.ok(lines === '' || / (?:200|404|431) /.test(lines), lines);
      assert.match(await sendRaw(port, 'GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'), / 400 /);
    }
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    for (const [path, body] of [
      ['/api/v1/apply', '{'],
      ['/api/v1/apply', deep],
      ['/api/v1/apply', `{"texts":[${JSON.stringify({ text: `a: ${deep}` })}]}`],
      ['/api/v1/check', deep],
      ['/api/v1/sign-in', '{'],
    ] as const) {
      const { status, body: said } = await mine.api('POST', path, operator, body);
      assert.ok(
        status >= 400 || /refused|"severity":"error"/.test(said),
        `${path} ${body.slice(0, 20)}: ${status} ${said.slice(0, 200)}`,
      );
    }
    assert.equal((await mine.api('GET', '/api/v1/authz/nobody/explain?claims={')).status, 400);
    assert.equal((await mine.api('GET', '/api/v1/status')).status, 200, 'after all that');
  });

  it('is refused by the ports of xDS and certificates', async () => {
    const token = await mine.workloadToken();
    const csr = makeCsr(generateKeyPair(), 'spiffe://cluster.local/ns/one/sa/a');
    assert.notEqual((await certificate(`${csr}${'\n'.repeat(64 << 10)}`, token)).code, 0, 'a CSR of 64 kB');
    assert.notEqual((await certificate('x'.repeat(8 * MB), token)).code, 0, 'a CSR of 8 MB');
    assert.notEqual((await certificate('x'.repeat(8 * MB), undefined)).code, 0, 'of nobody');
    assert.notEqual(await stream(token, 17 * MB), 0, 'a node of 17 MB');
    assert.equal(await stream(token, 100_000), 3, 'a node with an id of 100 kB');
    assert.equal(await stream(token, 0, 2 * MB), 3, 'a node with 2 MB of annotations');
    assert.equal((await certificate(csr, token)).code, 0, 'after all that');
    assert.equal(await stream(token, 0), 0, 'after all that');
  });
});
