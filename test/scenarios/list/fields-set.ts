// Which fields of which kinds a scenario's configuration sets, by the names that docs/compatibility.md has.
import { parse, parseAllDocuments } from 'yaml';
import { fieldsOf, forceAt, KIND_NAMES, type KindName, SCHEMAS, shapeOf } from '../../../src/config/model/index.ts';
import type { Scenario } from './scenario.ts';

const known = new Map<string, ReadonlySet<string>>();

function fieldsOfKind(kind: string): ReadonlySet<string> {
  let fields = known.get(kind);
  if (fields === undefined) {
    const own = KIND_NAMES.includes(kind as KindName) ? fieldsOf(shapeOf(SCHEMAS[kind as KindName])) : [];
    known.set(kind, (fields = new Set(own.map(({ path }) => path))));
  }
  return fields;
}

/** Fields of a kind that are in force. */
export function inForce(kind: KindName): readonly string[] {
  return [...fieldsOfKind(kind)]
    .filter((path) => forceAt(kind, path) === 'inForce')
    .map((path) => fieldName(kind, path));
}

/** Lists and the names of maps' entries are left out of it, as scenarios do. */
export function fieldName(kind: string, path: string): string {
  return `${kind}.${path}`.replaceAll('[]', '').replaceAll('.*', '');
}

/** All that is set, or below what is set, in a scenario's documents. */
export function fieldsSet({ config, mesh }: Pick<Scenario, 'config' | 'mesh'>): ReadonlySet<string> {
  const found = new Set<string>();
  // What the laboratory fills in.
  const plain = (text: string): string => text.replace(/\$\{[^}]*\}/g, '1');
  for (const document of parseAllDocuments(plain(config))) {
    const { kind = '', spec } = (document.toJSON() ?? {}) as { readonly kind?: string; readonly spec?: unknown };
    collect(spec, '', kind, found);
  }
  if (mesh !== undefined) collect(parse(plain(mesh)), '', 'MeshConfig', found);
  return found;
}

function collect(value: unknown, path: string, kind: string, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, `${path}[]`, kind, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const fields = fieldsOfKind(kind);
  for (const [key, inner] of Object.entries(value)) {
    const own = path === '' ? key : `${path}.${key}`;
    const isField = fields.has(own);
    if (isField) found.add(fieldName(kind, own));
    collect(inner, isField ? own : `${path}.*`, kind, found);
  }
}
