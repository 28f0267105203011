// RateLimits as filters: patterns mean what they say and nothing else, and every key has a value.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromBinary } from '@bufbuild/protobuf';
import { LocalRateLimitSchema } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { parseText } from '#config';
import { StatusCode } from '#proto/envoy/type/v3/http_status_pb.ts';
import type { RateLimit } from '#registry';
import { rateLimitFilters } from './rate-limit-filters.ts';
import { pathPattern, requestMatch } from './request-match.ts';

function filtersOf(rules: unknown, gateway = false) {
  const text = JSON.stringify({
    apiVersion: 'topsail.io/v1alpha1',
    kind: 'RateLimit',
    metadata: { name: 'a', namespace: 'n' },
    spec: { rules },
  });
  const objects = parseText('f', text).flatMap(({ object }) => (object === undefined ? [] : [object as RateLimit]));
  return rateLimitFilters(objects, gateway, true).map(({ configType }) => {
    assert.ok(configType?.case === 'typedConfig');
    return fromBinary(LocalRateLimitSchema, configType.value.value as Uint8Array);
  });
}

const word = fc.stringMatching(/^[a-z.+$^(){}|\\[\]0-9-]{0,6}$/).filter((text) => !/[{}]/.test(text));
const path = fc.array(word, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);

test('a path fits as an AuthorizationPolicy’s does, whatever its query', () => {
  fc.assert(
    fc.property(
      path,
      path,
      fc.constantFrom('exact', 'prefix', 'suffix'),
      fc.constantFrom('', '?', '?/a=b*'),
      (wanted, got, kind, query) => {
        const value = kind === 'exact' ? wanted : kind === 'prefix' ? `${wanted}*` : `*${wanted}`;
        const fits =
          kind === 'exact' ? got === wanted : kind === 'prefix' ? got.startsWith(wanted) : got.endsWith(wanted);
        const pattern = new RegExp(`^(?:${pathPattern([value])})$`);
        assert.equal(pattern.test(got + query), fits, `${value} on ${got}${query}`);
        assert.equal(pattern.test(wanted + query), true);
      },
    ),
  );
});

test('a template’s segments are neither empty nor several, its rest is anything', () => {
  const fits = (template: string, got: string): boolean => new RegExp(`^(?:${pathPattern([template])})$`).test(got);
  assert.deepEqual(
    ['/a/b/c', '/a//c', '/a/b/d/c', '/a/b/c?x', '/a/?/c'].map((got) => fits('/a/{*}/c', got)),
    [true, false, false, true, false],
  );
  assert.deepEqual(
    ['/a/', '/a/b/c', '/a', '/b/a/'].map((got) => fits('/a/{**}', got)),
    [true, true, false, false],
  );
});

test('several paths are alternatives; hosts come with and without a port', () => {
  const [paths, hosts] = requestMatch({ paths: ['/a', '/b*'], hosts: ['Shop.example', '*.internal'] }).map((header) => {
    const { headerMatchSpecifier: one } = header;
    assert.ok(one?.case === 'stringMatch' && one.value.matchPattern?.case === 'safeRegex');
    return new RegExp(`^(?:${(one.value.matchPattern.value.regex ?? '').replace('(?i:', '(?:')})$`, 'i');
  });
  assert.deepEqual(
    ['/a', '/bc', '/ab', '/c'].map((one) => paths?.test(one)),
    [true, true, false, false],
  );
  assert.deepEqual(
    [
      'shop.example',
      'shop.example:80',
      'shop.example:',
      'shop.example.',
      'shop.example..:8',
      'shop.example.org',
      'shopxexample',
      'a.internal',
      'internal',
    ].map((one) => hosts?.test(one)),
    [true, true, true, true, true, false, false, true, false],
  );
});

test('every rule is a filter with a descriptor of as many parts as its action makes', () => {
  const key = fc.oneof(
    fc.constantFrom('CLIENT', 'IP', 'PATH', 'METHOD').map((attribute) => ({ attribute })),
    fc.stringMatching(/^[a-z][a-z-]{0,8}$/).map((header) => ({ header })),
    fc.stringMatching(/^[a-z%:()]{1,8}$/).map((claim) => ({ claim: `[${claim}]` })),
  );
  const rule = fc.record({
    name: fc.stringMatching(/^[a-z]{1,8}$/),
    limit: fc.record({
      requests: fc.integer({ min: 1, max: 1_000_000 }),
      per: fc.constantFrom('SECOND', 'MINUTE', 'HOUR', 'DAY'),
    }),
    by: fc.uniqueArray(key, { maxLength: 4, selector: (one) => JSON.stringify(one) }),
    mode: fc.constantFrom('ENFORCE', 'SHADOW'),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(rule, { minLength: 1, maxLength: 5, selector: ({ name }) => name }),
      fc.boolean(),
      (rules, gateway) => {
        const filters = filtersOf(rules, gateway);
        assert.equal(filters.length, rules.length);
        for (const [i, filter] of filters.entries()) {
          const { limit, by, name, mode } = rules[i] as (typeof rules)[number];
          assert.equal(filter.statPrefix, `ratelimit.n.a.${name}`);
          const [descriptor, ...others] = filter.descriptors;
          assert.deepEqual([others.length, descriptor?.tokenBucket?.maxTokens], [0, limit.requests]);
          assert.equal(descriptor?.entries[0]?.value, `n/a/${name}`);
          assert.equal(descriptor?.entries.length, 1 + by.length);
          assert.equal(filter.rateLimits[0]?.actions.length, 1 + by.length);
          assert.equal(filter.filterEnforced?.defaultValue?.numerator, mode === 'SHADOW' ? 0 : 100);
          for (const { actionSpecifier: one } of filter.rateLimits[0]?.actions.slice(1) ?? []) {
            if (one.case === 'metadata') assert.equal(one.value.defaultValue, '=');
            else assert.ok(one.case === 'genericKey' && /^=%[^%]+%$/.test(one.value.descriptorValue));
          }
        }
      },
    ),
  );
});

test('only a gateway believes what is said of a client’s address', () => {
  const value = (gateway: boolean): unknown =>
    filtersOf([{ name: 'r', limit: { requests: 1, per: 'DAY' }, by: [{ attribute: 'IP' }] }], gateway)[0]?.rateLimits[0]
      ?.actions[1]?.actionSpecifier.value;
  assert.match(JSON.stringify(value(true)), /=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%/);
  assert.match(JSON.stringify(value(false)), /=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%/);
});

test('what may be answered is what Envoy’s schema names', () => {
  const taken = Array.from({ length: 200 }, (_, i) => i + 400).filter((status) => {
    const rules = [{ name: 'r', limit: { requests: 1, per: 'DAY' }, answer: { status } }];
    return filtersOf(rules).length === 1;
  });
  assert.deepEqual(
    taken,
    Object.values(StatusCode).filter((code) => typeof code === 'number' && code >= 400),
  );
});
