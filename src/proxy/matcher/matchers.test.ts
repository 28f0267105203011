import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { CidrRangeSchema } from '#proto/envoy/config/core/v3/address_pb.ts';
import { HeaderMatcherSchema, QueryParameterMatcherSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { MetadataMatcherSchema } from '#proto/envoy/type/matcher/v3/metadata_pb.ts';
import { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { ConfigError } from '../errors.ts';
import { compileCidr, parseIp } from './cidr.ts';
import { compileHeaderMatcher, type DuplicateRule } from './header-matcher.ts';
import { compileMetadataMatcher } from './metadata-matcher.ts';
import { barePath, compilePathTemplate, compileTemplateRewrite } from './path-template.ts';
import { compileQueryMatcher, readQueryParameter } from './query-matcher.ts';
import { compileStringMatcher } from './string-matcher.ts';

function head(headers: readonly [string, string][], more: Partial<RequestHead> = {}): RequestHead {
  const block = new HeaderBlock();
  for (const [name, value] of headers) block.add(name, value);
  return {
    method: 'GET',
    path: '/',
    authority: 'a.example',
    scheme: 'http',
    version: '1.1',
    protocol: '',
    headers: block,
    ...more,
  };
}

test('a string matcher folds case only when asked', () => {
  const cases = [
    ['exact', 'Foo', 'foo'],
    ['prefix', 'Foo', 'fooBar'],
    ['suffix', 'Bar', 'foobar'],
    ['contains', 'oB', 'FOOBAR'],
  ] as const;
  for (const [kind, pattern, value] of cases) {
    assert.equal(
      compileStringMatcher(create(StringMatcherSchema, { matchPattern: { case: kind, value: pattern } }), 'f')(value),
      false,
      kind,
    );
    assert.equal(
      compileStringMatcher(
        create(StringMatcherSchema, { matchPattern: { case: kind, value: pattern }, ignoreCase: true }),
        'f',
      )(value),
      true,
      kind,
    );
  }
  assert.throws(() => compileStringMatcher(create(StringMatcherSchema, {}), 'f'), ConfigError);
});

function header(init: Parameters<typeof create<typeof HeaderMatcherSchema>>[1], duplicates?: DuplicateRule) {
  return compileHeaderMatcher(create(HeaderMatcherSchema, init), 'f', duplicates);
}

test('a missing header matches no value matcher, inverted or not, unless it counts as empty', () => {
  const exact = { name: 'X-A', headerMatchSpecifier: { case: 'exactMatch', value: '1' } } as const;
  assert.equal(header(exact)(head([['x-a', '1']])), true);
  assert.equal(header({ ...exact, invertMatch: true })(head([])), false);
  assert.equal(header({ ...exact, invertMatch: true })(head([['x-a', '2']])), true);
  assert.equal(header({ ...exact, invertMatch: true, treatMissingHeaderAsEmpty: true })(head([])), true);
});

test('presence is the default question', () => {
  assert.equal(header({ name: 'x-a' })(head([['X-A', '']])), true);
  assert.equal(header({ name: 'x-a', invertMatch: true })(head([])), true);
  assert.equal(header({ name: 'x-a', headerMatchSpecifier: { case: 'presentMatch', value: false } })(head([])), true);
});

test('a missing header that counts as empty is present', () => {
  for (const invertMatch of [false, true])
    for (const value of [false, true]) {
      const headerMatchSpecifier = { case: 'presentMatch', value } as const;
      const asked = { name: 'x-a', headerMatchSpecifier, invertMatch, treatMissingHeaderAsEmpty: true };
      assert.equal(header(asked)(head([])), value !== invertMatch);
    }
});

test('a range takes whole numbers, its end excluded', () => {
  const range = header({ name: 'n', headerMatchSpecifier: { case: 'rangeMatch', value: { start: -10n, end: 0n } } });
  for (const [value, expected] of [
    ['-1', true],
    ['-10', true],
    ['0', false],
    ['somestring', false],
    ['10.9', false],
    ['-1x', false],
  ] as const) {
    assert.equal(range(head([['n', value]])), expected, value);
  }
});

test('pseudo headers and host are read from the request line', () => {
  const request = head([], { method: 'POST', path: '/x?y', authority: 'shop' });
  for (const [name, value] of [
    [':method', 'POST'],
    [':path', '/x?y'],
    [':authority', 'shop'],
    ['Host', 'shop'],
    [':scheme', 'http'],
  ] as const) {
    assert.equal(header({ name, headerMatchSpecifier: { case: 'exactMatch', value } })(request), true, name);
  }
});

test('of repeated headers each value counts, for routes as in Envoy and for policies', () => {
  const twice = head([
    ['role', 'user'],
    ['role', 'admin'],
  ]);
  const admin = { name: 'role', headerMatchSpecifier: { case: 'exactMatch', value: 'admin' } } as const;
  const exactly = (value: string) => ({ name: 'role', headerMatchSpecifier: { case: 'exactMatch', value } }) as const;
  assert.equal(header(exactly('user,admin'))(twice), false);
  assert.equal(header(admin)(twice), true);
  assert.equal(header({ ...admin, invertMatch: true })(twice), false);
  assert.equal(header({ ...exactly('none'), invertMatch: true })(twice), true);
  const accept = { name: 'accept', headerMatchSpecifier: { case: 'exactMatch', value: 'a,b' } } as const;
  assert.equal(
    header(accept)(
      head([
        ['accept', 'a'],
        ['accept', 'b'],
      ]),
    ),
    true,
    'which Envoy keeps as one',
  );
  assert.equal(header(admin, 'any')(twice), true);
  assert.equal(header(admin, 'all')(twice), false);
  assert.equal(header({ ...admin, invertMatch: true }, 'any')(twice), true);
  assert.equal(header({ ...admin, invertMatch: true }, 'all')(twice), false);
});

test('a query parameter is found raw, first value first', () => {
  assert.equal(readQueryParameter('/p?ab=1&a=2&a=3', 'a'), '2');
  assert.equal(readQueryParameter('/p?a', 'a'), '');
  assert.equal(readQueryParameter('/p?b=a=1', 'a'), undefined);
  assert.equal(readQueryParameter('/p?x=1#a=2', 'a'), undefined);
  const matcher = compileQueryMatcher(create(QueryParameterMatcherSchema, { name: 'debug' }), 'f');
  assert.equal(matcher('/x?debug'), true);
  assert.equal(matcher('/x?debugger=1'), false);
});

test('metadata is matched by path and value', () => {
  const matcher = compileMetadataMatcher(
    create(MetadataMatcherSchema, {
      filter: 'jwt',
      path: [{ segment: { case: 'key', value: 'claims' } }, { segment: { case: 'key', value: 'groups' } }],
      value: {
        matchPattern: {
          case: 'listMatch',
          value: {
            matchPattern: {
              case: 'oneOf',
              value: {
                matchPattern: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value: 'admin' } } },
              },
            },
          },
        },
      },
    }),
    'f',
  );
  assert.equal(matcher(new Map([['jwt', { claims: { groups: ['user', 'admin'] } }]])), true);
  assert.equal(matcher(new Map([['jwt', { claims: { groups: 'admin' } }]])), false);
  assert.equal(matcher(undefined), false);
});

