// What may be written at a place of a YAML document, from the JSON Schema of its kind.
import type { YamlPlace } from './yaml-path.ts';

export interface Schema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly required?: readonly string[];
}

export interface Suggestion {
  readonly label: string;
  readonly detail: string;
  readonly info: string;
  /** What is put in. */
  readonly insert: string;
}

export type Schemas = Readonly<Record<string, Schema>>;

export function suggestionsAt(schemas: Schemas, place: YamlPlace): readonly Suggestion[] {
  if (place.kind === '' || place.path.length === 0) return topLevel(schemas, place);
  const holder = schemaAt(schemas[place.kind], place.path);
  return place.valueOf === undefined
    ? holder.flatMap(keysOf)
    : holder.flatMap((one) => valuesOf(one.properties?.[place.valueOf ?? '']));
}

function topLevel(schemas: Schemas, place: YamlPlace): readonly Suggestion[] {
  const plain = (label: string, info = ''): Suggestion => ({ label, detail: '', info, insert: label });
  if (place.valueOf === 'kind')
    return Object.entries(schemas).map(([kind, schema]) => plain(kind, schema.properties?.['spec']?.description ?? ''));
  if (place.valueOf === 'apiVersion') {
    const known = place.kind === '' ? Object.values(schemas) : [schemas[place.kind] ?? {}];
    return [...new Set(known.flatMap((one) => one.properties?.['apiVersion']?.enum ?? []))].map((one) =>
      plain(String(one)),
    );
  }
  if (place.valueOf !== undefined) return [];
  return ['apiVersion', 'kind', 'metadata', 'spec'].map((key) => ({
    ...plain(key),
    insert: key === 'metadata' || key === 'spec' ? `${key}:\n  ` : `${key}: `,
  }));
}

/** Every schema that may hold there: alternatives are followed all. */
function schemaAt(schema: Schema | undefined, path: readonly string[]): readonly Schema[] {
  let here = alternatives(schema);
  for (const key of path) {
    here = here.flatMap((one) => {
      if (key === '[]') return alternatives(one.items);
      const next =
        one.properties?.[key] ?? (typeof one.additionalProperties === 'object' ? one.additionalProperties : undefined);
      return alternatives(next);
    });
  }
  return here;
}

function alternatives(schema: Schema | undefined): readonly Schema[] {
  if (schema === undefined) return [];
  return [schema, ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].flatMap(alternatives)];
}

function keysOf(schema: Schema): readonly Suggestion[] {
  return Object.entries(schema.properties ?? {}).map(([key, value]) => ({
    label: key,
    detail: `${typeText(value)}${schema.required?.includes(key) === true ? ', required' : ''}`,
    info: value.description ?? '',
    insert:
      value.properties !== undefined || value.items !== undefined || value.type === 'object' ? `${key}:` : `${key}: `,
  }));
}

function valuesOf(schema: Schema | undefined): readonly Suggestion[] {
  return alternatives(schema).flatMap((one) => {
    const values = one.enum ?? (one.const === undefined ? (one.type === 'boolean' ? [true, false] : []) : [one.const]);
    return values.map((value) => ({ label: String(value), detail: '', info: '', insert: String(value) }));
  });
}

function typeText(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.slice(0, 3).join(' | ');
  if (schema.items !== undefined) return 'list';
  return Array.isArray(schema.type) ? schema.type.join(' | ') : String(schema.type ?? '');
}
