// How far each WebAssembly instruction reaches, what it weighs, and where loops begin and end (core specification 3.0 §5.4).

import type { ModuleReader } from './module-reader.ts';

export interface Instruction {
  readonly kind: 'open' | 'loop' | 'close' | 'bulk' | 'plain';
  /** Its share of a slice of time: one for what takes about a nanosecond. */
  readonly weight: number;
}

const PLAIN: Instruction = { kind: 'plain', weight: 1 };
const OPEN: Instruction = { kind: 'open', weight: 1 };
const LOOP: Instruction = { kind: 'loop', weight: 1 };
const CLOSE: Instruction = { kind: 'close', weight: 0 };
/** Its last operand says how much it moves. */
const BULK: Instruction = { kind: 'bulk', weight: 10 };
/** May be a call of the host. */
const CALL: Instruction = { kind: 'plain', weight: 50 };
const GROW: Instruction = { kind: 'plain', weight: 1000 };

/** Reads one instruction; throws when it is of a kind that is not taken. */
export function instruction(reader: ModuleReader): Instruction {
  const code = reader.byte();
  if (code >= 0x45 && code <= 0xc4) return PLAIN;
  if (code >= 0x28 && code <= 0x3e) return access(reader);
  if (code >= 0x20 && code <= 0x26) return numbers(reader, 1);
  switch (code) {
    case 0x02: // block
    case 0x04: // if
    case 0x06: // try
      return blockType(reader, OPEN);
    case 0x03:
      return blockType(reader, LOOP);
    case 0x1f: // try_table
      blockType(reader, OPEN);
      return catches(reader);
    case 0x0b: // end
      return CLOSE;
    case 0x18: // delegate
      reader.skipNumber();
      return CLOSE;
    case 0x10: // call
    case 0x12: // return_call
    case 0x14: // call_ref
    case 0x15: // return_call_ref
      return numbers(reader, 1, CALL);
    case 0x11: // call_indirect
    case 0x13: // return_call_indirect
      return numbers(reader, 2, CALL);
    case 0x0e: // br_table
      return numbers(reader, reader.u32() + 1);
    case 0x1c: // select
      for (let types = reader.u32(); types > 0; types--) valueType(reader);
      return PLAIN;
    case 0x40: // memory.grow
      return numbers(reader, 1, GROW);
    case 0x43:
      return bytes(reader, 4);
    case 0x44:
      return bytes(reader, 8);
    case 0xfc:
      return miscellaneous(reader);
    case 0xfd:
      return vector(reader);
    case 0xfe:
      return atomic(reader);
    default:
      break;
  }
  if (ALONE.has(code)) return PLAIN;
  if (ONE_NUMBER.has(code)) return numbers(reader, 1);
  throw new Error(`it has an instruction that is not taken (0x${code.toString(16)})`);
}

/** unreachable nop else return throw_ref catch_all drop select; ref.is_null ref.eq ref.as_non_null */
const ALONE: ReadonlySet<number> = new Set([0x00, 0x01, 0x05, 0x0f, 0x0a, 0x19, 0x1a, 0x1b, 0xd1, 0xd3, 0xd4]);
/** catch throw rethrow br br_if memory.size i32.const i64.const; ref.null ref.func br_on_null br_on_non_null */
const ONE_NUMBER: ReadonlySet<number> = new Set([
  0x07, 0x08, 0x09, 0x0c, 0x0d, 0x3f, 0x41, 0x42, 0xd0, 0xd2, 0xd5, 0xd6,
]);

function numbers(reader: ModuleReader, count: number, found = PLAIN): Instruction {
  for (let i = 0; i < count; i++) reader.skipNumber();
  return found;
}

function bytes(reader: ModuleReader, count: number): Instruction {
  reader.skip(count);
  return PLAIN;
}

/** Alignment (with a flag for a memory's number) and offset. */
function access(reader: ModuleReader): Instruction {
  if ((reader.u32() & 0x40) !== 0) reader.skipNumber();
  reader.skipNumber();
  return PLAIN;
}

/** One byte, a reference with its heap type, or a type's number. */
export function valueType(reader: ModuleReader): void {
  const first = reader.byte();
  if (first === 0x63 || first === 0x64) reader.skipNumber();
  else if (first >= 0x80) reader.skipNumber();
}

function blockType(reader: ModuleReader, found: Instruction): Instruction {
  valueType(reader);
  return found;
}

function catches(reader: ModuleReader): Instruction {
  for (let count = reader.u32(); count > 0; count--) {
    // With a tag, or for all.
    if (reader.byte() < 2) reader.skipNumber();
    reader.skipNumber();
  }
  return OPEN;
}

function miscellaneous(reader: ModuleReader): Instruction {
  const code = reader.u32();
  if (code < 8) return PLAIN;
  switch (code) {
    case 9: // data.drop
    case 13: // elem.drop
    case 16: // table.size
      return numbers(reader, 1);
    case 11: // memory.fill
    case 15: // table.grow
    case 17: // table.fill
      return numbers(reader, 1, BULK);
    case 8: // memory.init
    case 10: // memory.copy
    case 12: // table.init
    case 14: // table.copy
      return numbers(reader, 2, BULK);
    default:
      throw new Error(`it has an instruction that is not taken (0xfc ${code})`);
  }
}

function vector(reader: ModuleReader): Instruction {
  const code = reader.u32();
  if (code <= 11 || code === 92 || code === 93) return access(reader);
  if (code === 12 || code === 13) return bytes(reader, 16);
  if (code >= 21 && code <= 34) return bytes(reader, 1);
  if (code < 84 || code > 91) return PLAIN;
  access(reader);
  return bytes(reader, 1);
}

function atomic(reader: ModuleReader): Instruction {
  return reader.u32() === 3 ? bytes(reader, 1) : access(reader);
}
