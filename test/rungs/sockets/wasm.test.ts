// Plugins in our proxy over real sockets: what they do, what becomes of requests when they fail, and that the proxy stays.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { StatStore } from '../../../src/telemetry/index.ts';
import { assemble } from '../../wasm/assemble.ts';
import { answerAsk, echo, FAILURE_CASES, type OnFailure, PLUGIN_CASES, pluginFilter } from '../../wasm/plugin-cases.ts';
import { cluster, fetchText, listener, managerFilter, routerFilter, runProxy, startApp } from './proxy-fixture.ts';

const ROUTES = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];

async function withPlugins(t: TestContext, filters: Readonly<Record<string, object>>) {
  const app = await startApp(echo);
  const svc = await startApp(answerAsk);
  const stats = new StatStore();
  const proxy = await runProxy(
    Object.entries(filters).map(([name, filter]) =>
      listener(name, [{ filters: [managerFilter(ROUTES, { http_filters: [filter, routerFilter] })] }]),
    ),
    [cluster('app', [app.port]), cluster('svc', [svc.port])],
    undefined,
    { stats },
  );
  t.after(() => {
    proxy.close();
    app.close();
    svc.close();
  });
  const send = (name: string) => (path: string, options: Parameters<typeof fetchText>[2]) =>
    fetchText(proxy.port(name), path, options);
  return { send, stats };
}

test('a plugin does to requests and answers what it says', async (t) => {
  const { send, stats } = await withPlugins(t, { one: pluginFilter(await assemble('kitchen')) });
  for (const { name, run } of PLUGIN_CASES) await t.test(name, () => run(send('one')));
  assert.equal(stats.counter('wasmcustom.seen').value, 1);
  await t.test('a header that would break the message apart is refused', async () => {
    const { headers } = JSON.parse((await send('one')('/', { headers: { 'x-do': 'h' } })).body) as {
      headers: Record<string, string>;
    };
    assert.deepEqual([headers['x-safe'], headers['x-evil'], headers['b']], ['2', undefined, undefined]);
  });
  await t.test('memory ends where the proxy says', async () => {
    const { headers } = JSON.parse((await send('one')('/', { headers: { 'x-do': 'g' } })).body) as {
      headers: Record<string, string>;
    };
    assert.equal(headers['x-grown'], '0');
  });
});

const RUNAWAYS: Readonly<Record<string, string>> = {
  'computes for ever': '(loop (br 0))',
  'recurses for ever': '(drop (call $self (i32.const 0) (i32.const 0) (i32.const 0)))',
  'calls the host for ever': '(loop (drop (call $as (i32.const 99))) (br 0))',
};

for (const [what, body] of Object.entries(RUNAWAYS))
  test(`a plugin that ${what} is ended, and the proxy goes on`, async (t) => {
    const runaway = `(module (import "env" "proxy_set_effective_context" (func $as (param i32) (result i32)))
      (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
      (func (export "malloc") (param i32) (result i32) (i32.const 64))
      (func $self (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ${body} (i32.const 0)))`;
    const { send, stats } = await withPlugins(t, {
      runaway: pluginFilter(await assemble(runaway), { name: 'runaway' }),
      other: pluginFilter(await assemble('kitchen')),
    });
    assert.equal((await send('other')('/', {})).status, 200);
    assert.equal((await send('runaway')('/', {})).status, 503);
    assert.equal((await send('runaway')('/', {})).status, 503);
    assert.equal((await send('other')('/', {})).headers['x-wasm-response'], 'yes');
    assert.equal(stats.counter('wasm.runaway.failures').value, 1);
    assert.equal(stats.counter('wasm.runaway.refused').value, 2);
  });

for (const [policy, { name, run }] of Object.entries(FAILURE_CASES))
  test(`${policy}: ${name}`, async (t) => {
    const code = await assemble('kitchen');
    const { send } = await withPlugins(t, {
      broken: pluginFilter(code, { policy: policy as OnFailure }),
      other: pluginFilter(code, { configuration: 'other', name: 'another' }),
    });
    assert.equal((await send('other')('/', {})).status, 200);
    await run(send('broken'));
  });

const NO_MODULES: Readonly<Record<string, string>> = {
  'is no Proxy-Wasm module': '(module (memory (export "memory") 1))',
  'imports what is not there':
    '(module (import "env" "proxy_teleport" (func)) (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))',
  'wants more memory than it may have':
    '(module (memory (export "memory") 60000) (func (export "proxy_abi_version_0_2_1")))',
  'has no memory': '(module (func (export "proxy_abi_version_0_2_1")))',
  'traps while it starts':
    '(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) (i32.const 64)) (func (export "_initialize") unreachable))',
};

test('what cannot run refuses requests or is passed by, and says so', async (t) => {
  for (const [what, source] of Object.entries(NO_MODULES))
    await t.test(what, async (t2) => {
      const code = await assemble(source);
      const { send } = await withPlugins(t2, {
        closed: pluginFilter(code),
        open: pluginFilter(code, { policy: 'FAIL_OPEN' }),
      });
      assert.equal((await send('closed')('/', {})).status, 503);
      assert.equal((await send('open')('/', {})).status, 200);
    });
  await t.test('bytes that are no module, a file that is none, a configuration that it refuses', async (t2) => {
    const { send } = await withPlugins(t2, {
      bytes: pluginFilter(Buffer.from('no module')),
      file: pluginFilter(import.meta.filename),
      configuration: pluginFilter(await assemble('kitchen'), { configuration: 'refuse' }),
    });
    for (const name of ['bytes', 'file', 'configuration']) assert.equal((await send(name)('/', {})).status, 503, name);
  });
});
