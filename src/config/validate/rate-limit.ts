// Rules of RateLimit beyond the schema: targets, names, what is matched, what keys are made of, and what may be answered.

import type { RateLimitKey, RateLimitMatch, RateLimitRule, RateLimitSpec } from '../model/rate-limit.ts';
import { type Path, shown } from '../problem.ts';
import { checkPath } from './authorization-policy.ts';
import { checkHeaderName } from './headers.ts';
import { checkMethodCase, checkStringMatch, checkTargets, type Context, isDnsLabel } from './rules.ts';

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HOST = /^\*?[-._A-Za-z0-9:[\]]*\*?$/;
/** `a.b`, or `[a][b]` where names have dots. */
const CLAIM = /^(?:(?:\[[^[\]]+\])+|[^.[\]]+(?:\.[^.[\]]+)*)$/;
/** The proxy's own business, or names that say who refused. */
const FORBIDDEN =
  /^(?:connection|content-length|content-type|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|x-topsail-.*|x-ratelimit-.*)$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000A-\u001F\u007F]/;

export function validateRateLimit(context: Context, spec: RateLimitSpec, path: Path): void {
  checkTargets(context, spec, path);
  const names = new Set<string>();
  for (const [i, rule] of spec.rules.entries()) {
    const at = [...path, 'rules', i];
    if (!isDnsLabel(rule.name))
      say(context, [...at, 'name'], `${shown(rule.name)} is no DNS label: lower-case letters, digits and \`-\``);
    if (names.has(rule.name))
      context.problems.say('TS-CFG-0302', [...at, 'name'], { value: shown(rule.name), field: 'rules' });
    names.add(rule.name);
    if (rule.match !== undefined) checkMatch(context, rule.match, [...at, 'match']);
    checkKeys(context, rule, at);
    checkAnswer(context, rule, at);
  }
}

function say(context: Context, path: Path, reason: string): void {
  context.problems.say('TS-CFG-0347', path, { reason });
}

function checkMatch(context: Context, match: RateLimitMatch, path: Path): void {
  for (const field of ['paths', 'notPaths'] as const) {
    for (const [i, value] of (match[field] ?? []).entries()) {
      const at = [...path, field, i];
      if (!value.startsWith('/') && !value.startsWith('*'))
        say(context, at, `${shown(value)} begins with neither \`/\` nor \`*\``);
      else if (/[?#]/.test(value)) say(context, at, `${shown(value)} has a query; paths are compared without it`);
      else if (!/[{}]/.test(value) && value.slice(1, -1).includes('*'))
        say(context, at, `${shown(value)} has a \`*\` in its middle`);
      checkPath(context, value, at);
    }
  }
  for (const [i, value] of (match.methods ?? []).entries()) {
    const at = [...path, 'methods', i];
    if (METHOD.test(value)) checkMethodCase(context, value, at);
    else say(context, at, `${shown(value)} is no method`);
  }
  for (const [i, value] of (match.hosts ?? []).entries())
    if (value === '' || !HOST.test(value)) say(context, [...path, 'hosts', i], `${shown(value)} is no host`);
  for (const [name, value] of Object.entries(match.headers ?? {})) {
    checkHeaderName(context, name, [...path, 'headers', name]);
    checkStringMatch(context, value, [...path, 'headers', name]);
  }
}

function checkKeys(context: Context, rule: RateLimitRule, path: Path): void {
  const seen = new Set<string>();
  for (const [i, key] of (rule.by ?? []).entries()) {
    const at = [...path, 'by', i];
    checkKey(context, key, at);
    const text = JSON.stringify([key.attribute, key.claim, key.header?.toLowerCase()]);
    if (seen.has(text)) say(context, at, 'the same key stands there twice');
    seen.add(text);
  }
  if (rule.maxBuckets !== undefined && (rule.by ?? []).length === 0)
    context.problems.say('TS-CFG-0411', [...path, 'maxBuckets'], {
      field: 'maxBuckets',
      reason: 'without `by` there is one bucket',
    });
}

function checkKey(context: Context, { claim, header }: RateLimitKey, path: Path): void {
  if (header !== undefined) checkHeaderName(context, header, [...path, 'header']);
  if (claim !== undefined && !CLAIM.test(claim))
    say(
      context,
      [...path, 'claim'],
      `${shown(claim)} is no claim: write \`sub\`, \`realm.tenant\` or \`[realm][tenant]\``,
    );
}

function checkAnswer(context: Context, { answer, mode }: RateLimitRule, path: Path): void {
  if (answer === undefined) return;
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    const at = [...path, 'answer', 'headers', name];
    checkHeaderName(context, name, at);
    if (FORBIDDEN.test(name.toLowerCase()))
      context.problems.say(
        'TS-CFG-0307',
        at,
        { value: shown(name), reason: 'the proxy itself writes it' },
        { atKey: true },
      );
    if (CONTROL.test(value))
      context.problems.say('TS-CFG-0308', at, { name: shown(name), reason: 'it has control characters' });
  }
  if (mode === 'SHADOW')
    context.problems.say('TS-CFG-0411', [...path, 'answer'], { field: 'answer', reason: 'SHADOW answers nothing' });
}
