// The compact table that tools/gen-light.ts writes for each message, and its lazy expansion.
//
// A message is a line of fields separated by ';', a field is 'NUMBER NAME KIND[ ONEOF]'. KIND is a
// scalar's name, 'enum', '@Message', 'wrap:SCALAR' (google.protobuf wrappers become plain values),
// 'json' (a Struct becomes a plain object), with '*' in front for lists, '?' for explicit presence,
// and 'map:KEY:KIND' for maps. Message names are indexes into the table's list of names.
import { WIRE_TYPE } from './reader.ts';
import { SharedMessages } from './shared-messages.ts';

export type ScalarName =
  | 'string'
  | 'bool'
  | 'double'
  | 'float'
  | 'bytes'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64';

export type ValueKind =
  | { readonly is: 'scalar'; readonly scalar: ScalarName }
  | { readonly is: 'message'; readonly index: number }
  | { readonly is: 'wrapper'; readonly scalar: ScalarName }
  | { readonly is: 'json' };

export interface LightField {
  readonly name: string;
  readonly shape: 'single' | 'list' | 'map';
  readonly value: ValueKind;
  /** Maps only. */
  readonly key: ScalarName;
  /** Name of the oneof group, '' when in none. */
  readonly oneof: string;
  /** Set when absent: singular scalars without presence. */
  readonly implicit: boolean;
}

export interface LightMessage {
  readonly typeName: string;
  readonly fields: ReadonlyMap<number, LightField>;
  readonly lists: readonly string[];
  readonly maps: readonly string[];
  readonly oneofs: readonly string[];
  readonly zeroes: readonly (readonly [name: string, value: unknown, isBytes: boolean])[];
}

/** Immutable where they are used, and mostly alike. */
const SHARED = ['envoy.config.core.v3.Metadata'];

export class LightTable {
  readonly shared = new SharedMessages(SHARED);
  readonly #names: readonly string[];
  readonly #lines: readonly string[];
  readonly #index = new Map<string, number>();
  readonly #expanded: (LightMessage | undefined)[] = [];

  constructor(names: readonly string[], lines: readonly string[]) {
    this.#names = names;
    this.#lines = lines;
    names.forEach((name, i) => this.#index.set(name, i));
  }

  has(typeName: string): boolean {
    return this.#index.has(typeName);
  }

  names(): readonly string[] {
    return this.#names;
  }

  find(typeName: string): LightMessage | undefined {
    const index = this.#index.get(typeName);
    return index === undefined ? undefined : this.at(index);
  }

  at(index: number): LightMessage {
    return (this.#expanded[index] ??= expand(this.#names[index] as string, this.#lines[index] as string));
  }
}

const SIXTY_FOUR = new Set<ScalarName>(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);

export function zeroOf(scalar: ScalarName): unknown {
  if (scalar === 'string') return '';
  if (scalar === 'bool') return false;
  if (scalar === 'bytes') return new Uint8Array(0);
  return SIXTY_FOUR.has(scalar) ? 0n : 0;
}

/** The wire type of a scalar outside packed lists. */
export function wireOf(scalar: ScalarName): number {
  switch (scalar) {
    case 'string':
    case 'bytes':
      return WIRE_TYPE.bytes;
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return WIRE_TYPE.fixed64;
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return WIRE_TYPE.fixed32;
    default:
      return WIRE_TYPE.varint;
  }
}

function expand(typeName: string, line: string): LightMessage {
  const fields = new Map<number, LightField>();
  const lists: string[] = [];
  const maps: string[] = [];
  const oneofs = new Set<string>();
  const zeroes: [string, unknown, boolean][] = [];
  for (const text of line === '' ? [] : line.split(';')) {
    const [number, name, kind, oneof = ''] = text.split(' ') as [string, string, string, string?];
    const field = expandField(name, kind, oneof);
    fields.set(Number(number), field);
    if (field.shape === 'list') lists.push(name);
    else if (field.shape === 'map') maps.push(name);
    else if (oneof !== '') oneofs.add(oneof);
    else if (field.implicit && field.value.is === 'scalar')
      zeroes.push([name, zeroOf(field.value.scalar), field.value.scalar === 'bytes']);
  }
  return { typeName, fields, lists, maps, oneofs: [...oneofs], zeroes };
}

function expandField(name: string, kind: string, oneof: string): LightField {
  if (kind.startsWith('map:')) {
    const colon = kind.indexOf(':', 4);
    const key = kind.slice(4, colon) as ScalarName;
    return { name, shape: 'map', key, value: valueKind(kind.slice(colon + 1)), oneof, implicit: false };
  }
  const mark = kind[0];
  const bare = mark === '*' || mark === '?' ? kind.slice(1) : kind;
  return {
    name,
    shape: mark === '*' ? 'list' : 'single',
    key: 'string',
    value: valueKind(bare),
    oneof,
    implicit: mark !== '?',
  };
}

function valueKind(kind: string): ValueKind {
  if (kind.startsWith('@')) return { is: 'message', index: Number(kind.slice(1)) };
  if (kind.startsWith('wrap:')) return { is: 'wrapper', scalar: kind.slice(5) as ScalarName };
  if (kind === 'json') return { is: 'json' };
  return { is: 'scalar', scalar: kind === 'enum' ? 'int32' : (kind as ScalarName) };
}
