// /config_dump of a real proxy, rendered by a process that rests for a moment and ends: the same page, and nothing stays.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { silentLogger } from '../../../src/base/index.ts';
import { SystemClock } from '../../../src/io/index.ts';
import { DumpProcesses } from '../../../src/main/dump-processes.ts';
import { serveProxyAdmin } from '../../../src/main/proxy-admin.ts';
import { BootstrapSchema } from '../../../src/proto/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { configDumpPage } from '../../../src/proxy/dump/config-dump-page.ts';
import { packDump } from '../../../src/proxy/dump/parcel.ts';
import { until } from '../../mesh/until.ts';
import { ProxyProcess } from '../../proxy-life/proxy-process.ts';
import { cluster, fetchText, listener, managerFilter, runProxy } from './proxy-fixture.ts';
import { selfSigned } from './self-signed.ts';

const ENTRY = process.env['TOPSAIL_ENTRY'] ?? join(import.meta.dirname, '../../../src/main/cli.ts');
const RENDERER = [process.execPath, ENTRY, 'render-config-dump'];
const ROUTES = [{ match: { prefix: '/' }, route: { cluster: 'c' } }];
/** More than sockets on the way to a reader hold. */
const LARGE = 40_000_000;

/** Processes that we started for dumps and that have not ended. */
function renderers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // pid (name) state parent …
        const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
        return (
          state !== 'Z' && Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`).includes('render')
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

interface Served {
  readonly port: number;
  readonly warnings: string[];
  /** The page, rendered in this process. */
  here(query: string): Promise<string>;
  close(): void;
}

async function serve(
  t: TestContext,
  options: { readonly renderer?: readonly string[]; readonly secret?: number; readonly restMs?: number } = {},
): Promise<Served> {
  const { certChainPem, privateKeyPem } = selfSigned('dumped');
  const secret = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: { inline_string: certChainPem }, private_key: { inline_string: privateKeyPem } },
        ],
      },
    },
  };
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter(ROUTES)] }])],
    [cluster('c', [1]), cluster('d', [1, 2]), cluster('private', [1], { transport_socket: secret })],
  );
  const admin = await serveProxyAdmin({
    clock: new SystemClock(),
    log,
    handle: proxy.handle,
    host: '127.0.0.1',
    port: 0,
    node: { id: 'n', cluster: 'c', metadata: {} },
    options: {},
    bootstrap: toBinary(BootstrapSchema, create(BootstrapSchema, { node: { id: 'n'.repeat(options.secret ?? 1) } })),
    secrets: { subscribe: () => () => {} },
    levels: undefined,
    ready: () => true,
    quit: () => {},
    renderer: options.renderer ?? RENDERER,
    rendererRestMs: options.restMs ?? 100,
  });
  const close = (): void => {
    admin.close();
    proxy.close();
  };
  t.after(async () => {
    close();
    await until('the end of all renderers', () => renderers().length === 0);
  });
  return {
    port: admin.port,
    warnings,
    close,
    here: async (query) => {
      const reader = { gone: new AbortController().signal, headOnly: false };
      const view = { ...admin.view, dumpApart: undefined };
      const { body } = await configDumpPage(view, new URLSearchParams(query), reader);
      let text = '';
      for await (const piece of body) text += String(piece);
      return text;
    },
  };
}

/** A client that reads the head and no more. */
async function stalled(port: number): Promise<{ readonly response: IncomingMessage; leave(): void }> {
  const asked = request({ host: '127.0.0.1', port, path: '/config_dump', agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject).end();
  });
  asked.on('error', () => {});
  response.on('error', () => {}).pause();
  return { response, leave: () => void asked.destroy() };
}

test('the page is the one that this process would make, and nothing runs on', async (t) => {
  const { port, here, warnings } = await serve(t);
  for (const query of ['', 'include_eds', 'resource=static_clusters', 'name_regex=^[cd]$']) {
    const { status, body, headers } = await fetchText(port, `/config_dump?${query}`);
    assert.deepEqual([status, headers['content-type']], [200, 'application/json'], query);
    assert.equal(body, await here(query), query);
    assert.doesNotMatch(body, /PRIVATE KEY/);
    await until('the end of the renderer', () => renderers().length === 0);
  }
  assert.deepEqual(warnings, []);
});

test('whoever reads it again and again has one process for it, which ends when nobody does', async (t) => {
  const { port, here, close } = await serve(t, { restMs: 1_000_000 });
  const first = await fetchText(port, '/config_dump');
  const [renderer, ...others] = renderers();
  assert.deepEqual(others, []);
  for (const query of ['include_eds', 'resource=static_clusters', '']) {
    const { body } = await fetchText(port, `/config_dump?${query}`);
    assert.equal(body, await here(query), query);
    assert.deepEqual(renderers(), [renderer]);
  }
  assert.equal((await fetchText(port, '/config_dump')).body, first.body);
  // Dead, and not yet known to be: it is said, and the next one is another's.
  process.kill(renderer as number, 'SIGKILL');
  const { status } = await fetchText(port, '/config_dump');
  assert.ok(status === 200 || status === 503, String(status));
  assert.equal((await fetchText(port, '/config_dump')).body, first.body);
  assert.notDeepEqual(renderers(), [renderer]);
  close();
  await until('the end of all renderers', () => renderers().length === 0);
});

test('a page shows what is so when it is asked for, whatever its process rendered before', async (t) => {
  const dumps = new DumpProcesses({ clock: new SystemClock(), log: silentLogger, command: RENDERER });
  t.after(() => dumps.close());
  const page = async (id: string): Promise<string> => {
    const bytes = toBinary(BootstrapSchema, create(BootstrapSchema, { node: { id } }));
    const view = { bootstrap: () => ({ bytes, updatedWallMs: 0 }), resources: () => [] };
    const order = { only: undefined, includeEds: false, accept: undefined };
    const answer = await dumps.render(packDump(view, new URLSearchParams(), order), new AbortController().signal);
    let text = '';
    for await (const piece of answer?.body ?? []) text += String(piece);
    return /"id": ?"([^"]*)"/.exec(text)?.[1] ?? text;
  };
  assert.deepEqual([await page('one'), await page('two'), await page('three')], ['one', 'two', 'three']);
  assert.equal(renderers().length, 1);
});

test('readers wait for each other', async (t) => {
  const { port, here } = await serve(t);
  const whole = await here('');
  const answers = await Promise.all(Array.from({ length: 3 }, () => fetchText(port, '/config_dump')));
  for (const { body } of answers) assert.equal(body, whole);
});

test('a page of many megabytes reaches a reader that takes its time', async (t) => {
  const { port } = await serve(t, { secret: LARGE });
  const { response } = await stalled(port);
  let bytes = 0;
  response.on('data', (chunk: Buffer) => void (bytes += chunk.length)).resume();
  await until('the whole page', () => response.complete);
  assert.ok(bytes > LARGE);
});

test('the process ends with its reader, before the page and in its middle', async (t) => {
  const { port, warnings } = await serve(t, { secret: LARGE });
  const early = request({ host: '127.0.0.1', port, path: '/config_dump', agent: false });
  early
    .on('error', () => {})
    .on('response', (response) => void response.pause())
    .end();
  await until('a renderer', () => renderers().length === 1);
  early.destroy();
  await until('its end', () => renderers().length === 0);
  const { leave } = await stalled(port);
  assert.equal(renderers().length, 1);
  leave();
  await until('its end', () => renderers().length === 0);
  assert.deepEqual(warnings, []);
});

test('the process ends with the admin port', async (t) => {
  const { port, close } = await serve(t, { secret: LARGE });
  await stalled(port);
  assert.equal(renderers().length, 1);
  close();
  await until('its end', () => renderers().length === 0);
});

test('where no process can be started the page is rendered here, and that is said', async (t) => {
  for (const renderer of [['/nonexistent/program'], [process.execPath, '/nonexistent/program.js'], ['/bin/false']]) {
    const { port, here, warnings } = await serve(t, { renderer });
    const { status, body } = await fetchText(port, '/config_dump');
    assert.equal(status, 200);
    assert.equal(body, await here(''));
    assert.equal(warnings.length, 1, renderer.join(' '));
  }
});

test('what takes too long, is killed or must wait too long is an answer with a reason', async () => {
  const options = { clock: new SystemClock(), log: silentLogger };
  const view = { bootstrap: () => ({ bytes: new Uint8Array(0), updatedWallMs: 0 }), resources: () => [] };
  const order = { only: undefined, includeEds: false, accept: undefined };
  const parcel = (): Iterable<Uint8Array> => packDump(view, new URLSearchParams(), order);
  const { signal } = new AbortController();
  const slow = new DumpProcesses({ ...options, command: ['sleep', '1000'], limitMs: 200, waitMs: 1 });
  const [first, second] = await Promise.all([slow.render(parcel(), signal), slow.render(parcel(), signal)]);
  assert.deepEqual([first?.status, second?.status], [503, 503]);
  assert.match(String(first?.body), /not done within 0\.2 s/);
  assert.match(String(second?.body), /another dump is being read/);
  const killed = new DumpProcesses({ ...options, command: ['sh', '-c', 'kill -KILL $$'] });
  const answer = await killed.render(parcel(), signal);
  assert.match(String(answer?.body), /was killed/);
  // Its place is free again.
  assert.match(String((await killed.render(parcel(), signal))?.body), /was killed/);
});

test('a renderer ends when its proxy does: while the parcel comes, and while nobody reads', async (t) => {
  const started: ChildProcess[] = [];
  t.after(() => {
    for (const child of started) child.kill('SIGKILL');
  });
  const run = (): ChildProcess & { readonly stdin: object; readonly stdout: object } => {
    const child = spawn(process.execPath, RENDERER.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
    started.push(child);
    return child;
  };
  const bytes = toBinary(BootstrapSchema, create(BootstrapSchema, { node: { id: 'n'.repeat(LARGE) } }));
  const view = { bootstrap: () => ({ bytes, updatedWallMs: 0 }), resources: () => [] };
  const order = { only: undefined, includeEds: false, accept: undefined };
  const parcel = Buffer.concat([...packDump(view, new URLSearchParams(), order)]);

  const half = run();
  half.stdin?.on('error', () => {}).write(parcel.subarray(0, 1000));
  half.stdin?.end();
  await until('the end of one with half a parcel', () => half.exitCode !== null);

  const unread = run();
  unread.stdin?.on('error', () => {}).write(parcel);
  await new Promise((resolve) => unread.stdout?.once('readable', resolve));
  unread.stdin?.destroy();
  unread.stdout?.destroy();
  await until('the end of one that nobody reads', () => unread.exitCode !== null);
});

for (const flags of [[], ['--concurrency', '2']])
  test(`a proxy that was started from a file shows it${flags.length === 0 ? '' : ' (two threads)'}`, async (t) => {
    const proxy = await ProxyProcess.start({ clusters: [cluster('named-so', [1])] }, flags);
    t.after(async () => await proxy.end());
    const { status, body } = await fetchText(proxy.adminPort, '/config_dump');
    assert.equal(status, 200, body);
    const { configs } = JSON.parse(body) as { configs: readonly Readonly<Record<string, unknown>>[] };
    const [bootstrap, clusters] = configs;
    assert.match(JSON.stringify(bootstrap), /BootstrapConfigDump.*"id":"life".*named-so/);
    assert.match(JSON.stringify(clusters), /ClustersConfigDump.*static_clusters.*named-so/);
    const lines = await fetchText(proxy.adminPort, '/clusters');
    assert.match(lines.body, /^named-so::added_via_api::false$/m);
  });
