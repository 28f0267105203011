// Limits that are written into modules: what they did before they still do, and none computes, grows or recurses without end.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import wabt from 'wabt';
import { type Clock, runAtOnce } from '#base';
import { boundModule as boundInSteps } from './bound-module.ts';
import { engine } from './engine.ts';
import { WASM_LIMITS } from './limits.ts';
import { TimeBudget } from './time-budget.ts';

const assembler = wabt();
const boundModule = (bytes: Uint8Array, most: number) => Uint8Array.from(runAtOnce(boundInSteps(bytes, most)));

async function assemble(text: string): Promise<Uint8Array> {
  const parsed = (await assembler).parseWat('test.wat', text, {
    exceptions: true,
    tail_call: true,
    threads: true,
    bulk_memory: true,
    simd: true,
  });
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return buffer;
}

/** Each look at it is a millisecond later. */
function ticking(step = 1): Clock {
  let at = 0;
  return { now: () => (at += step), wallTime: () => at, setTimer: () => ({ cancel: () => {} }) };
}

async function start(text: string, clock = ticking()) {
  const bytes = await assemble(text);
  await engine.compile(bytes);
  const module = await engine.compile(boundModule(bytes, 4 * 65_536));
  const { exports } = await engine.instantiate(module, {});
  const budget = await TimeBudget.of(exports, clock);
  const call = (name: string, ...args: number[]): unknown => {
    budget.begin();
    return (exports[name] as (...args: number[]) => unknown)(...args);
  };
  return { call, budget };
}

const XXHASH = join(import.meta.dirname, '../../../../../node_modules/xxhash-wasm/workerd/xxhash.wasm');
const MEMORY = '(memory (export "memory") 1)';

const ENDLESS: Readonly<Record<string, string>> = {
  'a loop': '(func (export "f") (loop (br 0)))',
  'a loop within a function that is called': '(func $g (loop (br 0))) (func (export "f") (call $g))',
  'calls that branch':
    '(func $g (param i32) (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1))) (call $g (i32.sub (local.get 0) (i32.const 1)))))) (func (export "f") (call $g (i32.const 60)))',
  'tail calls': '(func $g (return_call $g)) (func (export "f") (call $g))',
  'a loop that catches everything':
    '(func $g (loop (br 0))) (func (export "f") (loop $again (try (do (call $g)) (catch_all (br $again)))))',
  'a loop of copies': '(func (export "f") (loop (memory.copy (i32.const 0) (i32.const 8) (i32.const 60000)) (br 0)))',
  'a loop that grows memory': '(func (export "f") (loop (drop (memory.grow (i32.const 1))) (br 0)))',
};

for (const [what, text] of Object.entries(ENDLESS))
  test(`${what} ends when its time is over`, async () => {
    const { call, budget } = await start(`(module ${MEMORY} ${text})`);
    assert.throws(() => call('f'), /unreachable/);
    assert.match(budget.overdrawn?.message ?? '', /computed for more than 1000 ms/);
  });

test('a process that was stopped meanwhile has not computed', async () => {
  const rounds = Math.floor((WASM_LIMITS.sliceUnits / 8) * 30);
  const text = `(module ${MEMORY} (func (export "f") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`;
  const { call, budget } = await start(text, ticking(60_000));
  call('f', rounds);
  assert.equal(budget.overdrawn, undefined);
});

test('many calls that are short go on for ever', async () => {
  const { call, budget } = await start(
    `(module ${MEMORY} (func (export "f") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`,
    ticking(WASM_LIMITS.sliceMsMax),
  );
  for (let i = 0; i < 500; i++) call('f', WASM_LIMITS.sliceUnits / 8);
  assert.equal(budget.overdrawn, undefined);
});

test('a module that loops while it starts is ended without a clock', async () => {
  const bytes = await assemble(`(module ${MEMORY} (func $s (loop (br 0))) (start $s))`);
  const module = await engine.compile(boundModule(bytes, 65_536));
  await assert.rejects(engine.instantiate(module, {}));
});

test('recursion ends with the stack', async () => {
  const { call } = await start(`(module ${MEMORY} (func $g (call $g) (call $g)) (func (export "f") (call $g)))`);
  assert.throws(() => call('f'), RangeError);
});

