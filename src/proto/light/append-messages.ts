// Adds messages to a repeated field of an encoded message: two encodings one after the other are merged by whoever reads them.
import { ProtoWriter } from './writer.ts';

const BYTES = 2;

export function appendMessages(message: Uint8Array, field: number, items: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [message];
  for (const item of items) parts.push(new ProtoWriter(8).tag(field, BYTES).varint(item.length).finish(), item);
  return Buffer.concat(parts);
}
