// Reads the first field of a message that has only one: the tiny extension configs of routes, whose types no table needs to know.

import { ProtoReader } from '#proto/light.ts';

/** A string field with number 1; '' when it is absent. Throws on malformed bytes. */
export function readStringField(bytes: Uint8Array): string {
  let value = '';
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) value = reader.string();
    else reader.skip();
  }
  return value;
}

/** An int32 field with number 1; 0 when it is absent. Throws on malformed bytes. */
export function readNumberField(bytes: Uint8Array): number {
  let value = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) value = reader.int32();
    else reader.skip();
  }
  return value;
}
