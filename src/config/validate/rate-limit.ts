// Rules of RateLimit beyond the schema: targets, names, what is matched, what keys are made of, and what may be answered.

import type { RateLimitKey, RateLimitMatch, RateLimitRule, RateLimitSpec } from '../model/rate-limit.ts';
import { re2Size } from '../parse/regex.ts';
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
  /^(?:connection|content-length|content-type|host|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|x-topsail-.*|x-ratelimit-.*)$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000A-\u001F\u007F]/;
/** Of a list, in UTF-8, where no byte becomes more than three instructions of the pattern that a data plane makes of the list: 32768 are allowed. */
const PATTERN_BYTES_MAX = 8192;
/** Of a pattern that is written: each becomes at most ten on Envoy, which counts by bytes. */
const PATTERN_INSTRUCTIONS_MAX = 2048;
const HEADER_NAME_MAX = 256;
/** Envoy's, of a header's value. */
const HEADER_VALUE_BYTES_MAX = 16_384;
const UNIT_DAYS = { SECOND: 1 / 86_400, MINUTE: 1 / 1440, HOUR: 1 / 24, DAY: 1 } as const;
const FILL_DAYS_MAX = 3650;
/** What Envoy answers with: its envoy.type.v3.StatusCode, from 400 on. */
const ANSWER_STATUSES: readonly number[] = [
  400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 426,
  428, 429, 431, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
];

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
    checkLimit(context, rule, at);
    checkAnswer(context, rule, at);
  }
}

function say(context: Context, path: Path, reason: string): void {
  context.problems.say('TS-CFG-0347', path, { reason });
}

function checkLimit(
  context: Context,
  { limit: { requests, per, burst, scope, whenUnavailable } }: RateLimitRule,
  path: Path,
): void {
  if (whenUnavailable !== undefined && scope !== 'ALL_PROXIES')
    context.problems.say('TS-CFG-0411', [...path, 'limit', 'whenUnavailable'], {
      field: 'whenUnavailable',
      reason: 'a proxy that counts for itself needs no control plane for it',
    });
  if (((burst ?? requests) / requests) * UNIT_DAYS[per] > FILL_DAYS_MAX)
    say(context, [...path, 'limit', 'burst'], 'it would take more than ten years to fill an empty bucket');
}

function checkSizes(context: Context, match: RateLimitMatch, path: Path): void {
  for (const field of ['paths', 'notPaths', 'methods', 'hosts'] as const)
    if (Buffer.byteLength((match[field] ?? []).join('|')) > PATTERN_BYTES_MAX)
      say(
        context,
        [...path, field],
        `all of \`${field}\` have more than ${PATTERN_BYTES_MAX} bytes together; make several rules of them`,
      );
  for (const [name, { regex }] of Object.entries(match.headers ?? {}))
    if (regex !== undefined && (re2Size(regex) ?? 0) > PATTERN_INSTRUCTIONS_MAX)
      say(context, [...path, 'headers', name, 'regex'], 'the pattern is too large for Envoy; repeat less in it');
}

function checkMatch(context: Context, match: RateLimitMatch, path: Path): void {
  checkSizes(context, match, path);
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
  if (claim !== undefined && CONTROL.test(claim))
    say(context, [...path, 'claim'], `${shown(claim)} has control characters`);
  else if (claim !== undefined && !CLAIM.test(claim))
    say(
      context,
      [...path, 'claim'],
      `${shown(claim)} is no claim: write \`sub\`, \`realm.tenant\` or \`[realm][tenant]\``,
    );
}

function checkAnswer(context: Context, { answer, mode }: RateLimitRule, path: Path): void {
  if (answer === undefined) return;
  if (answer.status !== undefined && !ANSWER_STATUSES.includes(answer.status))
    say(
      context,
      [...path, 'answer', 'status'],
      `Envoy cannot answer ${answer.status}; it knows ${ANSWER_STATUSES.join(', ')}`,
    );
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
    const illegal = (reason: string): void => context.problems.say('TS-CFG-0308', at, { name: shown(name), reason });
    if (name.length > HEADER_NAME_MAX)
      say(context, at, `the name of the header has more than ${HEADER_NAME_MAX} characters`);
    // Percent signs are doubled for the data planes.
    if (Buffer.byteLength(value.replaceAll('%', '%%')) > HEADER_VALUE_BYTES_MAX)
      illegal(`it has more than ${HEADER_VALUE_BYTES_MAX} bytes`);
    if (CONTROL.test(value)) illegal('it has control characters');
  }
  if (mode === 'SHADOW')
    context.problems.say('TS-CFG-0411', [...path, 'answer'], { field: 'answer', reason: 'SHADOW answers nothing' });
}
