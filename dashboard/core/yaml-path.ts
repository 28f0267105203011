// Where in a YAML document a line stands, by indentation alone: it must work while the document is half written.

export interface YamlPlace {
  /** Kind of the document around it; '' when not written yet. */
  readonly kind: string;
  /** Keys from the top; '[]' for an item of a list. The word being written is not among them. */
  readonly path: readonly string[];
  /** The word being written, and the column where it begins. */
  readonly word: string;
  readonly column: number;
  /** Set behind `key:` when the word is a value. */
  readonly valueOf: string | undefined;
}

const LINE = /^( *)((?:- +)*)(?:(["']?)([^\s"':#][^"':]*)\3:(?:\s|$))?/;

export function yamlPlace(lines: readonly string[], row: number, column: number): YamlPlace {
  const [start, end] = documentAround(lines, row);
  const kind =
    lines
      .slice(start, end)
      .map((line) => /^kind:\s*(\w+)/.exec(line)?.[1])
      .find((one) => one !== undefined) ?? '';
  const before = (lines[row] ?? '').slice(0, column);
  const value = /^( *(?:- +)*)(["']?)([^\s"':#][^"':]*)\2:\s+(\S*)$/.exec(before);
  const word = value?.[4] ?? /[^\s]*$/.exec(before.replace(/^ *(?:- +)*/, ''))?.[0] ?? '';
  return { kind, path: pathOf(lines, start, row), word, column: column - word.length, valueOf: value?.[3] };
}

function documentAround(lines: readonly string[], row: number): readonly [number, number] {
  let start = row;
  while (start > 0 && !(lines[start] ?? '').startsWith('---')) start--;
  let end = row + 1;
  while (end < lines.length && !(lines[end] ?? '').startsWith('---')) end++;
  return [start, end];
}

function pathOf(lines: readonly string[], start: number, row: number): readonly string[] {
  const path: string[] = [];
  const own = partsOf(lines[row] ?? '');
  let limit = own.indent;
  for (const dash of own.dashes.toReversed()) {
    path.unshift('[]');
    limit = dash + 1;
  }
  for (let i = row - 1; i >= start && limit > 0; i--) {
    const line = lines[i] ?? '';
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const { indent, dashes, key } = partsOf(line);
    const above = indent < limit && key !== undefined;
    if (above) {
      path.unshift(key);
      limit = indent;
    }
    // A sibling, or the parent just found, may be the first of its item.
    for (const dash of dashes.toReversed()) {
      if (dash >= limit) continue;
      path.unshift('[]');
      limit = dash + 1;
    }
  }
  return path;
}

function partsOf(line: string): {
  readonly indent: number;
  readonly dashes: readonly number[];
  readonly key: string | undefined;
} {
  const [, spaces = '', marks = '', , key] = LINE.exec(line) ?? [];
  const dashes = [...marks.matchAll(/-/g)].map((mark) => spaces.length + mark.index);
  return { indent: spaces.length + marks.length, dashes, key };
}
