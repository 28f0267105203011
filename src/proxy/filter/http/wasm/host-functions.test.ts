// Whatever a plugin passes to its host: it is answered with a status, or ends itself; the host stands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import wabt from 'wabt';
import { FakeClock, runAtOnce, SeededRandom, silentLogger } from '#base';
import { StatStore, StreamRecord } from '#telemetry';
import type { RequestHead } from '#wire/http';
import { testConnection, testHead } from '../../../match-input.testing.ts';
import type { FilterCallbacks } from '../../../http/filter.ts';
import { NOBODY } from '../../../services.ts';
import { ClusterManager } from '../../../upstream/cluster-manager.ts';
import { encodePairs, STATUS } from './abi.ts';
import { boundModule } from './bound-module.ts';
import { engine } from './engine.ts';
import { hostFunctions } from './host-functions.ts';
import { WASM_LIMITS } from './limits.ts';
import { Machine } from './machine.ts';
import type { Plugin } from './plugin.ts';
import { RootContext } from './plugin-context.ts';
import type { PluginSettings } from './plugin-settings.ts';
import { SharedState } from './shared-state.ts';
import { WasmFilter } from './stream-context.ts';
import { wasiFunctions } from './wasi.ts';

type Host = (...args: unknown[]) => unknown;

/** A machine with one request in it, and all that it may call. */
async function guest(malloc: string) {
  const parsed = (await wabt()).parseWat(
    'guest.wat',
    `(module (memory (export "memory") 2) (func (export "proxy_abi_version_0_2_1"))
      (func (export "malloc") (param i32) (result i32) ${malloc})
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1)))`,
  );
  const bound = runAtOnce(boundModule(parsed.toBinary({}).buffer, 4 * 65_536));
  const clock = new FakeClock();
  const stats = new StatStore();
  const parts = {
    module: await engine.compile(Uint8Array.from(bound)),
    environment: new Map([['HOME', '/']]),
    vmConfiguration: Buffer.from('vm'),
    shared: new SharedState(),
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    stats,
    clusters: new ClusterManager(),
  };
  const machine = await Machine.create(parts);
  const facts = { name: 'fuzz', rootId: '', vmId: 'v', self: NOBODY, wallMs: () => 0 };
  const settings = {
    facts,
    configuration: Buffer.from('set'),
    vmConfiguration: parts.vmConfiguration,
    log: silentLogger,
  };
  const root = new RootContext(machine, settings as unknown as PluginSettings, () => {});
  const record = new StreamRecord();
  const callbacks = {
    record,
    connection: testConnection(),
    route: undefined,
    clearRoute: () => {},
    continueRequest: () => {},
    continueResponse: () => {},
    reply: () => {},
    replaceData: () => {},
    resetStream: () => {},
  } as unknown as FilterCallbacks;
  const counter = stats.counter('c');
  const plugin = { settings, failOpen: false, refused: counter, passedBy: counter };
  const filter = new WasmFilter(
    { ...plugin, ready: () => root, hold: () => {}, release: () => {}, leave: () => {} } as unknown as Plugin,
    callbacks,
  );
  const head: RequestHead = testHead({ headers: [['x-one', '1']] });
  filter.requestHead(head, false);
  const stream = [...machine.contexts.values()].at(-1);
  const functions = new Map<string, Host>();
  for (const [name, host] of hostFunctions(() => machine)) if (name !== 'abort') functions.set(name, host as Host);
  const wasi = wasiFunctions({ ...parts, memory: () => machine.memory, mayLog: () => machine.mayLog() });
  for (const [name, host] of wasi) if (name !== 'proc_exit') functions.set(name, host as unknown as Host);
  const call = (name: string, ...args: unknown[]): unknown => {
    machine.current = stream;
    return (functions.get(name) as Host)(...args);
  };
  return { machine, stream, root, functions, call, head, record };
}

const BUMP = '(i32.const 4096)';
const WILD = '(i32.mul (local.get 0) (i32.const -1640531535))';
const number = fc.oneof(
  fc.integer({ min: 0, max: 16 }),
  fc.integer({ min: 0, max: 131_072 }),
  fc.constantFrom(-1, 0x7fff_ffff, -0x8000_0000, 131_071, 131_072, 65_536, WASM_LIMITS.bodyBytesMax + 1),
);
const odd = fc.oneof(
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(null, undefined),
);

