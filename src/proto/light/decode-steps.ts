// Decodes a large message in steps: descends into its large parts and pauses after every few kilobytes.
// Small parts are read as a whole, so that the pauses cost next to nothing.
import { checkDepth, createMessage, type Plain, readField } from './decode.ts';
import { MalformedProtobuf, ProtoReader, WIRE_TYPE } from './reader.ts';
import type { LightMessage, LightTable } from './table.ts';

/** Bytes between two pauses, and of a part that is worth descending into: 50 to 200 µs. */
const STEP_BYTES = 4096;

/** As `decodeMessage`, pausing. */
export function* decodeMessageInSteps(
  table: LightTable,
  typeName: string,
  bytes: Uint8Array,
): Generator<undefined, unknown, undefined> {
  const type = table.find(typeName);
  if (type === undefined) throw new MalformedProtobuf(`no table for ${typeName}`);
  return yield* readInSteps(table, type, new ProtoReader(bytes), createMessage(type), 0);
}

function* readInSteps(
  table: LightTable,
  type: LightMessage,
  reader: ProtoReader,
  message: Plain,
  depth: number,
): Generator<undefined, Plain, undefined> {
  checkDepth(type, depth);
  let pausedAt = reader.pos;
  while (reader.next()) {
    const part = largeItem(table, type, reader);
    if (part === undefined) readField(table, type, reader, message, depth);
    else {
      const item = createMessage(part.type);
      (message[part.list] as unknown[]).push(item);
      yield* readInSteps(table, part.type, reader.sub(), item, depth + 1);
    }
    if (reader.pos - pausedAt < STEP_BYTES) continue;
    pausedAt = reader.pos;
    yield;
  }
  return message;
}

/** Only lists of messages grow with a mesh; nothing is read of the field yet. */
function largeItem(
  table: LightTable,
  type: LightMessage,
  reader: ProtoReader,
): { readonly type: LightMessage; readonly list: string } | undefined {
  const field = type.fields.get(reader.field);
  if (field?.shape !== 'list' || field.value.is !== 'message' || reader.wire !== WIRE_TYPE.bytes) return undefined;
  const at = reader.pos;
  const start = reader.enter();
  const size = reader.pos - start;
  reader.pos = at;
  return size < STEP_BYTES ? undefined : { type: table.at(field.value.index), list: field.name };
}
