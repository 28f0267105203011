// A schema seen as data: what the reader, the CRDs and the reference pages need from it.

import type { TSchema } from 'typebox';
import type { Choice, Notes } from './schema.ts';

export interface Shape extends Notes {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Shape;
  readonly items?: Shape;
  readonly enum?: readonly string[];
  readonly numbers?: readonly number[];
  readonly format?: string;
  readonly minimumMs?: number;
  readonly choices?: readonly Choice[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
}

export function shapeOf(schema: TSchema): Shape {
  return schema as unknown as Shape;
}

export interface Field {
  /** `http[].match[].headers.*.exact` */
  readonly path: string;
  readonly shape: Shape;
  readonly required: boolean;
}

/** All fields below a shape, parents before their children. */
export function fieldsOf(shape: Shape, prefix = ''): Field[] {
  const found: Field[] = [];
  for (const [name, child] of Object.entries(shape.properties ?? {})) {
    const required = shape.required?.includes(name) ?? false;
    const path = prefix === '' ? name : `${prefix}.${name}`;
    found.push({ path, shape: child, required }, ...fieldsOf(...inside(child, path)));
  }
  return found;
}

/** Steps through lists and dictionaries to the message within. */
function inside(shape: Shape, path: string): [Shape, string] {
  if (shape.items !== undefined) return inside(shape.items, `${path}[]`);
  if (shape.additionalProperties !== undefined) return inside(shape.additionalProperties, `${path}.*`);
  return [shape, path];
}

/** What a value must be, in words that stand after "must be". */
export function expectedText(shape: Shape): string {
  const text = typeText(shape);
  return text === 'whole number' ? `a ${text}` : text;
}

/** The type in words: "text", "list of Service". */
export function typeText(shape: Shape): string {
  if (shape['x-kubernetes-int-or-string'] === true) return 'number or text';
  if (shape.items !== undefined) return `list of ${typeText(shape.items)}`;
  if (shape.additionalProperties !== undefined) return `mapping to ${typeText(shape.additionalProperties)}`;
  if (shape.enum !== undefined) return 'one of the values';
  if (shape.format === 'duration') return 'duration';
  if (shape.format === 'byte') return 'base64';
  if (shape.format === 're2') return 'RE2 pattern';
  if (shape.type === 'string') return 'text';
  if (shape.type === 'integer') return 'whole number';
  if (shape.type === 'boolean') return 'true or false';
  if (shape.type === 'object') return shape.properties === undefined ? 'object' : 'message';
  return shape.type ?? 'any value';
}