for (const [what, malloc] of Object.entries({ 'that allocates well': BUMP, 'that allocates anywhere': WILD })) {
  test(`numbers of every kind from a plugin ${what} are answered with a status`, async () => {
    const { functions, call, machine } = await guest(malloc);
    const names = [...functions.keys()];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(number, { minLength: 12, maxLength: 12 }), (name, args) => {
        const wide = /^proxy_(increment|record)_metric$/.test(name);
        const given = wide ? [args[0], BigInt(args[1] as number)] : args;
        assert.equal(typeof call(name, ...given), 'number', name);
        assert.ok(machine.contexts.size < 10);
      }),
      { numRuns: 3000 },
    );
  });
  test(`values of other types from a plugin ${what} end it at most`, async () => {
    const { functions, call } = await guest(malloc);
    fc.assert(
      fc.property(
        fc.constantFrom(...functions.keys()),
        fc.array(fc.oneof(number, odd), { maxLength: 12 }),
        (name, args) => {
          try {
            call(name, ...args);
          } catch (error) {
            assert.ok(error instanceof Error);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
}

test('headers that a plugin gives cannot break a message apart, whatever they are', async () => {
  const { call, machine, head } = await guest(BUMP);
  fc.assert(
    fc.property(
      fc.constantFrom('proxy_add_header_map_value', 'proxy_replace_header_map_value'),
      fc.string({ maxLength: 20, unit: 'binary' }),
      fc.string({ maxLength: 40, unit: 'binary' }),
      (how, name, value) => {
        machine.memory.write(8192, Buffer.from(name, 'latin1'));
        machine.memory.write(9000, Buffer.from(value, 'latin1'));
        call(how, 0, 8192, Buffer.from(name, 'latin1').length, 9000, Buffer.from(value, 'latin1').length);
        for (const text of [...head.headers.flat, head.path, head.method, head.authority])
          assert.doesNotMatch(text, /[\r\n\0]/);
        assert.match(head.path, /^[^ \t]+$/);
      },
    ),
    { numRuns: 200 },
  );
});

test('what a plugin keeps and makes ends where the limits say', async () => {
  const { call, machine, stream, record } = await guest(BUMP);
  const { memory } = machine;
  memory.write(0, encodePairs([['a', 'b']]));
  const size = 100_000;
  assert.equal(call('proxy_register_shared_queue', 0, 4, 64), STATUS.ok);
  let queued = 0;
  while (call('proxy_enqueue_shared_queue', memory.u32(64), 0, size) === STATUS.ok) queued++;
  assert.equal(queued, Math.floor(WASM_LIMITS.queueBytesMax / size));
  let bytes = 0;
  for (let i = 0; i < 1000; i++) {
    memory.setU32(128, i);
    if (call('proxy_set_shared_data', 128, 4, 0, size, 0) === STATUS.ok) bytes += size + 4;
  }
  assert.ok(bytes <= WASM_LIMITS.sharedDataBytesMax && bytes > WASM_LIMITS.sharedDataBytesMax - 2 * size);
  for (let i = 0; i < 2 * WASM_LIMITS.propertiesMax; i++) {
    memory.write(200, Buffer.from(`p${String(i).padStart(4, '0')}`));
    call('proxy_set_property', 200, 5, 0, 10);
  }
  assert.equal(record.filterState?.size, WASM_LIMITS.propertiesMax);
  memory.write(1000, Buffer.alloc(60_000, 'x'));
  let headers = 0;
  while (call('proxy_add_header_map_value', 0, 200, 5, 1000, 60_000) === STATUS.ok) headers++;
  assert.equal(headers, Math.floor(WASM_LIMITS.headersBytesMax / 60_005));
  let lines = 0;
  machine.run(stream, () => {
    while (call('proxy_log', 2, 200, 5) === STATUS.ok) lines++;
    return 0;
  });
  assert.equal(lines, WASM_LIMITS.logLinesMax);
  machine.run(stream, () => {
    for (;;) call('proxy_continue_stream', 0);
  });
  assert.match(machine.failure?.message ?? '', /more than 1000 things/);
});
