// google.protobuf.Struct as a plain object, both ways, without any table.
import { MalformedProtobuf, ProtoReader } from './reader.ts';
import { ProtoWriter } from './writer.ts';

export type JsonValue = string | number | boolean | null | JsonObject | readonly JsonValue[];
export interface JsonObject {
  [key: string]: JsonValue;
}

const DEPTH_MAX = 100;

/** Reads the fields of a Struct into `into`; a key that comes twice has its last value. */
export function readStruct(reader: ProtoReader, into: JsonObject, depth = 0): JsonObject {
  if (depth > DEPTH_MAX) throw new MalformedProtobuf(`a Struct is nested deeper than ${DEPTH_MAX}`);
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const entry = reader.sub();
    let key = '';
    let value: JsonValue = null;
    while (entry.next()) {
      if (entry.field === 1) key = entry.string();
      else if (entry.field === 2) value = readValue(entry.sub(), depth + 1, value);
      else entry.skip();
    }
    setOwn(into, key, value);
  }
  return into;
}

function readValue(reader: ProtoReader, depth: number, before: JsonValue): JsonValue {
  let value = before;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        reader.uint32();
        value = null;
        break;
      case 2:
        value = reader.double();
        break;
      case 3:
        value = reader.string();
        break;
      case 4:
        value = reader.bool();
        break;
      case 5:
        value = readStruct(reader.sub(), isObject(value) ? value : {}, depth + 1);
        break;
      case 6:
        value = readList(reader.sub(), Array.isArray(value) ? value : [], depth + 1);
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

function readList(reader: ProtoReader, into: JsonValue[], depth: number): JsonValue[] {
  if (depth > DEPTH_MAX) throw new MalformedProtobuf(`a Struct is nested deeper than ${DEPTH_MAX}`);
  while (reader.next()) {
    if (reader.field === 1) into.push(readValue(reader.sub(), depth + 1, null));
    else reader.skip();
  }
  return into;
}

export function writeStruct(writer: ProtoWriter, json: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(json)) {
    if (value === undefined) continue;
    writer.message(1, (entry) => {
      entry.stringField(1, key);
      entry.message(2, (inner) => writeValue(inner, value));
    });
  }
}

function writeValue(writer: ProtoWriter, value: unknown): void {
  if (value === null) writer.tag(1, 0).varint(0);
  else if (typeof value === 'number') writer.tag(2, 1).double(value);
  else if (typeof value === 'string') writer.tag(3, 2).string(value);
  else if (typeof value === 'boolean') writer.tag(4, 0).varint(value ? 1 : 0);
  else if (Array.isArray(value)) {
    writer.message(6, (list) => {
      for (const item of value) list.message(1, (inner) => writeValue(inner, item));
    });
  } else if (typeof value === 'object')
    writer.message(5, (inner) => writeStruct(inner, value as Record<string, unknown>));
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Assigns also where the key is '__proto__'. */
export function setOwn(object: object, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else (object as Record<string, unknown>)[key] = value;
}
