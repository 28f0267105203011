// Where two JSON values differ: the deepest paths, each with what was and what will be.
export interface JsonChange {
  readonly path: string;
  /** JSON text; undefined: not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** List items that carry a name are compared with their namesakes, so that one that was put in does not change all after it. */
export function jsonChanges(before: unknown, after: unknown, path = ''): readonly JsonChange[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const a = members(before);
  const b = members(after);
  if (a === undefined || b === undefined || Array.isArray(before) !== Array.isArray(after))
    return [{ path, before: JSON.stringify(before), after: JSON.stringify(after) }];
  const found = [...new Set([...a.keys(), ...b.keys()])].flatMap((key) =>
    jsonChanges(a.get(key), b.get(key), path + key),
  );
  // The order of filters and routes means something; that of an object's fields does not.
  if (found.length > 0 || !Array.isArray(before)) return found;
  return [{ path: `${path} order`, before: JSON.stringify([...a.keys()]), after: JSON.stringify([...b.keys()]) }];
}

function members(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (Array.isArray(value)) {
    const names = value.map(nameOf);
    const named = names.every((name) => name !== undefined) && new Set(names).size === names.length;
    return new Map(value.map((item, i): [string, unknown] => [`[${named ? names[i] : i}]`, item]));
  }
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map(Object.entries(value).map(([key, item]) => [`.${key}`, item]));
}

function nameOf(item: unknown): string | undefined {
  const name = (item as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
