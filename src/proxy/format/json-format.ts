// Compiles a JSON access log format: keys and punctuation become literals once; a value that is one operator keeps its type.

import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { FormatContext } from './format-context.ts';
import { logText } from './log-text.ts';
import { parseSegments, type Segment, textOf } from './text-format.ts';

export type JsonFormat = (context: FormatContext) => string;

type Node =
  | string
  | { readonly segments: readonly Segment[] }
  | { readonly keys: readonly string[]; readonly values: readonly Node[]; readonly array: boolean };

/** One line per call, without the line feed. Keys are sorted, as Envoy's are. */
export function compileJsonFormat(format: JsonObject, field: string, omitEmpty: boolean): JsonFormat {
  const root = compileNode(format, field);
  if (omitEmpty) return (context) => writeOmitting(root, context) ?? '{}';
  const pieces: (string | { readonly segments: readonly Segment[] })[] = [];
  flatten(root, pieces);
  const joined = joinLiterals(pieces);
  return (context) => {
    let out = '';
    for (const piece of joined)
      out += typeof piece === 'string' ? piece : (writeValue(piece.segments, context) ?? 'null');
    return out;
  };
}

function compileNode(value: JsonValue, field: string): Node {
  if (typeof value === 'string') {
    const segments = parseSegments(value, field);
    if (segments.every((segment) => typeof segment === 'string')) return jsonText(segments.join(''));
    return { segments };
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value))
    return { keys: [], values: value.map((inner, i) => compileNode(inner, `${field}[${i}]`)), array: true };
  const keys = Object.keys(value).sort();
  return { keys, values: keys.map((key) => compileNode(value[key] as JsonValue, `${field}.${key}`)), array: false };
}

function flatten(node: Node, pieces: (string | { readonly segments: readonly Segment[] })[]): void {
  if (typeof node === 'string' || 'segments' in node) {
    pieces.push(node);
    return;
  }
  pieces.push(node.array ? '[' : '{');
  node.values.forEach((value, i) => {
    pieces.push(`${i > 0 ? ',' : ''}${node.array ? '' : `${JSON.stringify(node.keys[i])}:`}`);
    flatten(value, pieces);
  });
  pieces.push(node.array ? ']' : '}');
}

function joinLiterals<T>(pieces: readonly (string | T)[]): (string | T)[] {
  const joined: (string | T)[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (typeof piece === 'string' && typeof last === 'string') joined[joined.length - 1] = last + piece;
    else joined.push(piece);
  }
  return joined;
}

/** Undefined = the single operator has no value. */
function writeValue(segments: readonly Segment[], context: FormatContext): string | undefined {
  const only = segments[0];
  if (segments.length === 1 && typeof only === 'function') {
    const value = only(context);
    if (value === undefined) return undefined;
    return typeof value === 'string' ? jsonText(value) : JSON.stringify(value);
  }
  let text = '';
  for (const segment of segments) text += typeof segment === 'string' ? segment : textOf(segment(context), '-');
  return jsonText(text);
}

function writeOmitting(node: Node, context: FormatContext): string | undefined {
  if (typeof node === 'string') return node;
  if ('segments' in node) return writeValue(node.segments, context);
  const parts: string[] = [];
  node.values.forEach((value, i) => {
    const written = writeOmitting(value, context);
    if (written !== undefined) parts.push(node.array ? written : `${JSON.stringify(node.keys[i])}:${written}`);
  });
  return node.array ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

function jsonText(value: string): string {
  return JSON.stringify(logText(value));
}
