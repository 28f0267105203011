// The JSON Patch (RFC 6902) from one value to another: objects field by field, lists as a whole where they differ.

export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path: string;
  readonly value?: unknown;
}

export function jsonPatch(before: unknown, after: unknown): PatchOperation[] {
  const operations: PatchOperation[] = [];
  walk(before, after, '', operations);
  return operations;
}

function walk(before: unknown, after: unknown, path: string, operations: PatchOperation[]): void {
  if (!isMap(before) || !isMap(after)) {
    if (JSON.stringify(before) !== JSON.stringify(after)) operations.push({ op: 'replace', path, value: after });
    return;
  }
  for (const key of Object.keys(before))
    if (!Object.hasOwn(after, key) || after[key] === undefined)
      operations.push({ op: 'remove', path: `${path}/${escape(key)}` });
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const inner = `${path}/${escape(key)}`;
    if (Object.hasOwn(before, key) && before[key] !== undefined) walk(before[key], value, inner, operations);
    else operations.push({ op: 'add', path: inner, value });
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escape(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
