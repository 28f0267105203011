// Finds where a path of a document stands in its text; runs only when there is something to complain about.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Path, Problem } from '../problem.ts';

export interface Spot {
  readonly line: number;
  readonly column: number;
}

/** Lines and columns within the document's text, from 1, in the order of `problems`. */
export function locate(text: string, problems: readonly Pick<Problem, 'path' | 'atKey'>[]): Spot[] {
  return problems.map(locator(text));
}

/** Reads the text once for any number of places. */
export function locator(text: string): (place: Pick<Problem, 'path' | 'atKey'>) => Spot {
  const lines = new LineCounter();
  const root = parse(text, lines);
  return ({ path, atKey }) => {
    const offset = root === undefined ? 0 : offsetOf(root, path, atKey === true);
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
}

function parse(text: string, lines: LineCounter): Node | undefined {
  try {
    const document = parseDocument(text, { lineCounter: lines, merge: true, uniqueKeys: false, logLevel: 'silent' });
    return (document.contents as Node | null) ?? undefined;
  } catch {
    // The text is nested too deeply for this library: the document's beginning must do.
    return undefined;
  }
}

/** Offset of the deepest part of the path that is written out. */
function offsetOf(root: Node, path: Path, wantKey: boolean): number {
  let node: unknown = root;
  let offset = root.range?.[0] ?? 0;
  for (const [i, step] of path.entries()) {
    if (isAlias(node)) break;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) break;
      const keyOffset = (pair.key as Node).range?.[0];
      const value = pair.value as Node | null;
      offset =
        (value === null || (wantKey && i === path.length - 1) ? keyOffset : value.range?.[0]) ?? keyOffset ?? offset;
      node = value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (item === undefined || item === null) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset;
}
