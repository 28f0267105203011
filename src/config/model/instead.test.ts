// What is said of kinds that are not in force is so.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseText } from '../parse/parse-text.ts';
import { forceAt, KIND_FORCE } from './force.ts';
import { ENVOY_FILTER_USES, INSTEAD_OF_KIND } from './instead.ts';
import { KIND_NAMES, SCHEMAS } from './kinds.ts';
import { fieldsOf, shapeOf } from './shape.ts';

const root = join(import.meta.dirname, '../../..');
const told = (text: string): readonly string[] =>
  parseText('f.yaml', text, { defaultNamespace: 'shop' }).flatMap(({ complaints }) =>
    complaints.map(({ code, severity, message, remedy }) => `${severity} ${code} ${message} ${remedy}`),
  );
const filter = (patch: string): string =>
  `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: { name: f }\nspec: { configPatches: [{ applyTo: HTTP_FILTER, patch: { operation: ADD, value: ${patch} } }] }\n`;

describe('kinds that are not in force', () => {
  it('are all in the table, and no others', () => {
    assert.deepEqual(
      Object.keys(INSTEAD_OF_KIND).sort(),
      KIND_NAMES.filter((kind) => KIND_FORCE[kind] === 'refused').sort(),
    );
  });

  it('are told with what to write instead, which is in force', () => {
    for (const { use, instead, fields, page } of ENVOY_FILTER_USES) {
      for (const [kind, path] of fields) {
        assert.ok(instead.includes(kind), `${use}: ${instead} names no ${kind}`);
        assert.ok(
          fieldsOf(shapeOf(SCHEMAS[kind])).some((field) => field.path === path),
          `${kind} has no ${path}`,
        );
        assert.equal(forceAt(kind, path), 'inForce', `${use}: ${kind} ${path}`);
      }
      if (page !== undefined) assert.ok(existsSync(join(root, page)), page);
    }
  });

  it('are refused, an EnvoyFilter by what it patches', () => {
    const [limit = '', ...more] = told(filter('{ name: envoy.filters.http.local_ratelimit }'));
    assert.deepEqual(more, []);
    assert.match(
      limit,
      /^error TS-CFG-0203 EnvoyFilter is not in force: for limits of rates write RateLimit\. .*not-in-force\.md/,
    );
    const [two = ''] = told(filter('{ name: envoy.filters.http.lua, typed_config: { access_log: [] } }'));
    assert.match(two, /for scripts in Lua write .*; for access logs write `accessLogging` of Telemetry/);
    assert.match(told(filter('{ name: mine }'))[0] ?? '', /it patches Envoy's own configuration/);
    assert.match(
      told(filter('{ name: envoy.filters.http.compressor }'))[0] ?? '',
      /compressed responses there is nothing/,
    );
  });

  it('of groups that a folder cannot have are told where they are read', () => {
    const [route = ''] = told(
      'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: r }\nspec: {}\n',
    );
    assert.match(route, /TS-CFG-0203 HTTPRoute is not in force: in a cluster the control plane reads it/);
  });
});
