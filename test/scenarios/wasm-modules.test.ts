// Modules that WasmPlugins name by address, and edits of plugins under load: the control plane fetches, checks and sends them, and
// no edit touches a listener. TOPSAIL_TEST_DATA_PLANE=envoy: with a real Envoy.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, Agent, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { until } from '../mesh/until.ts';
import { assemble } from '../wasm/assemble.ts';
import { make } from './list/calls.ts';
import { startLab } from './list/column.ts';
import type { Lab } from './list/lab.ts';
import { plain, policy, SELECT } from './list/server-calls.ts';

const PLANE = process.env['TOPSAIL_TEST_DATA_PLANE'] === 'envoy' ? 'envoy' : 'topsail';
const OPEN_PORTS = policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }');
const PASSWORD = 'ann:secret';
const LOOPS = 4;
const EDITS = 20;

const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A custom section of zeros behind the module: the same plugin, as large as real ones are. */
function padded(code: Uint8Array, bytes: number): Buffer {
  const size: number[] = [];
  for (let rest = bytes + 2; ; rest >>>= 7) {
    if (rest < 0x80) {
      size.push(rest);
      break;
    }
    size.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([code, Buffer.from([0, ...size, 1, 0x70]), Buffer.alloc(bytes)]);
}

/** An HTTP server with a module, and a registry that gives an image for a token and a token for a password. */
async function serveModules(
  code: Buffer,
): Promise<{ readonly server: Server; readonly host: string; asked(): number }> {
  const large = padded(code, 6 * 1024 * 1024);
  const layer = `sha256:${sum(code)}`;
  const manifest = JSON.stringify({
    schemaVersion: 2,
    layers: [{ mediaType: 'application/vnd.module.wasm.content.layer.v1+wasm', digest: layer, size: code.length }],
  });
  let asked = 0;
  const server = createServer((question, answer) => {
    asked++;
    const { url = '', headers } = question;
    const give = (body: string | Buffer): void => void answer.end(body);
    if (url === '/plugin.wasm') return give(code);
    if (url === '/large.wasm') return give(large);
    if (url.startsWith('/token')) {
      if (headers.authorization === `Basic ${Buffer.from(PASSWORD).toString('base64')}`) return give('{"token":"t1"}');
    } else if (url.startsWith('/v2/team/plugin/')) {
      if (headers.authorization === 'Bearer t1') {
        if (url.endsWith('/manifests/1.0')) return give(manifest);
        if (url.endsWith(`/blobs/${layer}`)) return give(code);
      }
      answer.setHeader('www-authenticate', `Bearer realm="http://${headers.host}/token",service="here"`);
      answer.statusCode = 401;
      answer.end();
      return;
    }
    answer.statusCode = 404;
    answer.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}

const plugin = (fields: string): string => `apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: { name: p, namespace: default }
spec: { ${SELECT}, match: [{ mode: SERVER }], ${fields} }
---
`;
const says = (word: string): string => `pluginConfig: { is: ${word} }`;

describe(`modules of WasmPlugins on ${PLANE}`, () => {
  let lab: Lab;
  let modules: Awaited<ReturnType<typeof serveModules>>;
  let code: Buffer;
  let calls = 0;
  const ask = () => make(lab, plain({ headers: { 'x-do': 'a' } }), `wasm-${++calls}`);
  const answers = async (what: string, status: number, word: string | undefined): Promise<void> => {
    await until(what, async () => {
      const { status: seen, seen: request } = await ask();
      return seen === status && (word === undefined || request?.headers['x-wasm'] === `{"is":"${word}"}`);
    });
  };
  const tells = (pattern: RegExp): Promise<void> =>
    until(String(pattern), () => lab.control.conditions().some((one) => pattern.test(one)));

  before(async () => {
    code = Buffer.from(await assemble('kitchen'));
    modules = await serveModules(code);
    lab = await startLab(PLANE);
    lab.control.fetchModules(
      { wasmAllow: ['private'], wasmInsecureRegistry: [modules.host] },
      join(lab.folder, 'modules'),
    );
  });
  after(async () => {
    await lab?.close();
    modules?.server.close();
  });

  test('one that an address has, with its sum', async () => {
    await lab.apply(
      OPEN_PORTS + plugin(`url: "http://${modules.host}/plugin.wasm", sha256: ${sum(code)}, ${says('http')}`),
    );
    await answers('it runs', 200, 'http');
  });

  test('one of six megabytes', async () => {
    await lab.apply(OPEN_PORTS + plugin(`url: "http://${modules.host}/large.wasm", ${says('large')}`));
    await answers('it runs', 200, 'large');
  });

  test('another sum than was written: the former module stays, and the status says why', async () => {
    await lab.apply(
      OPEN_PORTS +
        plugin(`url: "http://${modules.host}/plugin.wasm", sha256: ${sum(Buffer.from('x'))}, ${says('wrong')}`),
    );
    await tells(/TS-REG-019 .*sha256 is .* was expected.*former module stays/);
    await answers('the former one answers', 200, 'large');
  });

  test('one that never came: requests are denied, or pass it by where they may', async () => {
    const config = (strategy: string): string =>
      OPEN_PORTS +
      plugin(`url: "http://${modules.host}/nothing.wasm", failStrategy: ${strategy}`).replaceAll(
        'name: p,',
        'name: q,',
      );
    await lab.apply(config('FAIL_CLOSE'));
    await tells(/TS-REG-019 .*status 404.*denied/);
    await answers('it denies', 403, undefined);
    await lab.apply(config('FAIL_OPEN'));
    await tells(/TS-REG-019 .*status 404.*pass it by/);
    await answers('it is passed by', 200, undefined);
  });

  test('places of the machine itself are not asked, whatever is allowed', async () => {
    const config = plugin('url: "http://169.254.169.254/plugin.wasm"').replaceAll('name: p,', 'name: r,');
    await lab.apply(OPEN_PORTS + config);
    await tells(/TS-REG-019 .*169\.254\.169\.254 may not be dialled/);
    await answers('it denies', 403, undefined);
  });

  test('an image, with the pull secret of its namespace and not without', async () => {
    const image = plugin(
      `url: "oci://${modules.host}/team/plugin:1.0", imagePullSecret: pull, ${says('image')}`,
    ).replaceAll('name: p,', 'name: s,');
    await lab.apply(OPEN_PORTS + image);
    await tells(/TS-REG-019 .*Secret pull/);
    await answers('it denies', 403, undefined);
    const auths = JSON.stringify({ auths: { [modules.host]: { auth: Buffer.from(PASSWORD).toString('base64') } } });
    const secret = `apiVersion: v1
kind: Secret
metadata: { name: pull, namespace: default }
type: kubernetes.io/dockerconfigjson
data: { .dockerconfigjson: "${Buffer.from(auths).toString('base64')}" }
---
`;
    await lab.apply(OPEN_PORTS + secret + image);
    await answers('it runs', 200, 'image');
  });

  test(`${EDITS} edits under load: none loses a request, and none closes a connection`, async () => {
    const edit = (i: number): Promise<unknown> =>
      // Every fifth changes the machine too.
      lab.apply(
        OPEN_PORTS +
          plugin(
            `url: "http://${modules.host}/plugin.wasm", ${says(`w${i}`)}, vmConfig: { env: [{ name: ROUND, value: "${Math.floor(i / 5)}" }] }`,
          ).replaceAll('name: p,', 'name: t,'),
      );
    await edit(0);
    await answers('the first one', 200, 'w0');
    const agent = new Agent({ keepAlive: true, maxSockets: LOOPS });
    const problems: string[] = [];
    const sockets = new Set<number>();
    let last = '';
    let served = 0;
    let stop = false;
    const once = (): Promise<void> =>
      new Promise((resolve) => {
        const failed = (error: Error): void => {
          problems.push(error.message);
          resolve();
        };
        const sent = request(
          {
            host: '127.0.0.1',
            port: lab.serverPorts[8000],
            agent,
            headers: { host: 'server:8000', 'x-do': 'a', 'x-case': 'load' },
          },
          (answer: IncomingMessage) => {
            sockets.add(sent.socket?.localPort ?? 0);
            let body = '';
            answer.setEncoding('utf8').on('data', (piece: string) => (body += piece));
            answer.on('error', failed).on('end', () => {
              served++;
              last = body;
              if (answer.statusCode !== 200 || answer.headers['x-wasm-response'] !== 'yes')
                problems.push(`${answer.statusCode} ${JSON.stringify(answer.headers)}`);
              resolve();
            });
          },
        );
        sent.on('error', failed).end();
      });
    const loops = Array.from({ length: LOOPS }, async () => {
      while (!stop) {
        await once();
        lab.backends.arrivals.clear();
      }
    });
    for (let i = 1; i <= EDITS; i++) {
      await edit(i);
      await until(`edit ${i} is in force`, () => last.includes(`w${i}\\"`));
    }
    stop = true;
    await Promise.all(loops);
    agent.destroy();
    assert.deepEqual(problems, []);
    assert.ok(served > EDITS);
    assert.equal(sockets.size, LOOPS);
  });
});
