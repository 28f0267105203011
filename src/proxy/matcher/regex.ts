// Runs patterns from configuration only where linear time is certain (design 11): re2js decides what
// is legal, V8 runs what its own linear engine accepts, re2js runs the rest.

import type { RE2JS } from 're2js';
import type { Clock } from '#base';
import { ConfigError } from '../errors.ts';
import { MAX_REGEX_PROGRAM_SIZE } from './limits.ts';
import { translateRe2 } from './translate-re2.ts';

export interface CompiledRegex {
  readonly source: string;
  readonly engine: 'v8' | 're2js';
  /** Does the pattern match the whole value? */
  matches(value: string): boolean;
  /** Replaces every match; `substitution` is RE2's: \0 is the match, \1 … \9 its groups. */
  replaceAll(value: string, substitution: string): string;
}

/** Literals, dots and the commonest classes under one quantifier: legal in RE2 by construction, so that re2js need not be loaded. */
const PLAIN =
  /^(?:(?:[A-Za-z0-9/_\-=,:;@%&~#'"!<> ]|\\[.\-/+*?]|\.|\[\^\/\]|\[0-9\]|\[a-z\]|\[0-9a-z\]|\[a-z0-9\]|\[A-Za-z0-9\]|\\d|\\w)[*+?]?)*$/;

/** Compiles only what V8's linear engine can run. */
const LINEAR_FLAG = 'l';

/** A busy machine may take this long for what is quick. */
const SELF_TEST_MS = 100;

let re2: typeof RE2JS | undefined;
let v8IsSafe = false;

/**
 * Loads re2js. Await it once, before configuration with patterns is built. `setV8Flag` (node:v8's
 * setFlagsFromString) lets V8 run patterns too: its ordinary engine then falls back to the linear
 * one after 50,000 backtracks, which is tried where a clock is given. Without it re2js runs everything.
 * True when V8 runs what it can.
 */
export async function loadRegexEngine(
  setV8Flag?: (flag: string) => void,
  clock?: Pick<Clock, 'now'>,
): Promise<boolean> {
  re2 ??= (await import('re2js')).RE2JS;
  if (setV8Flag === undefined || v8IsSafe) return v8IsSafe;
  setV8Flag('--enable-experimental-regexp-engine');
  setV8Flag('--enable-experimental-regexp-engine-on-excessive-backtracks');
  // A later V8 may have other flags: the oracle must say yes to the one and no to the other.
  v8IsSafe =
    compilesLinear('(?:a+)+') && !compilesLinear('(?:a{1,100}){1,100}') && (clock === undefined || endsSoon(clock));
  return v8IsSafe;
}

/** Backtracking takes most of a second for this, the linear engine well under a millisecond: the flag must have had its effect. */
function endsSoon(clock: Pick<Clock, 'now'>): boolean {
  const before = clock.now();
  new RegExp('^(?:(?:a+)+b)$').test('a'.repeat(27));
  return clock.now() - before < SELF_TEST_MS;
}

/** Throws a ConfigError for what RE2 refuses, or when the engine that must judge it is not loaded. */
export function compileRegex(pattern: string, field: string): CompiledRegex {
  if (PLAIN.test(pattern)) {
    const translated = translateRe2(pattern);
    if (translated !== undefined && isLinear(translated.source))
      return new V8Regex(pattern, translated.source, undefined);
  }
  if (re2 === undefined) throw new ConfigError('proxy.regex-engine-missing', field);
  const judged = judge(re2, pattern, field);
  const translated = translateRe2(pattern);
  if (translated === undefined || !isLinear(translated.source)) return new Re2Regex(pattern, judged);
  // What a repeated group captures may differ: re2js replaces then.
  const replacer = translated.quantifiedGroup ? judged : undefined;
  return new V8Regex(pattern, translated.source, replacer);
}

function judge(engine: typeof RE2JS, pattern: string, field: string): RE2JS {
  let compiled: RE2JS;
  try {
    compiled = engine.compile(pattern);
  } catch (error) {
    throw new ConfigError('proxy.regex-illegal', field, (error as Error).message);
  }
  if (compiled.programSize() > MAX_REGEX_PROGRAM_SIZE) {
    throw new ConfigError(
      'proxy.regex-illegal',
      field,
      `its program has ${compiled.programSize()} instructions, the limit is ${MAX_REGEX_PROGRAM_SIZE}`,
    );
  }
  return compiled;
}

function isLinear(source: string): boolean {
  return v8IsSafe && compilesLinear(`^(?:${source})$`) && compilesLinear(source);
}

function compilesLinear(source: string): boolean {
  try {
    new RegExp(source, LINEAR_FLAG);
    return true;
  } catch {
    return false;
  }
}

class V8Regex implements CompiledRegex {
  readonly source: string;
  readonly engine = 'v8';
  readonly #whole: RegExp;
  readonly #part: RegExp;
  readonly #replacer: RE2JS | undefined;

  constructor(source: string, translated: string, replacer: RE2JS | undefined) {
    this.source = source;
    this.#whole = new RegExp(`^(?:${translated})$`);
    this.#part = new RegExp(translated, 'g');
    this.#replacer = replacer;
  }

  matches(value: string): boolean {
    return this.#whole.test(value);
  }

  replaceAll(value: string, substitution: string): string {
    if (this.#replacer !== undefined) return replaceWithRe2(this.#replacer, value, substitution);
    let last = 0;
    return value.replace(this.#part, (...parts: unknown[]) => {
      const match = parts[0] as string;
      // The offset is the first number: groups are texts or undefined.
      const offset = parts.find((part) => typeof part === 'number') as number;
      // RE2 takes no empty match that touches the end of the one before.
      if (match === '' && offset === last && last > 0) return '';
      last = offset + match.length;
      return expand(substitution, (n) => (parts[n] as string | undefined) ?? '');
    });
  }
}

class Re2Regex implements CompiledRegex {
  readonly source: string;
  readonly engine = 're2js';
  readonly #regex: RE2JS;
  readonly #beyondAscii: boolean;

  constructor(source: string, regex: RE2JS) {
    this.source = source;
    this.#regex = regex;
    this.#beyondAscii = /[^\0-\x7f]|\\[pPxC]/.test(source);
  }

  matches(value: string): boolean {
    return this.#regex.testExact(this.#beyondAscii ? decodeUtf8(value) : value);
  }

  replaceAll(value: string, substitution: string): string {
    return replaceWithRe2(this.#regex, value, substitution);
  }
}

/** Header values are bytes in latin1; a pattern that names other characters means them in UTF-8. */
function decodeUtf8(value: string): string {
  for (let i = 0; i < value.length; i++)
    if (value.charCodeAt(i) > 0x7f) return Buffer.from(value, 'latin1').toString('utf8');
  return value;
}

function replaceWithRe2(regex: RE2JS, value: string, substitution: string): string {
  const matcher = regex.matcher(value);
  let out = '';
  let last = 0;
  while (matcher.find()) {
    // RE2 takes no empty match that touches the end of the one before.
    if (matcher.end() === matcher.start() && matcher.start() === last && last > 0) continue;
    out += value.slice(last, matcher.start()) + expand(substitution, (n) => matcher.group(n) ?? '');
    last = matcher.end();
  }
  return out + value.slice(last);
}

/** Ends where a backslash stands before neither a digit nor a backslash, as RE2::Rewrite does. */
function expand(substitution: string, group: (n: number) => string): string {
  let out = '';
  for (let i = 0; i < substitution.length; i++) {
    const c = substitution[i] as string;
    if (c !== '\\') {
      out += c;
      continue;
    }
    const next = substitution[++i] ?? '';
    if (next >= '0' && next <= '9') out += group(Number(next));
    else if (next === '\\') out += next;
    else return out;
  }
  return out;
}

/** RE2 replaces nothing by such a substitution. */
export function namesMissingGroup(pattern: string, substitution: string): boolean {
  const named = [...substitution.matchAll(/\\([0-9\\])/g)].map(([, c]) => (c === '\\' ? 0 : Number(c)));
  return Math.max(0, ...named) > countGroups(pattern);
}

function countGroups(pattern: string): number {
  const bare = pattern.replace(/\\./gs, '').replace(/\[\^?\]?[^\]]*\]/g, '');
  return [...bare.matchAll(/\((?!\?(?!P?<))/g)].length;
}
