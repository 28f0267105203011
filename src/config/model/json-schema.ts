// Schemas as others read them: plain JSON Schema for editors, and the structural schema of a CRD (apiextensions.k8s.io/v1).

import { KINDS, type KindInfo, type KindName, SCHEMAS } from './kinds.ts';
import type { Choice } from './schema.ts';
import { type Shape, shapeOf } from './shape.ts';

export type Json = { readonly [key: string]: unknown };

const COPIED = [
  'type',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'enum',
  'required',
] as const;

const DURATION = '^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$';
/** Longer than any duration that means something. */
const DURATION_CHARACTERS = 64;

/** `structural`: only what a CRD may say. `lists`: so many lists stand around it. */
export function plainSchema(shape: Shape, structural: boolean, lists = 0): Json {
  const schema: Record<string, unknown> = {};
  if (shape.description !== undefined) schema['description'] = described(shape);
  for (const key of COPIED) if (shape[key] !== undefined) schema[key] = shape[key];
  if (shape.enum !== undefined && shape.type === 'string') schema['enum'] = shape.enum;
  if (shape['x-kubernetes-int-or-string'] === true)
    Object.assign(schema, structural ? { 'x-kubernetes-int-or-string': true } : { type: ['integer', 'string'] });
  if (shape['x-kubernetes-preserve-unknown-fields'] === true && structural)
    schema['x-kubernetes-preserve-unknown-fields'] = true;
  if (shape.format === 'duration' && structural) {
    // The API server estimates what a rule costs from the longest lists it may see, and refuses the CRD beyond a budget.
    if (lists === 0) schema['x-kubernetes-validations'] = [durationRule(shape)];
    else schema['pattern'] ??= DURATION;
    schema['maxLength'] ??= DURATION_CHARACTERS;
  }
  if (shape.items !== undefined) schema['items'] = plainSchema(shape.items, structural, lists + 1);
  if (shape.additionalProperties !== undefined)
    schema['additionalProperties'] = plainSchema(shape.additionalProperties, structural, lists + 1);
  if (shape.properties !== undefined) {
    schema['properties'] = properties(shape.properties, structural, lists);
    if (!structural) schema['additionalProperties'] = false;
  }
  const choices = (shape.choices ?? []).map(alternatives);
  if (choices.length === 1) schema['oneOf'] = choices[0];
  if (choices.length > 1) schema['allOf'] = choices.map((oneOf) => ({ oneOf }));
  return schema;
}

function described(shape: Shape): string {
  const fallback = shape.default !== undefined ? JSON.stringify(shape.default) : shape.defaultText;
  const parts = [
    shape.description,
    shape.deprecated === undefined ? undefined : `Deprecated: ${shape.deprecated}.`,
    fallback === undefined ? undefined : `Default: ${fallback}.`,
  ];
  return parts.filter((part) => part !== undefined).join(' ');
}

function properties(fields: Readonly<Record<string, Shape>>, structural: boolean, lists: number): Json {
  const found: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(fields)) {
    found[name] = plainSchema(child, structural, lists);
    if (child.alias !== undefined) found[child.alias] = plainSchema(child, structural, lists);
  }
  return found;
}

function durationRule(shape: Shape): Json {
  const least = shape.minimumMs ?? 1;
  return { message: `must be a duration of at least ${least}ms`, rule: `duration(self) >= duration('${least}ms')` };
}

/** None of them (unless one is required), or exactly one. */
function alternatives(choice: Choice): readonly Json[] {
  const each = choice.fields.map((field) => ({ required: [field] }));
  return choice.required === true ? each : [{ not: { anyOf: each } }, ...each];
}

const METADATA: Json = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string' },
    namespace: { type: 'string' },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    annotations: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

/** One JSON Schema for all of Istio's kinds, for completion in editors. */
export function editorSchema(kinds: readonly KindName[]): Json {
  const $defs = Object.fromEntries(kinds.map((kind) => [kind, documentSchema(kind)]));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Topsail configuration',
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata'],
    allOf: kinds.map((kind) => ({
      if: { required: ['kind'], properties: { kind: { const: KINDS[kind].manifest } } },
      then: { $ref: `#/$defs/${kind}` },
    })),
    $defs,
  };
}

function documentSchema(kind: KindName): Json {
  const info: KindInfo = KINDS[kind];
  return {
    type: 'object',
    properties: {
      apiVersion: { enum: info.versions.map((version) => (info.group === '' ? version : `${info.group}/${version}`)) },
      kind: { const: info.manifest },
      metadata: METADATA,
      spec: plainSchema(shapeOf(SCHEMAS[kind]), false),
    },
  };
}