test('memory and tables end where the proxy says', async () => {
  const { call } = await start(
    `(module ${MEMORY} (table $t 1 funcref) (func (export "pages") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "entries") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))`,
  );
  assert.equal(call('pages', 3), 1);
  assert.equal(call('pages', 1), -1);
  assert.equal(call('entries', WASM_LIMITS.tableEntriesMax), -1);
  assert.equal(call('entries', 10), 1);
});

const REFUSED: Readonly<Record<string, RegExp>> = {
  '(module)': /no memory/,
  '(module (memory 9))': /wants 9 of memory/,
  '(module (memory 1) (table 2000000 funcref))': /wants 2000000 entries/,
  '(module (import "env" "memory" (memory 1)))': /imports env\.memory, which is no function/,
  '(module (import "env" "g" (global i32)) (memory 1))': /imports env\.g, which is no function/,
  '(module (memory 1 1 shared))': /of a kind that is not taken/,
};

for (const [text, why] of Object.entries(REFUSED))
  test(`${text} cannot run`, async () => {
    const bytes = await assemble(text);
    assert.throws(() => boundModule(bytes, 4 * 65_536), why);
  });

test('modules without functions, globals, tables or exports can be bound', async () => {
  for (const text of ['(module (memory 1))', '(module (memory 1) (global i32 (i32.const 3)))', `(module ${MEMORY})`])
    await engine.compile(boundModule(await assemble(text), 65_536));
});

test('what instructions compute stays what it was', async () => {
  const text = `(module ${MEMORY} (table funcref (elem $twice $halve)) (type $one (func (param i32) (result i32)))
    (global $seen (mut i32) (i32.const 0)) (data $d "hello")
    (func $twice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func $halve (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 2)))
    (func (export "f") (param $n i32) (result i32) (local $i i32) (local $sum i32) (local $v v128) (local $d f64)
      (loop $more
        (block $out
          (br_if $out (i32.ge_u (local.get $i) (local.get $n)))
          (local.set $sum (i32.add (local.get $sum)
            (call_indirect (type $one) (local.get $i) (i32.and (local.get $i) (i32.const 1)))))
          (local.set $v (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (i32x4.splat (local.get $sum)) (local.get $v)))
          (local.set $d (f64.add (local.get $d) (f64.const 1.5)))
          (block (block (block (br_table 0 1 2 (i32.rem_u (local.get $i) (i32.const 3))))
            (global.set $seen (i32.add (global.get $seen) (i32.const 1)))))
          (memory.fill (i32.const 64) (local.get $i) (i32.const 16))
          (memory.copy (i32.const 128) (i32.const 64) (i32.const 16))
          (memory.init $d (i32.const 200) (i32.const 0) (i32.const 5))
          (local.set $sum (select (i32.add (local.get $sum) (i32.load8_u offset=2 (i32.const 128))) (local.get $sum) (i32.const 1)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $more)))
      (i32.add (i32.add (local.get $sum) (i32x4.extract_lane 0 (local.get $v)))
        (i32.add (global.get $seen) (i32.add (i32.trunc_sat_f64_s (local.get $d)) (i32.load (i32.const 200)))))))`;
  const plain = await engine.instantiate(await engine.compile(await assemble(text)), {});
  const { call } = await start(text);
  let former = 0;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500 }), (n) => {
      former = (plain.exports['f'] as (n: number) => number)(n);
      assert.equal(call('f', n), former);
    }),
    { numRuns: 50 },
  );
});

test('a module of another compiler still does its work', async () => {
  const module = await engine.compile(boundModule(readFileSync(XXHASH), WASM_LIMITS.memoryBytesMax));
  const { exports } = await engine.instantiate(module, {});
  const { buffer } = exports['mem'] as { readonly buffer: ArrayBuffer };
  Buffer.from(buffer).write('a', 0);
  // As the algorithm's own tests have it.
  assert.equal((exports['xxh32'] as (at: number, size: number, seed: number) => number)(0, 1, 0) >>> 0, 0x550d7456);
});

test('of bytes that are no module it is said what is wrong', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        boundModule(Buffer.concat([Buffer.from('\0asm\u0001\0\0\0', 'latin1'), bytes]), 65_536);
      } catch (error) {
        assert.ok(error instanceof Error && error.constructor === Error, String(error));
      }
    }),
  );
});
