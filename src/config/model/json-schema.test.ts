import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseText } from '../parse/parse-text.ts';
import { crdOf } from './crd.ts';
import { editorSchema } from './json-schema.ts';
import { KIND_NAMES, KINDS } from './kinds.ts';
import { manifestOf } from './manifest.ts';

const ISTIO = KIND_NAMES.filter((kind) => KINDS[kind].origin === 'crd');
const SEED = new URL('../../../examples/seed/', import.meta.url);

describe('the schema for editors', () => {
  const check = new Ajv2020({ strict: false }).compile(editorSchema(ISTIO));

  it('accepts the seed documents', () => {
    for (const name of readdirSync(SEED).sort()) {
      for (const { object } of parseText(name, readFileSync(new URL(name, SEED), 'utf8'))) {
        if (object !== undefined) assert.ok(check(manifestOf(object)), `${name}: ${JSON.stringify(check.errors)}`);
      }
    }
  });
  it('refuses unknown fields and two of one choice', () => {
    const route = (match: object): object => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'a' },
      spec: { hosts: ['a'], http: [{ match: [{ uri: match }], route: [{ destination: { host: 'a' } }] }] },
    });
    assert.ok(check(route({ exact: '/a' })));
    assert.ok(!check(route({ exakt: '/a' })));
    assert.ok(!check(route({ exact: '/a', prefix: '/b' })));
  });
});

/** Every part of a structural schema says its type, and what stands within a choice says none (apiextensions.k8s.io/v1). */
function problemsOf(schema: Readonly<Record<string, unknown>>, path: string): string[] {
  const free = schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const own = typeof schema['type'] === 'string' || free ? [] : [`${path} has no type`];
  const children = Object.entries((schema['properties'] ?? {}) as Record<string, Record<string, unknown>>).map(
    ([name, child]) => [child, `${path}.${name}`] as const,
  );
  for (const key of ['items', 'additionalProperties'] as const) {
    const child = schema[key];
    if (typeof child === 'object' && child !== null)
      children.push([child as Record<string, unknown>, `${path}.${key}`]);
  }
  if (schema['properties'] !== undefined && schema['additionalProperties'] !== undefined)
    own.push(`${path} has properties and additionalProperties`);
  return [...own, ...children.flatMap(([child, at]) => problemsOf(child, at))];
}

describe('a CRD', () => {
  for (const kind of ISTIO) {
    it(`of ${kind} is structural, and stores one of its versions`, () => {
      const crd = crdOf(kind) as {
        spec: { versions: { storage: boolean; schema: { openAPIV3Schema: Record<string, unknown> } }[] };
      };
      assert.equal(crd.spec.versions.filter((version) => version.storage).length, 1);
      for (const version of crd.spec.versions) assert.deepEqual(problemsOf(version.schema.openAPIV3Schema, kind), []);
    });
  }
});
