// Reads `--set a.b[0].c=value` as istioctl and Helm do, and lays trees over one another.

export type Tree = { [key: string]: TreeValue };
export type TreeValue = string | number | boolean | null | TreeValue[] | Tree;

export class SetFlagError extends Error {}

/** `path=value`; values that read as booleans, numbers or null are those; `\.` is a dot inside a key; `{a,b}` a list. */
export function parseSetFlag(text: string): { readonly path: readonly (string | number)[]; readonly value: TreeValue } {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new SetFlagError(`--set ${text}: expected PATH=VALUE, for example --set profile=demo.`);
  return { path: parsePath(text.slice(0, equals), text), value: parseValue(text.slice(equals + 1)) };
}

function parsePath(text: string, whole: string): readonly (string | number)[] {
  const path: (string | number)[] = [];
  for (const part of text.split(/(?<!\\)\./)) {
    const found = /^((?:[^[\]\\]|\\.)*)((?:\[\d+\])*)$/.exec(part);
    if (found === null || (found[1] === '' && path.length === 0))
      throw new SetFlagError(`--set ${whole}: "${part}" is no part of a path.`);
    const [, key = '', indexes = ''] = found;
    if (key !== '') path.push(key.replaceAll(/\\(.)/g, '$1'));
    for (const [, index] of indexes.matchAll(/\[(\d+)\]/g)) path.push(Number(index));
  }
  return path;
}

function parseValue(text: string): TreeValue {
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (text === 'null') return null;
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  const list = /^\{(.*)\}$/s.exec(text);
  if (list !== null) return list[1] === '' ? [] : (list[1] as string).split(',').map((item) => parseValue(item.trim()));
  return text.replaceAll('\\,', ',');
}

const LONGEST_LIST = 1000;

/** A copy of `tree` with the value at the path. */
export function withValue(tree: Tree, path: readonly (string | number)[], value: TreeValue): Tree {
  return put(tree, path, value) as Tree;
}

function put(at: TreeValue | undefined, path: readonly (string | number)[], value: TreeValue): TreeValue {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (typeof head === 'number') {
    if (head >= LONGEST_LIST) throw new SetFlagError(`[${head}]: lists of --set have up to ${LONGEST_LIST} items.`);
    const list = Array.isArray(at) ? [...at] : [];
    while (list.length < head) list.push(null);
    list[head] = put(list[head], rest, value);
    return list;
  }
  const map: Tree = isTree(at) ? { ...at } : {};
  Object.defineProperty(map, head, {
    value: put(Object.hasOwn(map, head) ? map[head] : undefined, rest, value),
    enumerable: true,
    writable: true,
    configurable: true,
  });
  return map;
}

/** Maps are merged key by key, null removes, everything else replaces. */
export function overlay(below: Tree, above: Tree): Tree {
  const merged: Tree = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const former = Object.hasOwn(merged, key) ? merged[key] : undefined;
    if (value === null) delete merged[key];
    else
      Object.defineProperty(merged, key, {
        value: isTree(former) && isTree(value) ? overlay(former, value) : value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
  return merged;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
