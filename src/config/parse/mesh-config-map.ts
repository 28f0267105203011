// The ConfigMap `istio` carries the mesh's configuration as YAML text, as Istio has it: `mesh` is a MeshConfig, `meshNetworks` a MeshNetworks.

import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';
import { forceOf } from '../model/force.ts';
import { type KindName, SCHEMAS, type SpecOf } from '../model/kinds.ts';
import { type ConfigObject, objectKey } from '../model/object.ts';
import { shapeOf } from '../model/shape.ts';
import type { Problems } from '../problem.ts';
import { validateObject } from '../validate/validate-object.ts';
import { isMapping, readBySchema } from './read-by-schema.ts';

const KEYS: readonly (readonly [string, KindName])[] = [
  ['mesh', 'MeshConfig'],
  ['meshNetworks', 'MeshNetworks'],
];
export const MESH_CONFIG_MAP = 'istio';

/** The objects inside; nothing when `object` is another ConfigMap. Problems are laid at the key that holds the text. */
export function meshOf(object: ConfigObject, problems: Problems): ConfigObject[] {
  if (object.kind !== 'ConfigMap' || object.metadata.name !== MESH_CONFIG_MAP) return [];
  const found: ConfigObject[] = [];
  for (const [key, kind] of KEYS) {
    const text = (object.spec as SpecOf<'ConfigMap'>).data?.[key];
    if (text === undefined) continue;
    const value = loadText(text, key, problems);
    if (value === undefined) continue;
    const spec = readBySchema(
      shapeOf(SCHEMAS[kind]),
      value,
      problems,
      { unknown: 'TS-CFG-0114', force: forceOf(kind) },
      ['data', key],
    );
    const { namespace, name } = object.metadata;
    const inner: ConfigObject = Object.freeze({
      ...object,
      apiVersion: 'mesh.istio.io/v1alpha1',
      kind,
      spec,
      key: objectKey(kind, namespace, name),
    });
    if (!problems.failed) validateObject(inner, problems, ['data', key]);
    found.push(inner);
  }
  return problems.failed ? [] : found;
}

function loadText(text: string, key: string, problems: Problems): Record<string, unknown> | undefined {
  if (text.trim() === '') return {};
  try {
    const value = load(text, { schema: CORE_SCHEMA.withTags(mergeTag) });
    if (isMapping(value)) return value;
    problems.say('TS-CFG-0102', ['data', key], {
      field: key,
      expected: 'a mapping as YAML text',
      found: 'something else',
    });
  } catch (thrown) {
    problems.say('TS-CFG-0001', ['data', key], {
      reason: thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown),
    });
  }
  return undefined;
}
