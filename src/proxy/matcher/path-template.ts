// Path templates of Envoy's uri_template extensions, and Istio's `{*}` and `{**}`: one segment, any rest. At most one `**`, which no wildcard may follow.

import { ConfigError } from '../errors.ts';
import { spellingsOf } from './path-escapes.ts';

const SEGMENT = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=]";
const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]*$/;
const MAX_VARIABLES = 5;

export interface PathTemplate {
  readonly source: string;
  /** `path` must come without query and fragment. */
  matches(path: string): boolean;
  /** Values of the named variables; undefined when the path does not match. */
  capture(path: string): ReadonlyMap<string, string> | undefined;
}

export function compilePathTemplate(template: string, field: string): PathTemplate {
  const fail = (reason: string): ConfigError =>
    new ConfigError('proxy.field-invalid', field, `"${template}": ${reason}`);
  if (!template.startsWith('/')) throw fail('must begin with "/"');
  const names: string[] = [];
  let anyRest = false;
  let source = '';
  const wildcard = (kind: string): string => {
    if (anyRest) throw fail('no wildcard may follow "**"');
    if (kind === '*') return `${SEGMENT}+`;
    if (kind === '**') {
      anyRest = true;
      return `${SEGMENT.slice(0, -1)}/]*`;
    }
    if (!LITERAL.test(kind)) throw fail(`"${kind}" is neither "*", "**" nor a literal`);
    return literalSource(kind);
  };
  for (const part of splitSegments(template.slice(1))) {
    source += '/';
    if (part === '*' || part === '**') source += wildcard(part);
    else if (part.startsWith('{')) {
      if (!part.endsWith('}')) throw fail(`"${part}" lacks its "}" or has text behind it`);
      const inner = part.slice(1, -1);
      if (inner === '*' || inner === '**') {
        source += wildcard(inner);
        continue;
      }
      const equals = inner.indexOf('=');
      const name = equals < 0 ? inner : inner.slice(0, equals);
      if (!/^[a-zA-Z][a-zA-Z0-9_]*$/.test(name)) throw fail(`"${name}" is no variable name`);
      if (names.includes(name)) throw fail(`variable "${name}" occurs twice`);
      names.push(name);
      if (names.length > MAX_VARIABLES) throw fail(`has more than ${MAX_VARIABLES} variables`);
      const pattern = equals < 0 ? '*' : inner.slice(equals + 1);
      source += `(${pattern.split('/').map(wildcard).join('/')})`;
    } else {
      if (!LITERAL.test(part)) throw fail(`"${part}" has characters that a segment may not have`);
      source += literalSource(part);
    }
  }
  // Built from escaped literals and disjoint classes only: each wildcard but the last "**" stops at a slash.
  const regex = new RegExp(`^${source}$`);
  return {
    source: template,
    matches: (path) => regex.test(path),
    capture: (path) => {
      const found = regex.exec(path);
      if (found === null) return undefined;
      return new Map(names.map((name, i) => [name, found[i + 1] ?? '']));
    },
  };
}

/** `uri_template` rewrite: the new path's variables are filled from what the match captured. */
export function compileTemplateRewrite(rewrite: string, match: PathTemplate, field: string): (path: string) => string {
  if (!rewrite.startsWith('/')) throw new ConfigError('proxy.field-invalid', field, `"${rewrite}" must begin with "/"`);
  const parts = rewrite.split(/\{([a-zA-Z][a-zA-Z0-9_]*)\}/);
  return (path) => {
    const values = match.capture(path);
    if (values === undefined) return path;
    return parts.map((part, i) => (i % 2 === 0 ? part : (values.get(part) ?? ''))).join('');
  };
}

/** Splits at slashes that are outside braces. */
function splitSegments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const c of text) {
    if (c === '{') depth++;
    if (c === '}') depth--;
    if (c === '/' && depth === 0) {
      parts.push(part);
      part = '';
    } else part += c;
  }
  parts.push(part);
  return parts;
}

function literalSource(text: string): string {
  const [written, canonical] = spellingsOf(text);
  return canonical === undefined ? escapeLiteral(written) : `(?:${escapeLiteral(written)}|${escapeLiteral(canonical)})`;
}

function escapeLiteral(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** The path up to query and fragment. */
export function barePath(path: string): string {
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c === 0x3f || c === 0x23) return path.slice(0, i);
  }
  return path;
}
