// Test helper: messages of any descriptor, drawn from a list of numbers, bounded in depth.
import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';

export function randomMessage(desc: DescMessage, seeds: readonly number[]): Message {
  let at = 0;
  const next = (): number => seeds[at++ % seeds.length] as number;
  return build(desc, next, 0);
}

function build(desc: DescMessage, next: () => number, depth: number): Message {
  const message = create(desc);
  const r = reflect(desc, message);
  const chance = depth === 0 ? 2 : depth + 2;
  for (const field of desc.fields) {
    if (next() % chance !== 0) continue;
    if (depth > 5 && field.message !== undefined) continue;
    switch (field.fieldKind) {
      case 'scalar':
        r.set(field, scalar(field.scalar, next()));
        break;
      case 'enum':
        r.set(field, field.enum.values[next() % field.enum.values.length]?.number ?? 0);
        break;
      case 'message':
        r.set(field, reflect(field.message, build(field.message, next, depth + 1)));
        break;
      case 'list':
        for (let i = next() % 3; i > 0; i--) r.get(field).add(item(field, next, depth));
        break;
      case 'map':
        for (let i = next() % 3; i > 0; i--)
          r.get(field).set(scalar(field.mapKey, next()) as string, item(field, next, depth));
        break;
    }
  }
  return message;
}

function item(field: DescField & { fieldKind: 'list' | 'map' }, next: () => number, depth: number): unknown {
  if (field.message !== undefined) return reflect(field.message, build(field.message, next, depth + 1));
  if (field.enum !== undefined) return field.enum.values[next() % field.enum.values.length]?.number;
  return scalar(field.scalar as ScalarType, next());
}

function scalar(type: ScalarType, seed: number): unknown {
  switch (type) {
    case ScalarType.STRING:
      return ['', 'x', 'ünïcödé ☂', 'a'.repeat(seed % 200), '__proto__', '\ufeffbom'][seed % 6];
    case ScalarType.BYTES:
      return new Uint8Array([seed & 0xff, seed >> 8]);
    case ScalarType.BOOL:
      return seed % 2 === 0;
    case ScalarType.DOUBLE:
      return [0, -0.5, 1e300, seed][seed % 4];
    case ScalarType.FLOAT:
      return [0, -0.5, 0.25, seed][seed % 4];
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return [0, -1, 0x7fffffff, -0x80000000, seed][seed % 5];
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return [0, 1, 0xffffffff, seed][seed % 4];
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return [0n, 1n, 0xffff_ffff_ffff_ffffn, BigInt(seed) << 20n, 0x1_0000_0000n][seed % 5];
    default:
      return [0n, -1n, 0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n, BigInt(seed)][seed % 5];
  }
}
