// Cuts a CEL expression into names, numbers, texts and signs.

export class CelSyntaxError extends Error {}

export type CelToken =
  | { readonly kind: 'name' | 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly at: number }
  | { readonly kind: 'text'; readonly text: string; readonly value: string; readonly at: number };

const SPACE = /[ \t\r\n]+|\/\/[^\n]*/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+[uU]?|[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+[uU]?/y;
const SIGN = /\|\||&&|==|!=|<=|>=|[-<>+*/%!?:.,()[\]]/y;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

export function readCelTokens(source: string): readonly CelToken[] {
  const tokens: CelToken[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  while (at < source.length) {
    const space = take(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const quoted = readText(source, at);
    if (quoted !== undefined) {
      tokens.push({ kind: 'text', text: source.slice(at, quoted.end), value: quoted.value, at });
      at = quoted.end;
      continue;
    }
    const name = take(NAME);
    const number = name === undefined ? take(NUMBER) : undefined;
    const text = name ?? number ?? take(SIGN);
    if (text === undefined) throw new CelSyntaxError(`\`${source[at]}\` was not expected at character ${at + 1}`);
    if (number !== undefined) tokens.push({ kind: 'number', text, value: Number(text.replace(/[uU]$/, '')), at });
    else tokens.push({ kind: name !== undefined && name !== 'in' ? 'name' : 'sign', text, at });
    at += text.length;
  }
  return tokens;
}

/** 'a', "a", r'a'; undefined where no text begins. */
function readText(source: string, at: number): { readonly value: string; readonly end: number } | undefined {
  const raw = (source[at] === 'r' || source[at] === 'R') && (source[at + 1] === "'" || source[at + 1] === '"');
  let i = raw ? at + 1 : at;
  const quote = source[i];
  if (quote !== "'" && quote !== '"') return undefined;
  let value = '';
  for (i++; i < source.length; i++) {
    const c = source[i] as string;
    if (c === quote) return { value, end: i + 1 };
    if (c === '\n') break;
    if (c !== '\\' || raw) {
      value += c;
      continue;
    }
    const escape = readEscape(source, i + 1);
    value += escape.value;
    i = escape.last;
  }
  throw new CelSyntaxError('a text has no end');
}

function readEscape(source: string, at: number): { readonly value: string; readonly last: number } {
  const c = source[at] ?? '';
  const simple = ESCAPES[c];
  if (simple !== undefined) return { value: simple, last: at };
  if ('\\\'"`?'.includes(c) && c !== '') return { value: c, last: at };
  const digits = c === 'x' || c === 'X' ? 2 : c === 'u' ? 4 : c === 'U' ? 8 : 0;
  const hex = source.slice(at + 1, at + 1 + digits);
  const code = /^[0-9a-fA-F]+$/.test(hex) ? Number.parseInt(hex, 16) : Number.NaN;
  if (digits === 0 || hex.length !== digits || !(code <= 0x10ffff))
    throw new CelSyntaxError(`\`\\${c}\` is no escape that a text may hold`);
  return { value: String.fromCodePoint(code), last: at + digits };
}
