// The vocabulary in which each kind is described once: a TypeBox schema with notes, from which come the TypeScript type, the reader, the CRD and the reference page.

import { type Static, type TObject, type TOptional, type TProperties, type TSchema, Type } from 'typebox';

/** At most one, or exactly one, of these sibling fields may be set. */
export interface Choice {
  readonly fields: readonly string[];
  readonly required?: boolean;
}

/** What a field's schema says beside its JSON type. Ours are removed before a schema leaves as JSON Schema or CRD. */
export interface Notes {
  readonly default?: unknown;
  /** The default where it is not one literal ("mesh setting", "all namespaces"). */
  readonly defaultText?: string;
  /** What to write instead. The field is read, with a warning. */
  readonly deprecated?: string;
  /** A second name that CRDs list because the API server knows no snake case otherwise. */
  readonly alias?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

export type Deep<T> = T extends readonly (infer E)[]
  ? readonly Deep<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Deep<T[K]> }
    : T;

/** The deep-frozen value that a schema describes. */
export type Spec<S extends TSchema> = Deep<Static<S>>;

type Fields<P extends TProperties, R extends keyof P> = {
  [K in keyof P]: K extends R ? P[K] : TOptional<P[K]>;
};

/** A message: every field may be left out except those named in `required`. */
export function message<P extends TProperties, const R extends keyof P & string = never>(
  description: string,
  properties: P,
  options: { readonly required?: readonly R[]; readonly choices?: readonly Choice[] } = {},
): TObject<Fields<P, R>> {
  const required: readonly string[] = options.required ?? [];
  const fields: Record<string, TSchema> = {};
  for (const [name, schema] of Object.entries(properties)) {
    fields[name] = required.includes(name) ? schema : Type.Optional(schema);
  }
  const notes = options.choices === undefined ? { description } : { description, choices: options.choices };
  return Type.Object(fields, notes) as unknown as TObject<Fields<P, R>>;
}

/** The same schema under another sentence. */
export function described<S extends TSchema>(description: string, schema: S, notes: Notes = {}): S {
  return { ...schema, description, ...notes };
}

export function text(description: string, notes: Notes = {}) {
  return Type.String({ description, ...notes });
}

export function flag(description: string, notes: Notes = {}) {
  return Type.Boolean({ description, ...notes });
}

export function integer(description: string, notes: Notes = {}) {
  return Type.Integer({ description, ...notes });
}

/** An unsigned 32-bit number, as most of Istio's counts are. */
export function count(description: string, notes: Notes = {}) {
  return Type.Integer({ description, minimum: 0, maximum: 4_294_967_295, ...notes });
}

export function port(description: string, notes: Notes = {}) {
  return Type.Integer({ description, minimum: 1, maximum: 65_535, ...notes });
}

export function decimal(description: string, notes: Notes = {}) {
  return Type.Number({ description, ...notes });
}

/** A protobuf duration as text ("1.5s", "1h30m"); `minimumMs` is 1 unless said otherwise. */
export function duration(description: string, notes: Notes & { readonly minimumMs?: number } = {}) {
  return Type.String({ description, format: 'duration', minimumMs: 1, ...notes });
}

/** Base64 text. */
export function bytes(description: string, notes: Notes = {}) {
  return Type.String({ description, format: 'byte', ...notes });
}

/** RFC 3339 text. */
export function time(description: string, notes: Notes = {}) {
  return Type.String({ description, format: 'date-time', ...notes });
}

/** RE2 syntax, at most 1024 characters unless said otherwise. */
export function regex(description: string, notes: Notes = {}) {
  return Type.String({ description, format: 're2', maxLength: 1024, ...notes });
}

/** A protobuf enum: read by name or by number; the number is the position unless `numbers` says otherwise. */
export function names<const E extends readonly string[]>(
  description: string,
  values: E,
  notes: Notes & { readonly numbers?: readonly number[] } = {},
) {
  return Type.Unsafe<E[number]>({ type: 'string', enum: values, description, ...notes });
}

/** Plain text of which only some values are legal (no protobuf enum behind it). */
export function words<const E extends readonly string[]>(description: string, values: E, notes: Notes = {}) {
  return Type.Unsafe<E[number]>({ type: 'string', enum: values, numbers: [], description, ...notes });
}

export function list<V extends TSchema>(description: string, items: V, notes: Notes = {}) {
  return Type.Array(items, { description, ...notes });
}

export function dict<V extends TSchema>(description: string, values: V, notes: Notes = {}) {
  return Type.Unsafe<Record<string, Static<V>>>({
    type: 'object',
    additionalProperties: values,
    description,
    ...notes,
  });
}

export function textList(description: string, notes: Notes = {}) {
  return list(description, Type.String(), notes);
}

export function textDict(description: string, notes: Notes = {}) {
  return dict(description, Type.String(), notes);
}

export function intOrText(description: string, notes: Notes = {}) {
  return Type.Unsafe<number | string>({ 'x-kubernetes-int-or-string': true, description, ...notes });
}

/** A JSON object that is passed on as it is (an Envoy patch, a plugin's configuration). */
export function anyObject(description: string, notes: Notes = {}) {
  return Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    description,
    ...notes,
  });
}

/** Any JSON value. */
export function anyValue(description: string, notes: Notes = {}) {
  return Type.Unsafe<unknown>({ 'x-kubernetes-preserve-unknown-fields': true, description, ...notes });
}
