// A complaint before its place in the text is known: what the reader and the rules report.

import type { ErrorCode } from './errors.ts';
import { ERRORS, fill } from './errors.ts';
import type { Complaint } from './model/complaint.ts';

export type Step = string | number;
export type Path = readonly Step[];

export interface Problem {
  readonly code: ErrorCode;
  readonly path: Path;
  readonly args: Readonly<Record<string, string | number>>;
  readonly expected?: string;
  readonly nearest?: string;
  /** The complaint is about the field's name, not about its value. */
  readonly atKey?: boolean;
}

export interface Extra {
  readonly expected?: string;
  readonly nearest?: string | undefined;
  readonly atKey?: boolean;
}

/** Collects problems up to a limit, so that a hostile document cannot fill the memory. */
export class Problems {
  readonly list: Problem[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  say(code: ErrorCode, path: Path, args: Readonly<Record<string, string | number>> = {}, extra: Extra = {}): void {
    if (this.list.length >= this.#limit) return;
    const { nearest, ...rest } = extra;
    this.list.push({ code, path: [...path], args, ...rest, ...(nearest === undefined ? {} : { nearest }) });
  }

  get full(): boolean {
    return this.list.length >= this.#limit;
  }

  get failed(): boolean {
    return this.list.some((p) => ERRORS[p.code].severity === 'error');
  }
}

/** `spec.http[0].match[0].headers["x.y"]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** A value as it is shown in a message: quoted, and not longer than a line. */
export function shown(value: unknown): string {
  // A mapping from a document may have a toString of its own: it is named, never converted.
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly object: string;
}

export function toComplaint(problem: Problem, place: Place): Complaint {
  const entry = ERRORS[problem.code];
  const filled = fill(entry.message, problem.args);
  const message =
    filled +
    (problem.nearest === undefined ? '' : ` Did you mean \`${problem.nearest}\`?`) +
    (problem.expected === undefined || filled.includes(problem.expected) ? '' : ` Expected: ${problem.expected}.`);
  return {
    code: problem.code,
    severity: entry.severity,
    file: place.file,
    line: place.line,
    column: place.column,
    object: place.object,
    path: pathText(problem.path),
    message,
    ...(problem.expected === undefined ? {} : { expected: problem.expected }),
    ...(problem.nearest === undefined ? {} : { nearest: problem.nearest }),
    remedy: entry.remedy,
    page: `errors.md#${problem.code.toLowerCase()}`,
  };
}
