// Encodes plain objects of protobuf-es's shape, driven by the same tables as decode.ts: what a proxy
// sends (access logs, authorization and rate limit requests) must not cost it protobuf-es either.
import { MalformedProtobuf } from './reader.ts';
import { writeStruct } from './struct.ts';
import { type LightField, type LightMessage, type LightTable, type ScalarName, wireOf } from './table.ts';
import { ProtoWriter } from './writer.ts';

type Plain = Readonly<Record<string, unknown>>;

/** Fields that are missing count as absent. Throws on a type that the table does not know. */
export function encodeMessage(table: LightTable, typeName: string, message: object): Uint8Array {
  const type = table.find(typeName);
  if (type === undefined) throw new MalformedProtobuf(`no table for ${typeName}`);
  const writer = new ProtoWriter();
  writeMessage(table, type, writer, message as Plain);
  return writer.finish();
}

function writeMessage(table: LightTable, type: LightMessage, writer: ProtoWriter, message: Plain): void {
  for (const [number, field] of type.fields) {
    if (field.oneof !== '') {
      const group = message[field.oneof] as { case?: string; value?: unknown } | undefined;
      if (group?.case === field.name) writeValue(table, number, field, writer, group.value);
      continue;
    }
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.shape === 'list') writeList(table, number, field, writer, value as readonly unknown[]);
    else if (field.shape === 'map') writeMap(table, number, field, writer, value as Plain);
    else if (field.value.is !== 'scalar' || !field.implicit || !isZero(value))
      writeValue(table, number, field, writer, value);
  }
}

function writeValue(table: LightTable, number: number, field: LightField, writer: ProtoWriter, value: unknown): void {
  const kind = field.value;
  switch (kind.is) {
    case 'scalar':
      writer.tag(number, wireOf(kind.scalar));
      writeScalar(writer, kind.scalar, value);
      return;
    case 'message':
      writer.message(number, (inner) => writeMessage(table, table.at(kind.index), inner, value as Plain));
      return;
    case 'wrapper':
      writer.message(number, (inner) => {
        if (isZero(value)) return;
        inner.tag(1, wireOf(kind.scalar));
        writeScalar(inner, kind.scalar, value);
      });
      return;
    default:
      writer.message(number, (inner) => writeStruct(inner, value as Plain));
  }
}

function writeList(
  table: LightTable,
  number: number,
  field: LightField,
  writer: ProtoWriter,
  items: readonly unknown[],
): void {
  const kind = field.value;
  if (items.length === 0) return;
  if (kind.is === 'scalar' && kind.scalar !== 'string' && kind.scalar !== 'bytes') {
    writer.message(number, (packed) => {
      for (const item of items) writeScalar(packed, kind.scalar, item);
    });
    return;
  }
  for (const item of items) writeValue(table, number, field, writer, item);
}

function writeMap(table: LightTable, number: number, field: LightField, writer: ProtoWriter, map: Plain): void {
  for (const [key, value] of Object.entries(map)) {
    writer.message(number, (entry) => {
      entry.tag(1, wireOf(field.key));
      writeScalar(entry, field.key, keyOf(field.key, key));
      writeValue(table, 2, field, entry, value);
    });
  }
}

function keyOf(scalar: ScalarName, key: string): unknown {
  if (scalar === 'string') return key;
  if (scalar === 'bool') return key === 'true';
  return scalar.endsWith('64') ? BigInt(key) : Number(key);
}

function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === '' || value === false || value === 0n || Object.is(value, 0);
}

function writeScalar(writer: ProtoWriter, scalar: ScalarName, value: unknown): void {
  switch (scalar) {
    case 'string':
      writer.string(value as string);
      return;
    case 'bytes':
      writer.bytes(value as Uint8Array);
      return;
    case 'bool':
      writer.varint(value === true ? 1 : 0);
      return;
    case 'int32':
      writer.int32(value as number);
      return;
    case 'uint32':
      writer.varint(value as number);
      return;
    case 'sint32':
      writer.varint(((value as number) << 1) ^ ((value as number) >> 31));
      return;
    case 'int64':
    case 'uint64':
      writer.varint64(value as bigint);
      return;
    case 'sint64':
      writer.varint64(((value as bigint) << 1n) ^ ((value as bigint) >> 63n));
      return;
    case 'double':
      writer.double(value as number);
      return;
    case 'float':
      writer.float(value as number);
      return;
    case 'fixed32':
    case 'sfixed32':
      writer.fixed32(value as number);
      return;
    default:
      writer.fixed64(value as bigint);
  }
}
