// Writes limits into a module before it is compiled: its memory and tables end where the proxy says (the engine refuses to grow
// further), and every function and loop pays for its instructions, so that the host is asked now and then whether it may go on.

import type { Steps } from '#base';
import { instruction, valueType } from './instructions.ts';
import { WASM_LIMITS } from './limits.ts';
import { HEAD_BYTES, ModuleReader, positive, readSections, type Section, u32 } from './module-reader.ts';

/** What the host finds among the exports: what is left of the slice, and the place for who gives the next one. */
export const BUDGET_EXPORT = 'topsail:budget';
export const ASK_EXPORT = 'topsail:ask';

const TYPE = 1;
const IMPORT = 2;
const FUNCTION = 3;
const TABLE = 4;
const MEMORY = 5;
const GLOBAL = 6;
const EXPORT = 7;
const CODE = 10;
const TAG = 13;
const CUSTOM = 0;
/** The order in which sections stand, by their numbers. */
const ORDER = [TYPE, IMPORT, FUNCTION, TABLE, MEMORY, TAG, GLOBAL, EXPORT, 8, 9, 12, CODE, 11];
const PAGE = 65_536;
const I32 = 0x7f;
const FUNCTION_TYPE = 0x60;
const FUNCTION_REFERENCE = 0x70;
/** Bytes or entries that a bulk instruction moves for one unit, as a shift. */
const BULK_SHIFT = 3;

/** The numbers of what is added. */
interface Added {
  readonly budget: number;
  readonly size: number;
  readonly more: number;
}

/** `code` has to be a valid module: it was compiled before. Throws an Error that says why it cannot run. */
export function* boundModule(code: Uint8Array, memoryBytesMax: number): Steps<Uint8Array> {
  const sections = new Map<number, Uint8Array>();
  let names: Section | undefined;
  for (const section of readSections(code)) {
    if (section.id !== CUSTOM) sections.set(section.id, section.body);
    else if (customName(section.body) === 'name') names = section;
  }
  const counts = (id: number): number => new ModuleReader(sections.get(id) ?? Uint8Array.of(0)).u32();
  for (const id of sections.keys())
    if (!ORDER.includes(id)) throw new Error(`it has a section that is not taken (${id})`);
  checkTypes(sections.get(TYPE));
  checkImports(sections.get(IMPORT));
  const types = counts(TYPE);
  const globals = counts(GLOBAL);
  const tables = counts(TABLE);
  const added: Added = { budget: globals, size: globals + 1, more: counts(IMPORT) + counts(FUNCTION) };
  sections.set(MEMORY, boundMemory(sections.get(MEMORY), memoryBytesMax));
  sections.set(TABLE, boundTables(sections.get(TABLE)));
  const add = (id: number, ...entries: readonly (readonly number[])[]): void =>
    void sections.set(id, withEntries(sections.get(id), entries));
  // () -> i32: may it go on? () -> (): or it ends.
  add(TYPE, [FUNCTION_TYPE, 0, 1, I32], [FUNCTION_TYPE, 0, 0]);
  add(FUNCTION, u32(types + 1));
  add(TABLE, [FUNCTION_REFERENCE, 1, 1, 1]);
  add(GLOBAL, [I32, 1, 0x41, ...positive(WASM_LIMITS.startUnits), 0x0b], [I32, 1, 0x41, 0, 0x0b]);
  add(EXPORT, [...name(BUDGET_EXPORT), 3, ...u32(added.budget)], [...name(ASK_EXPORT), 1, ...u32(tables)]);
  sections.set(CODE, yield* meterCode(sections.get(CODE) ?? Uint8Array.of(0), added));
  // i32.const 0; call_indirect; i32.eqz; if; unreachable; end
  const more = [0, 0x41, 0, 0x11, ...u32(types), ...u32(tables), 0x45, 0x04, 0x40, 0x00, 0x0b, 0x0b];
  add(CODE, [...u32(more.length), ...more]);
  const out: Uint8Array[] = [code.subarray(0, HEAD_BYTES)];
  for (const id of ORDER) {
    const body = sections.get(id);
    if (body !== undefined) out.push(Uint8Array.from([id, ...u32(body.length)]), body);
  }
  if (names !== undefined) out.push(Uint8Array.from([CUSTOM, ...u32(names.body.length)]), names.body);
  return Buffer.concat(out);
}

function customName(body: Uint8Array): string {
  return Buffer.from(new ModuleReader(body).part()).toString('latin1');
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text, 'latin1')];
}

/** Entries at the end of a section change no number of others. */
function withEntries(body: Uint8Array | undefined, entries: readonly (readonly number[])[]): Uint8Array {
  const reader = new ModuleReader(body ?? Uint8Array.of(0));
  const count = reader.u32();
  return Buffer.concat([
    Uint8Array.from(u32(count + entries.length)),
    reader.bytes.subarray(reader.at),
    Uint8Array.from(entries.flat()),
  ]);
}

/** Only functions: other types belong to memory that the engine collects, and that nobody bounds. */
function checkTypes(body: Uint8Array | undefined): void {
  const reader = new ModuleReader(body ?? Uint8Array.of(0));
  for (let count = reader.u32(); count > 0; count--) {
    if (reader.byte() !== FUNCTION_TYPE) throw new Error('it has types of a kind that is not taken');
    for (let lists = 0; lists < 2; lists++) for (let types = reader.u32(); types > 0; types--) valueType(reader);
  }
}

