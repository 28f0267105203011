// Compiles a format string ("%REQ(:METHOD)% %RESPONSE_CODE%") once; formatting joins literals and values.

import { type Draft, visibleText } from '#base';
import { ConfigError } from '../errors.ts';
import type { FormatContext } from './format-context.ts';
import { compileOperator, compilePieces, type Operator, type OperatorValue } from './operators.ts';

export type Segment = string | Operator;

export interface TextFormat {
  /** The text itself when it has no operator. */
  readonly literal: string | undefined;
  format(context: FormatContext): string;
  /** Adds the text to `out`; false where a piece is beyond ASCII: some of it is there then. */
  put(context: FormatContext, out: Draft): boolean;
}

const COMMAND = /%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::([0-9]+))?%/y;

/** What no parser of HTTP has looked at: claims of tokens, names that certificates and clients give. */
const FREE_TEXT = new Set([
  'DYNAMIC_METADATA',
  'METADATA',
  'FILTER_STATE',
  'REQUESTED_SERVER_NAME',
  'DOWNSTREAM_PEER_URI_SAN',
  'UPSTREAM_PEER_URI_SAN',
]);

function onOneLine(operator: Operator): Operator {
  return (context) => {
    const value = operator(context);
    return typeof value === 'string' ? visibleText(value) : value;
  };
}

/** Throws a ConfigError that quotes what it could not read. */
export function parseSegments(format: string, field: string, forLog = false): Segment[] {
  const segments: Segment[] = [];
  let literal = '';
  let at = 0;
  while (at < format.length) {
    if (format[at] !== '%') {
      const next = format.indexOf('%', at);
      literal += format.slice(at, next < 0 ? format.length : next);
      at = next < 0 ? format.length : next;
      continue;
    }
    if (format[at + 1] === '%') {
      literal += '%';
      at += 2;
      continue;
    }
    COMMAND.lastIndex = at;
    const command = COMMAND.exec(format);
    if (command === null)
      throw new ConfigError(
        'proxy.format-illegal',
        field,
        `no command operator can be read at "${format.slice(at, at + 30)}"`,
      );
    if (literal !== '') segments.push(literal);
    literal = '';
    const name = command[1] as string;
    const length = command[3] === undefined ? undefined : Number(command[3]);
    const operator = compileOperator(name, command[2], length, field);
    const pieces = forLog ? compilePieces(name, command[2], length) : [];
    if (pieces.length > 0) segments.push(...pieces);
    else segments.push(forLog && FREE_TEXT.has(name) ? onOneLine(operator) : operator);
    at = COMMAND.lastIndex;
  }
  if (literal !== '') segments.push(literal);
  return segments;
}

/** `missing` stands for operators without a value: "-" in logs, "" in headers and with omit_empty_values. */
export function compileTextFormat(format: string, field: string, missing: '-' | '' = '-', forLog = false): TextFormat {
  const segments = parseSegments(format, field, forLog);
  const only = segments.length === 0 ? '' : segments.length === 1 ? segments[0] : undefined;
  if (typeof only === 'string') return { literal: only, format: () => only, put: (_, out) => out.ascii(only) };
  return {
    literal: undefined,
    format: (context) => {
      let out = '';
      for (const segment of segments) out += typeof segment === 'string' ? segment : textOf(segment(context), missing);
      return out;
    },
    put: (context, out) => {
      for (let i = 0; i < segments.length; i++) {
        const segment = segments[i] as Segment;
        const value = typeof segment === 'string' ? segment : segment(context);
        if (typeof value === 'number' && value >= 0 && value === (value | 0)) out.digits(value);
        else if (!out.ascii(textOf(value, missing))) return false;
      }
      return true;
    },
  };
}

export function textOf(value: OperatorValue, missing: string): string {
  if (value === undefined) return missing;
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
