import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { ConfigError } from '../errors.ts';
import { compileRegex, loadRegexEngine, namesMissingGroup } from './regex.ts';
import { translateRe2 } from './translate-re2.ts';

before(async () =>
  assert.equal(await loadRegexEngine(setFlagsFromString, performance), true, 'this V8 passes its self-test'),
);

test('matches the whole value, never a part of it', () => {
  const regex = compileRegex('/v[12]/.*', 'f');
  assert.equal(regex.matches('/v1/users'), true);
  assert.equal(regex.matches('x/v1/users'), false);
  assert.equal(compileRegex('a|b', 'f').matches('ab'), false);
});

test('V8 runs what its linear engine accepts and re2js the rest', () => {
  assert.equal(compileRegex('(a+)+', 'f').engine, 'v8');
  assert.equal(compileRegex('(?i)mobile', 'f').engine, 're2js');
  assert.equal(compileRegex('(?i).*mobile.*', 'f').matches('some MoBile agent'), true);
  assert.equal(compileRegex('(?:a{1,10}){1,50}', 'f').engine, 're2js');
});

test('what RE2 refuses is refused with the field', () => {
  for (const pattern of ['(?=a)b', '(a)\\1', 'a**', '(', '(?<!x)y', 'a{1,1001}']) {
    assert.throws(
      () => compileRegex(pattern, 'routes[3].match.safe_regex'),
      (e: unknown) => e instanceof ConfigError && e.field === 'routes[3].match.safe_regex',
      pattern,
    );
  }
});

test('no pattern takes long on input made to make it backtrack', () => {
  const input = `${'a'.repeat(30_000)}!`;
  for (const pattern of ['(a+)+', '(a|aa)+', '(a*)*b', '.*.*.*.*b', '(?i)(a+)+', '(\\w+\\s?)*']) {
    const started = process.cpuUsage().user;
    compileRegex(pattern, 'f').matches(input);
    assert.ok(process.cpuUsage().user - started < 1_500_000, pattern);
  }
});

test('a substitution names groups as RE2 does', () => {
  assert.equal(
    compileRegex('^/service/([^/]+)(/.*)$', 'f').replaceAll('/service/foo/v1/api', '\\2/instance/\\1'),
    '/v1/api/instance/foo',
  );
  assert.equal(compileRegex('one', 'f').replaceAll('/xxx/one/yyy/one/zzz', 'two'), '/xxx/two/yyy/two/zzz');
  assert.equal(compileRegex('a*', 'f').replaceAll('baac', 'x'), 'xbxcx');
  assert.equal(namesMissingGroup('(a)', '\\2'), true);
  assert.equal(namesMissingGroup('(a)', '\\\\2\\1'), false);
  assert.equal(compileRegex('a', 'f').replaceAll('/a/b', 'c\\'), '/c/b');
  assert.equal(compileRegex('a', 'f').replaceAll('/a/b', 'c\\d'), '/c/b');
});

const atom = fc.constantFrom(
  'a',
  'b',
  '\\.',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\s',
  '\\S',
  '[[:alpha:]]',
  '[]a]',
  '[a-c-]',
  '\\x61',
  '^',
  '$',
  '\\b',
  '(?:a|b)',
  '(a)',
  '(?P<n>b)',
  '{',
  '}',
  '-',
  '/',
);
const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{1,3}', '{0,2}');
const pattern = fc
  .array(fc.tuple(atom, quantifier, fc.constantFrom('', '', '', '|')), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.map(([a, q, or]) => a + q + or).join(''));
const subject = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '.', '1', ' ', '\n', '\v', '-', '/', '{', ']', '\u00a0'),
  maxLength: 12,
});

test('both engines agree on every pattern that V8 is given', () => {
  fc.assert(
    fc.property(pattern, fc.array(subject, { minLength: 1, maxLength: 6 }), (source, inputs) => {
      let reference: RE2JS;
      try {
        reference = RE2JS.compile(source);
      } catch {
        assert.throws(() => compileRegex(source, 'f'), ConfigError);
        return;
      }
      const compiled = compileRegex(source, 'f');
      for (const input of inputs) {
        assert.equal(
          compiled.matches(input),
          reference.testExact(input),
          `${source} on ${JSON.stringify(input)} by ${compiled.engine}`,
        );
        assert.equal(
          compiled.replaceAll(input, '<\\0>'),
          referenceReplace(reference, input),
          `replace ${source} in ${JSON.stringify(input)} by ${compiled.engine}`,
        );
      }
    }),
    { numRuns: 1500 },
  );
});

/** RE2's rule: no empty match right behind another match. */
function referenceReplace(reference: RE2JS, input: string): string {
  const matcher = reference.matcher(input);
  const spans: [number, number][] = [];
  while (matcher.find())
    if (matcher.end() > matcher.start() || matcher.start() === 0 || spans.at(-1)?.[1] !== matcher.start())
      spans.push([matcher.start(), matcher.end()]);
  let out = '';
  let last = 0;
  for (const [start, end] of spans) {
    out += `${input.slice(last, start)}<${input.slice(start, end)}>`;
    last = end;
  }
  return out + input.slice(last);
}

test('the translation keeps unusual but legal spellings', () => {
  assert.equal(translateRe2('[]a]+')?.source, '[\\]a]+');
  assert.equal(translateRe2('\\Aa\\z')?.source, '^a$');
  assert.equal(translateRe2('\\pL'), undefined);
  assert.equal(translateRe2('é'), undefined);
});
