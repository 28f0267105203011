// Reads values of a tree by dotted path and remembers which were read, so that the rest can be named.
import { isTree, SetFlagError, type Tree, type TreeValue } from './set-flag.ts';

/** Where settings come from: a tree of values, or the values of a chart that nobody has given yet. */
export interface SettingsReader {
  value(path: string): TreeValue | undefined;
  text(path: string): string;
  number(path: string, fallback: number): number;
  flag(path: string, fallback: boolean): boolean;
  tree(path: string): Tree;
  list(path: string): readonly TreeValue[];
  unread(): readonly string[];
}

/** Never read as a whole: only their fields count. */
const CONTAINERS = new Set(['values', 'components']);

export class TreeReader implements SettingsReader {
  readonly #tree: Tree;
  readonly #seen = new Set<string>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  value(path: string): TreeValue | undefined {
    if (!CONTAINERS.has(path)) this.#seen.add(path);
    let at: TreeValue | undefined = this.#tree;
    for (const key of path.split('.')) {
      if (Array.isArray(at)) at = at[Number(key)];
      else if (isTree(at) && Object.hasOwn(at, key)) at = at[key];
      else return undefined;
    }
    return at;
  }

  text(path: string): string {
    const value = this.value(path);
    if (value === undefined || value === null) return '';
    if (typeof value === 'object') throw wrong(path, 'text', value);
    return String(value);
  }

  number(path: string, fallback: number): number {
    const value = this.value(path);
    if (value === undefined || value === null) return fallback;
    const number = Number(value);
    if (typeof value === 'object' || !Number.isFinite(number)) throw wrong(path, 'a number', value);
    return number;
  }

  flag(path: string, fallback: boolean): boolean {
    const value = this.value(path);
    if (value === undefined || value === null || value === '' || value === 'auto') return fallback;
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false') return false;
    throw wrong(path, 'true or false', value);
  }

  tree(path: string): Tree {
    const value = this.value(path);
    if (value === undefined || value === null) return {};
    if (!isTree(value)) throw wrong(path, 'a mapping', value);
    return value;
  }

  list(path: string): readonly TreeValue[] {
    const value = this.value(path);
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw wrong(path, 'a list', value);
    return value;
  }

  /** Paths of given values that nobody asked for. */
  unread(): readonly string[] {
    const found: string[] = [];
    const walk = (value: TreeValue, path: string): void => {
      if (this.#seen.has(path)) return;
      if (isTree(value))
        for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`);
      else if (Array.isArray(value)) for (const [i, inner] of value.entries()) walk(inner, `${path}.${i}`);
      else found.push(path);
    };
    walk(this.#tree, '');
    return found;
  }
}

function wrong(path: string, expected: string, value: unknown): SetFlagError {
  return new SetFlagError(`${path}: expected ${expected}, found ${JSON.stringify(value)}.`);
}
