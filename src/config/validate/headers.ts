// Rules about headers that routes read and change.

import type { Headers } from '../model/virtual-service.ts';
import { type Path, shown } from '../problem.ts';
import type { Context } from './rules.ts';

const HEADER_NAME = /^[-_A-Za-z0-9]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const HEADER_VALUE = /^[^\u0000-\u0008\u000A-\u001F\u007F]*$/;
const CLAIM = /^@request\.auth\.claims(\.|\[)/;

export function isClaim(name: string): boolean {
  return CLAIM.test(name);
}

export function isAuthority(name: string): boolean {
  return ['host', ':authority'].includes(name.toLowerCase());
}

export function checkHeaderName(context: Context, name: string, path: Path): void {
  if (!HEADER_NAME.test(name))
    context.problems.say('TS-CFG-0307', path, { value: shown(name), reason: 'it is no header name' }, { atKey: true });
}

function checkChangedName(context: Context, name: string, path: Path, authorityAllowed: boolean): void {
  const say = (reason: string): void =>
    context.problems.say('TS-CFG-0307', path, { value: shown(name), reason }, { atKey: true });
  if (name === '') return say('its name is empty');
  if (authorityAllowed && isAuthority(name)) return;
  if (name.startsWith(':')) return say('a name with `:` cannot be changed');
  if (isAuthority(name)) say('it can only be set on requests');
}

/** Envoy's format strings: `%%`, or `%OPERATOR%` and `%OPERATOR(argument):length%`. */
export function formatProblem(value: string): string | undefined {
  const rest = value.replaceAll('%%', '').replace(/%[A-Z_0-9]+(\([^)]*\))?(:\d+)?%/g, '');
  return rest.includes('%') ? 'a single `%` begins an operator' : undefined;
}

function checkValue(context: Context, name: string, value: string, path: Path): void {
  const say = (reason: string): void => context.problems.say('TS-CFG-0308', path, { name: shown(name), reason });
  if (!HEADER_VALUE.test(value)) return say('it has control characters');
  const problem = formatProblem(value);
  if (problem !== undefined) say(problem);
}

export function checkHeaders(context: Context, headers: Headers | undefined, path: Path): void {
  for (const side of ['request', 'response'] as const) {
    const operations = headers?.[side];
    for (const verb of ['set', 'add'] as const) {
      for (const [name, value] of Object.entries(operations?.[verb] ?? {})) {
        const at = [...path, side, verb, name];
        checkChangedName(context, name, at, side === 'request');
        checkValue(context, name, value, at);
      }
    }
    for (const [i, name] of (operations?.remove ?? []).entries())
      checkChangedName(context, name, [...path, side, 'remove', i], false);
  }
}

/** The authority may be set once: by rewrite.authority or by one header. */
export function checkAuthorityOnce(
  context: Context,
  rewritten: string | undefined,
  headers: Headers | undefined,
  path: Path,
): void {
  const names = [...Object.keys(headers?.request?.set ?? {}), ...Object.keys(headers?.request?.add ?? {})].filter(
    isAuthority,
  );
  const total = names.length + ((rewritten ?? '') === '' ? 0 : 1);
  if (total > 1)
    context.problems.say('TS-CFG-0307', path, {
      value: shown(names[0] ?? 'host'),
      reason: 'the authority is set more than once',
    });
}
