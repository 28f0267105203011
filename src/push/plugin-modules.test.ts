// Modules of WasmPlugins: fetched once, kept through failures with the text that they came with, and tried again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err, FakeClock, ok, type Result, silentLogger } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import { type PluginModule, PluginModules } from './plugin-modules.ts';
import type { SettledPlugins } from './snapshot.ts';

const MODULE: PluginModule = { code: Buffer.from('m'), sha256: 'a' };
const KEY = 'WasmPlugin/shop/p';

function plugins(...specs: readonly string[]) {
  const text = specs
    .map(
      (spec, i) =>
        `apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: { name: ${i === 0 ? 'p' : `p${i}`}, namespace: shop }\nspec: ${spec}\n`,
    )
    .join('---\n');
  const objects = parseText('test.yaml', text, { defaultNamespace: 'shop', createdMs: 1 }).flatMap(
    ({ object }): ConfigObject[] => (object === undefined ? [] : [object]),
  );
  assert.equal(objects.length, specs.length);
  return viewOf(objects);
}

function bench() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const told: (readonly string[])[] = [];
  const state: { answer: Result<PluginModule, string>; settled: SettledPlugins } = {
    answer: ok(MODULE),
    settled: new Map(),
  };
  const modules = new PluginModules({
    clock,
    log: silentLogger,
    fetch: async ({ spec }) => {
      asked.push(spec.url);
      return state.answer;
    },
    changed: (settled, keys) => {
      state.settled = settled;
      told.push(keys);
    },
  });
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { clock, asked, told, state, modules, turn };
}

const FIRST = '{ url: "https://m.example/a.wasm", pluginConfig: { is: first } }';
const SECOND = '{ url: "https://m.example/a.wasm", pluginConfig: { is: second } }';
const OTHER = '{ url: "https://m.example/b.wasm", pluginConfig: { is: other } }';
const words = (settled: SettledPlugins): unknown => settled.get(KEY)?.plugin.spec.pluginConfig;

test('a module is fetched once, and edits of what does not decide it are in force at once', async () => {
  const { modules, asked, told, state, turn } = bench();
  modules.configChanged(plugins(FIRST));
  await turn();
  assert.equal(state.settled.get(KEY)?.module, MODULE);
  modules.configChanged(plugins(SECOND));
  assert.deepEqual(words(state.settled), { is: 'second' });
  assert.deepEqual(asked, ['https://m.example/a.wasm']);
  assert.deepEqual(told, [[KEY], [KEY]]);
});

test('two plugins with one module ask once', async () => {
  const { modules, asked, state, turn } = bench();
  modules.configChanged(plugins(FIRST, SECOND));
  await turn();
  assert.equal(asked.length, 1);
  assert.equal(state.settled.size, 2);
});

test('while the newer module cannot be had, the former one stays with its text', async () => {
  const { modules, clock, asked, state, turn } = bench();
  modules.configChanged(plugins(FIRST));
  await turn();
  state.answer = err('status 404');
  modules.configChanged(plugins(OTHER));
  await turn();
  const { module, problem } = state.settled.get(KEY) ?? {};
  assert.deepEqual([module, problem, words(state.settled)], [MODULE, 'status 404', { is: 'first' }]);
  state.answer = ok({ ...MODULE, sha256: 'b' });
  clock.advance(5000);
  await turn();
  assert.deepEqual(words(state.settled), { is: 'other' });
  assert.equal(state.settled.get(KEY)?.problem, undefined);
  assert.equal(asked.length, 3);
});

test('what cannot be had is asked for less and less often, and not any more when its plugin is gone', async () => {
  const { modules, clock, asked, state, turn } = bench();
  state.answer = err('no answer');
  modules.configChanged(plugins(FIRST));
  await turn();
  assert.equal(state.settled.get(KEY)?.module, undefined);
  for (const pause of [5000, 10_000, 20_000]) {
    clock.advance(pause - 1);
    const before = asked.length;
    clock.advance(1);
    await turn();
    assert.equal(asked.length, before + 1);
  }
  modules.configChanged(plugins());
  assert.equal(state.settled.size, 0);
  assert.equal(clock.pendingTimers, 0);
});

test('files are the proxies’ own', async () => {
  const { modules, asked, turn } = bench();
  modules.configChanged(plugins('{ url: file:///opt/a.wasm }'));
  await turn();
  assert.deepEqual(asked, []);
});

test('modules that are too large together are not taken', async () => {
  const { modules, state, turn } = bench();
  const large = { length: 200 * 1024 * 1024 } as Uint8Array;
  state.answer = ok({ code: large, sha256: 'a' });
  modules.configChanged(plugins(FIRST));
  await turn();
  state.answer = ok({ code: large, sha256: 'b' });
  modules.configChanged(plugins(FIRST, OTHER));
  await turn();
  assert.match(state.settled.get('WasmPlugin/shop/p1')?.problem ?? '', /are allowed/);
  assert.equal(state.settled.get(KEY)?.problem, undefined);
});