function checkImports(body: Uint8Array | undefined): void {
  const reader = new ModuleReader(body ?? Uint8Array.of(0));
  for (let count = reader.u32(); count > 0; count--) {
    const [module, field] = [reader.part(), reader.part()].map((one) => Buffer.from(one).toString('utf8'));
    if (reader.byte() !== 0) throw new Error(`it imports ${module}.${field}, which is no function`);
    reader.u32();
  }
}

function boundMemory(body: Uint8Array | undefined, bytesMax: number): Uint8Array {
  const reader = new ModuleReader(body ?? Uint8Array.of(0));
  const count = reader.u32();
  if (count !== 1) throw new Error(count === 0 ? 'it has no memory' : `it has ${count} memories`);
  const pagesMax = Math.floor(bytesMax / PAGE);
  return Uint8Array.from([1, ...limits(reader, pagesMax, `of memory in pages of ${PAGE} bytes`)]);
}

function boundTables(body: Uint8Array | undefined): Uint8Array {
  const reader = new ModuleReader(body ?? Uint8Array.of(0));
  const count = reader.u32();
  if (count > WASM_LIMITS.tablesMax) throw new Error(`it has ${count} tables; ${WASM_LIMITS.tablesMax} are allowed`);
  const out: number[] = u32(count);
  for (let i = 0; i < count; i++) {
    const kind = reader.byte();
    // Others have a first value, or hold what only the engine knows.
    if (kind !== FUNCTION_REFERENCE && kind !== 0x6f) throw new Error('it has a table of a kind that is not taken');
    out.push(kind, ...limits(reader, WASM_LIMITS.tableEntriesMax, 'entries of a table'));
  }
  return Uint8Array.from(out);
}

function limits(reader: ModuleReader, allowed: number, what: string): number[] {
  const flags = reader.byte();
  // Shared and 64-bit ones have further flags.
  if (flags > 1) throw new Error('its memory or table is of a kind that is not taken');
  const initial = reader.u32();
  const most = flags === 1 ? reader.u32() : allowed;
  if (initial > allowed) throw new Error(`it wants ${initial} ${what}; ${allowed} are allowed`);
  return [1, ...u32(initial), ...u32(Math.min(most, allowed))];
}

function* meterCode(body: Uint8Array, added: Added): Steps<Uint8Array> {
  const reader = new ModuleReader(body);
  const count = reader.u32();
  const out: Uint8Array[] = [Uint8Array.from(u32(count))];
  for (let i = 0; i < count; i++) {
    const made = meterFunction(reader.part(), added);
    out.push(Uint8Array.from(u32(made.length)), made);
    yield;
  }
  return Buffer.concat(out);
}

/** Where something is put in: what a loop's round or a function weighs, or `undefined` before a bulk instruction. */
interface Charge {
  readonly at: number;
  units: number | undefined;
}

function meterFunction(body: Uint8Array, added: Added): Uint8Array {
  const reader = new ModuleReader(body);
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.u32();
    valueType(reader);
  }
  const charges: Charge[] = [{ at: reader.at, units: 0 }];
  // Blocks that are no loops count for who is around them; the function itself is the outermost.
  const open: { readonly charge: Charge; units: number }[] = [{ charge: charges[0] as Charge, units: 0 }];
  while (open.length > 0) {
    const from = reader.at;
    const { kind, weight } = instruction(reader);
    const inner = open.at(-1) as { units: number };
    inner.units += weight;
    if (kind === 'bulk') charges.push({ at: from, units: undefined });
    else if (kind === 'open') open.push({ charge: NOWHERE, units: 0 });
    else if (kind === 'loop') {
      const charge: Charge = { at: reader.at, units: 0 };
      charges.push(charge);
      open.push({ charge, units: 0 });
    } else if (kind === 'close') {
      const { charge, units } = open.pop() as (typeof open)[number];
      if (charge !== NOWHERE) charge.units = units;
      const around = open.at(-1);
      if (around !== undefined) around.units += units;
    }
  }
  const out: Uint8Array[] = [];
  let from = 0;
  for (const { at, units } of charges) {
    out.push(body.subarray(from, at), Uint8Array.from(units === undefined ? chargeBulk(added) : charge(units, added)));
    from = at;
  }
  out.push(body.subarray(from));
  return Buffer.concat(out);
}

const NOWHERE: Charge = { at: -1, units: 0 };

/** global.get; i32.const; i32.sub; global.set; and asks for more when nothing is left. */
function charge(units: number, { budget, more }: Added): number[] {
  const at = u32(budget);
  const paid = positive(Math.min(Math.max(units, 1), WASM_LIMITS.sliceUnits));
  return [0x23, ...at, 0x41, ...paid, 0x6b, 0x24, ...at, ...askWhenSpent(at, more)];
}

/** The same with a share of the operand on the stack. */
function chargeBulk({ budget, size, more }: Added): number[] {
  const [at, kept] = [u32(budget), u32(size)];
  const share = [0x23, ...kept, 0x41, BULK_SHIFT, 0x76];
  return [0x24, ...kept, 0x23, ...at, ...share, 0x6b, 0x24, ...at, ...askWhenSpent(at, more), 0x23, ...kept];
}

/** global.get; i32.const 0; i32.lt_s; if; call; end */
function askWhenSpent(at: readonly number[], more: number): number[] {
  return [0x23, ...at, 0x41, 0, 0x48, 0x04, 0x40, 0x10, ...u32(more), 0x0b];
}
