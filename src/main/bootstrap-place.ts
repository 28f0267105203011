// Puts the place in front of a complaint about a bootstrap: `file:line: field.path: what, remedy`, as configuration errors are written.

import { locator, pathSteps } from '#config';
import { parse } from 'yaml';
import { deepened } from './bootstrap-inner-place.ts';

export interface BootstrapText {
  /** A file, or the flag that brought the text. */
  readonly name: string;
  readonly text: string;
}

const LINE = /^(\d+): /;
const PATH = /^(?:bootstrap\.)?([a-z][\w]*(?:\.[\w@"/-]+|\[\d+\])*): /i;

/** `problem`: each of its lines begins with a field's path or, where the text can't be parsed, with a line's number; else it is of a whole text. */
export function placed(problem: string, texts: readonly BootstrapText[]): string {
  return problem
    .split('\n')
    .map((one) => placedLine(one, texts))
    .join('\n');
}

function placedLine(told: string, texts: readonly BootstrapText[]): string {
  const first = texts[0] as BootstrapText;
  const problem = texts.map((one) => deepened(told, parsed(one.text))).find((one) => one !== told) ?? told;
  if (LINE.test(problem)) return `${first.name}:${problem}`;
  const path = PATH.exec(problem)?.[1];
  if (path === undefined) return `${first.name}: ${problem}`;
  const steps = pathSteps(path);
  const found = texts.map((one) => ({ one, written: asWritten(parsed(one.text), steps) }));
  const best = found.reduce((a, b) => (b.written.length > a.written.length ? b : a));
  const { line } = locator(best.one.text)({ path: best.written, atKey: true });
  return `${best.one.name}:${line}: ${problem.replace(/^bootstrap\./, '')}`;
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** As much of the path as is there, its names spelled as they are there. */
function asWritten(value: unknown, steps: readonly (string | number)[]): (string | number)[] {
  const written: (string | number)[] = [];
  let at = value;
  for (const step of steps) {
    if (typeof at !== 'object' || at === null) break;
    const camel = String(step).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const key = Object.hasOwn(at, step) ? step : Object.hasOwn(at, camel) ? camel : undefined;
    if (key === undefined) break;
    written.push(key);
    at = (at as Readonly<Record<string, unknown>>)[key];
  }
  return written;
}
