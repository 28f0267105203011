// The list or mapping in brackets that a broken YAML text opened and never closed. The library tells of the place where it noticed, often
// lines below. A guess for people: on any doubt it says nothing.

export interface Opened {
  readonly bracket: '[' | '{';
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

const CLOSING = { '[': ']', '{': '}' } as const;
/** A key or item whose text follows, indented further. */
const BLOCK_SCALAR = /(?:^|[\s:-])[|>][-+0-9]{0,2}\s*(?:#.*)?$/;

/** The innermost one that is still open at the end and was opened before line `before`, counted from 1. */
export function unclosedFlow(text: string, before: number): Opened | undefined {
  const open: Opened[] = [];
  let quote: '"' | "'" | undefined;
  let scalarIndent: number | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const indent = line.search(/\S/);
    if (scalarIndent !== undefined && (indent === -1 || indent > scalarIndent)) continue;
    scalarIndent = undefined;
    // Whether what comes next begins a value: only there brackets and quotes mean something outside of brackets.
    let begins = true;
    for (let i = 0; i < line.length; i++) {
      const char = line[i] as string;
      if (quote !== undefined) {
        if (quote === '"' && char === '\\') i++;
        else if (quote === "'" && char === "'" && line[i + 1] === "'") i++;
        else if (char === quote) quote = undefined;
        continue;
      }
      if (/\s/.test(char)) continue;
      const spaced = i === 0 || /\s/.test(line[i - 1] as string);
      if (char === '#' && spaced) break;
      if (begins && (char === '"' || char === "'")) quote = char;
      else if ((char === '[' || char === '{') && (begins || open.length > 0)) {
        open.push({ bracket: char, line: index + 1, column: i + 1 });
        begins = true;
        continue;
      } else {
        const last = open.at(-1);
        if (last !== undefined && char === CLOSING[last.bracket]) open.pop();
      }
      const ends = i + 1 === line.length || /\s/.test(line[i + 1] as string);
      const separates: boolean = char === ':' || (begins && (char === '-' || char === '?'));
      begins = (separates && ends) || (char === ',' && open.length > 0);
    }
    if (quote === undefined && open.length === 0 && BLOCK_SCALAR.test(line)) scalarIndent = indent;
  }
  const last = quote === undefined ? open.at(-1) : undefined;
  return last === undefined || last.line >= before ? undefined : last;
}
