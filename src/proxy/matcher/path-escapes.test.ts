import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { HeaderMatcherSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { normalizePath } from '../http/normalize-path.ts';
import { testHead } from '../match-input.testing.ts';
import { compileHeaderMatcher } from './header-matcher.ts';
import { compilePathMatcher, regexSpellingsOf, spellingsOf } from './path-escapes.ts';
import { compilePathTemplate } from './path-template.ts';
import { loadRegexEngine } from './regex.ts';

before(() => loadRegexEngine());

function arrived(path: string): string {
  const normal = normalizePath(path, { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' });
  assert.equal(normal.kind, 'path');
  return normal.kind === 'path' ? normal.path : '';
}

test('a pattern has a canonical spelling where it is not written so itself', () => {
  assert.deepEqual(spellingsOf('/a%C3'), ['/a%C3']);
  assert.deepEqual(spellingsOf('/a%c3'), ['/a%c3', '/a%C3']);
  assert.deepEqual(spellingsOf('/%7eme/%61'), ['/%7eme/%61', '/~me/a']);
  assert.deepEqual(spellingsOf('/%c3?x=%c3'), ['/%c3?x=%c3', '/%C3?x=%c3'], 'a query stays');
  assert.deepEqual(spellingsOf('/a%c'), ['/a%c'], 'half an escape is none');
});

test('a regular expression names escapes outside sets of characters', () => {
  assert.deepEqual(regexSpellingsOf('/a%c3.*'), ['/a%c3.*', '/a%C3.*']);
  assert.deepEqual(regexSpellingsOf('/a\\%c3+'), ['/a\\%c3+', '/a\\%C3+']);
  assert.deepEqual(regexSpellingsOf('/[%c3]+'), ['/[%c3]+']);
  assert.deepEqual(regexSpellingsOf('/\\[%c3\\]'), ['/\\[%c3\\]', '/\\[%C3\\]']);
  assert.deepEqual(regexSpellingsOf('/[^\\]%c3]%c3'), ['/[^\\]%c3]%c3', '/[^\\]%c3]%C3']);
  assert.deepEqual(regexSpellingsOf('/%C3[a-f]'), ['/%C3[a-f]']);
});

test('whatever way a path and a pattern are escaped, they meet', () => {
  const requests = ['/a%c3%a9/~b', '/a%C3%A9/%7eb', '/%61%c3%A9/%7Eb'];
  const patterns = [
    { case: 'exact', value: '/a%c3%a9/%7eb' },
    { case: 'prefix', value: '/%61%c3' },
    { case: 'suffix', value: '%a9/%7eb' },
    { case: 'contains', value: '%c3%a9' },
    { case: 'safeRegex', value: { regex: '/a(%c3%a9)/.*' } },
  ] as const;
  for (const matchPattern of patterns)
    for (const ignoreCase of [false, true]) {
      const matcher = create(StringMatcherSchema, { matchPattern, ignoreCase });
      const matches = compilePathMatcher(matcher, 'path');
      const header = compileHeaderMatcher(
        create(HeaderMatcherSchema, { name: ':path', headerMatchSpecifier: { case: 'stringMatch', value: matcher } }),
        'header',
      );
      for (const request of requests) {
        assert.ok(matches(arrived(request)), `${matchPattern.case} ${request}`);
        assert.ok(header(testHead({ path: arrived(request) })), `header ${matchPattern.case} ${request}`);
      }
    }
});

test('where paths are left as they come, a pattern holds as it is written too', () => {
  const matcher = create(StringMatcherSchema, { matchPattern: { case: 'prefix', value: '/a%c3' } });
  const matches = compilePathMatcher(matcher, 'path');
  assert.deepEqual(['/a%c3/x', '/a%C3/x', '/a%c4'].map(matches), [true, true, false]);
});

test("older header matchers of :path take a query's escapes as they are", () => {
  const header = (value: string, kind: 'exactMatch' | 'prefixMatch' | 'suffixMatch' | 'containsMatch') =>
    compileHeaderMatcher(
      create(HeaderMatcherSchema, { name: ':path', headerMatchSpecifier: { case: kind, value } }),
      'header',
    );
  const head = testHead({ path: arrived('/%c3?x=%c3') });
  for (const kind of ['exactMatch', 'prefixMatch', 'suffixMatch', 'containsMatch'] as const)
    assert.ok(header('/%c3?x=%c3', kind)(head), kind);
  assert.equal(header('/%c3?x=%C3', 'exactMatch')(head), false);
  assert.ok(header('?x=%c3', 'suffixMatch')(head));
});

test("literals of a template meet paths' escapes, and variables take what came", () => {
  const template = compilePathTemplate('/a%c3/{rest=*}/%7eb', 'template');
  assert.equal(template.capture(arrived('/a%c3/%e9/~b'))?.get('rest'), '%E9');
  assert.ok(template.matches('/a%c3/x/%7eb'));
  assert.equal(template.matches('/a%c4/x/~b'), false);
});
