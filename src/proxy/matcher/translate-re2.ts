// Rewrites an RE2 pattern that re2js has found legal as a V8 pattern with the same language, or
// gives up (RE2 syntax: github.com/google/re2/wiki/Syntax; JavaScript: ECMA-262 §22.2 with Annex B).

export interface Translation {
  readonly source: string;
  /** A group stands under a quantifier: what it captures may differ between the engines. */
  readonly quantifiedGroup: boolean;
}

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** Undefined when the pattern uses something whose meaning is not surely the same in both engines. */
export function translateRe2(pattern: string): Translation | undefined {
  // Characters beyond ASCII mean UTF-8 sequences to RE2 and code units to V8.
  for (let i = 0; i < pattern.length; i++) if (pattern.charCodeAt(i) > 0x7e) return undefined;
  let out = '';
  let quantifiedGroup = false;
  let at = 0;
  while (at < pattern.length) {
    const c = pattern[at] as string;
    let piece: { readonly text: string; readonly next: number } | undefined;
    if (c === '\\') piece = translateEscape(pattern, at, false);
    else if (c === '[') piece = translateClass(pattern, at);
    else if (c === '(') piece = translateGroup(pattern, at);
    else if (c === '.') piece = { text: '[^\\n]', next: at + 1 };
    else if (c === '{') piece = translateBrace(pattern, at);
    else if (c === '}' || c === ']') piece = { text: `\\${c}`, next: at + 1 };
    else piece = { text: c, next: at + 1 };
    if (piece === undefined) return undefined;
    if (c === ')' && /^[*+?{]/.test(pattern.slice(at + 1))) quantifiedGroup = true;
    out += piece.text;
    at = piece.next;
  }
  return { source: out, quantifiedGroup };
}

function translateEscape(pattern: string, at: number, inClass: boolean): { text: string; next: number } | undefined {
  const c = pattern[at + 1];
  if (c === undefined) return undefined;
  const next = at + 2;
  if ('dDwWtnrfv'.includes(c)) return { text: `\\${c}`, next };
  if (c === 's') return { text: inClass ? '\\t\\n\\f\\r ' : '[\\t\\n\\f\\r ]', next };
  if (c === 'a') return { text: '\\x07', next };
  if (c === 'x') {
    const hex = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,2})\})/.exec(pattern.slice(next));
    const digits = hex?.[1] ?? hex?.[2];
    if (hex === null || digits === undefined || Number.parseInt(digits, 16) > 0x7f) return undefined;
    return { text: `\\x${digits.padStart(2, '0')}`, next: next + hex[0].length };
  }
  if (!inClass) {
    if (c === 'S') return { text: '[^\\t\\n\\f\\r ]', next };
    if (c === 'b' || c === 'B') return { text: `\\${c}`, next };
    if (c === 'A') return { text: '^', next };
    if (c === 'z') return { text: '$', next };
  }
  if (/[0-9A-Za-z]/.test(c)) return undefined;
  return { text: `\\${c}`, next };
}

function translateClass(pattern: string, start: number): { text: string; next: number } | undefined {
  let at = start + 1;
  let out = '[';
  if (pattern[at] === '^') {
    out += '^';
    at++;
  }
  let first = true;
  let afterSet = false;
  for (;;) {
    const c = pattern[at];
    if (c === undefined) return undefined;
    if (c === ']' && !first) return { text: `${out}]`, next: at + 1 };
    // A hyphen next to a whole set is a literal to one engine and an error to the other.
    if (c === '-' && afterSet && pattern[at + 1] !== ']') return undefined;
    if (c === '-' && !first && pattern[at + 1] === '\\' && /[dDwWsS]/.test(pattern[at + 2] ?? '')) return undefined;
    if (c === '-' && pattern[at + 1] === '[') return undefined;
    afterSet = false;
    if (c === '[' && pattern[at + 1] === ':') {
      const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at));
      const ranges = named?.[1] === undefined ? undefined : POSIX_CLASSES[named[1]];
      if (named === null || ranges === undefined) return undefined;
      out += ranges;
      at += named[0].length;
      afterSet = true;
    } else if (c === '\\') {
      const piece = translateEscape(pattern, at, true);
      if (piece === undefined) return undefined;
      afterSet = /[dDwWsS]/.test(pattern[at + 1] ?? '');
      out += piece.text;
      at = piece.next;
    } else {
      out += c === ']' || c === '[' || c === '^' ? `\\${c}` : c;
      at++;
    }
    first = false;
  }
}

function translateGroup(pattern: string, at: number): { text: string; next: number } | undefined {
  if (pattern[at + 1] !== '?') return { text: '(', next: at + 1 };
  if (pattern[at + 2] === ':') return { text: '(?:', next: at + 3 };
  const named = /^\(\?P?<[A-Za-z_][A-Za-z0-9_]*>/.exec(pattern.slice(at));
  if (named !== null) return { text: '(', next: at + named[0].length };
  return undefined;
}

/** A brace that starts no counted repeat is a literal. */
function translateBrace(pattern: string, at: number): { text: string; next: number } {
  const repeat = /^\{[0-9]+(?:,[0-9]*)?\}/.exec(pattern.slice(at));
  if (repeat === null) return { text: '\\{', next: at + 1 };
  return { text: repeat[0], next: at + repeat[0].length };
}