test('a CIDR range holds its addresses and no other family', () => {
  const range = (addressPrefix: string, prefixLen: number) =>
    compileCidr(create(CidrRangeSchema, { addressPrefix, prefixLen }), 'f');
  assert.equal(range('10.1.0.0', 16)('10.1.255.3'), true);
  assert.equal(range('10.1.0.0', 16)('10.2.0.1'), false);
  assert.equal(range('10.1.0.0', 16)('::ffff:10.1.2.3'), true);
  assert.equal(range('0.0.0.0', 0)('::1'), false);
  assert.equal(range('2001:db8::', 33)('2001:db8:7fff::1'), true);
  assert.equal(range('2001:db8::', 33)('2001:db8:8000::1'), false);
  assert.equal(range('10.0.0.0', 8)('10.0.0.01'), false);
  assert.equal(range('10.0.0.0', 33)('10.0.0.0'), true);
  assert.equal(range('10.0.0.0', 33)('10.0.0.1'), false);
  assert.throws(() => range('ten', 8), ConfigError);
});

test('a range of IPv6 around the addresses of IPv4 is one, and holds none of IPv4', () => {
  const range = (addressPrefix: string, prefixLen: number) =>
    compileCidr(create(CidrRangeSchema, { addressPrefix, prefixLen }), 'f');
  for (const length of [0, 1, 64, 80, 95]) {
    const matches = range('::ffff:0:0', length);
    assert.equal(matches('10.0.0.1'), false, `/${length}`);
    assert.equal(matches('::ffff:10.0.0.1'), false, `/${length}`);
    assert.equal(matches('::1'), length <= 80, `/${length}`);
    assert.equal(matches('8000::1'), length === 0, `/${length}`);
  }
  assert.equal(range('::ffff:0:0', 96)('10.0.0.1'), true);
  assert.equal(range('::ffff:10.0.0.0', 104)('10.9.9.9'), true);
  assert.equal(range('::ffff:10.0.0.0', 104)('11.0.0.1'), false);
});

test('no range of an address is refused, whatever its length', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (ip, length) => {
      compileCidr(create(CidrRangeSchema, { addressPrefix: ip, prefixLen: length }), 'f')(ip);
    }),
  );
});

test('every address is inside its own range of every length', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (ip, length) =>
      compileCidr(create(CidrRangeSchema, { addressPrefix: ip, prefixLen: length }), 'f')(ip),
    ),
  );
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 96, max: 128 }), (ip, length) =>
      compileCidr(create(CidrRangeSchema, { addressPrefix: ip, prefixLen: length }), 'f')(ip),
    ),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseIp(text);
    }),
  );
});

test('path templates: one segment, any rest, names', () => {
  const cases: [string, string, boolean][] = [
    ['/foo/{*}', '/foo/bar', true],
    ['/foo/{*}', '/foo/bar/baz', false],
    ['/foo/{*}', '/foo/', false],
    ['/foo/{**}', '/foo/bar/baz', true],
    ['/foo/{**}', '/foo/', true],
    ['/foo/{**}', '/foo', false],
    ['/{*}/baz/{**}', '/x/baz/1/2', true],
    ['/{**}/foo', '/a/b/foo', true],
    ['/a.c', '/abc', false],
    ['/users/{id}/posts', '/users/7/posts', true],
    ['/{path=v1/*}/x', '/v1/a/x', true],
    ['/{path=v1/*}/x', '/v2/a/x', false],
  ];
  for (const [template, path, expected] of cases)
    assert.equal(compilePathTemplate(template, 'f').matches(path), expected, `${template} ${path}`);
  for (const bad of ['foo', '/{**}/{*}', '/{a}/{a}', '/x{*}', '/{*}x', '/a b'])
    assert.throws(() => compilePathTemplate(bad, 'f'), ConfigError, bad);
  const rewrite = compileTemplateRewrite('/u/{id}.{kind}', compilePathTemplate('/users/{id}/{kind=**}', 'f'), 'f');
  assert.equal(rewrite('/users/7/posts'), '/u/7.posts');
  assert.equal(barePath('/a?b#c'), '/a');
});
