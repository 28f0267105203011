import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ERRORS } from '../errors.ts';
import { FIELD_FORCE, forceAt, HARMLESS } from './force.ts';
import { NOT_IN_FORCE_BECAUSE } from './refusals.ts';
import { KIND_NAMES, KINDS, type KindName, SCHEMAS } from './kinds.ts';
import { fieldsOf, shapeOf } from './shape.ts';
import { parseText } from '../parse/parse-text.ts';
import { exampleOf, stale } from '../../../tools/gen-reference.ts';

const AREA = new URL('../', import.meta.url);
const sources = readdirSync(AREA, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'errors.ts')
  .map((name) => readFileSync(new URL(name, AREA), 'utf8'))
  .join('\n');

describe('what is generated from the schemas', () => {
  it('is current', () => assert.deepEqual(stale(), [], 'run tools/gen-reference.ts'));
});

describe('the example of a reference page', () => {
  for (const kind of KIND_NAMES) {
    const text = exampleOf(kind);
    if (text === undefined) continue;
    it(`of ${kind} is one, short, and nothing is wrong with it`, () => {
      const documents = parseText(`${kind}.yaml`, text);
      assert.ok(documents.some((one) => one.kind === kind && one.object !== undefined));
      // A kind without effect says so of every object.
      const expected = KIND_NAMES.filter(
        (one) =>
          one === kind &&
          fieldsOf(shapeOf(SCHEMAS[one])).every(({ path }) => forceAt(one, path) === 'acceptedWithWarning'),
      );
      assert.deepEqual(
        documents.flatMap(({ complaints }) => complaints.map(({ code }) => code)),
        expected.map(() => 'TS-CFG-0201'),
      );
      assert.ok(text.split('\n').length < 20);
    });
  }
});

describe('the table of complaints', () => {
  it('has every code that is used', () => {
    const used = new Set(sources.match(/TS-CFG-\d{4}/g));
    assert.deepEqual(
      [...used].filter((code) => !Object.hasOwn(ERRORS, code)),
      [],
    );
  });
  it('has no code that nothing uses', () => {
    assert.deepEqual(
      Object.keys(ERRORS).filter((code) => !sources.includes(code)),
      [],
    );
  });
});

describe('the table of what is in force', () => {
  it('names only fields and values that exist', () => {
    const unknown: string[] = [];
    for (const [kind, table] of Object.entries(FIELD_FORCE)) {
      const fields = fieldsOf(shapeOf(SCHEMAS[kind as KindName]));
      for (const entry of Object.keys(table)) {
        const [pattern = '', value] = entry.split('=');
        const path = pattern.replace(/^\*\*\./, '');
        const match = fields.find(
          (field) => field.path === path || (pattern !== path && field.path.endsWith(`.${path}`)),
        );
        if (match === undefined || (value !== undefined && match.shape.enum?.includes(value) !== true))
          unknown.push(`${kind} ${entry}`);
      }
    }
    assert.deepEqual(unknown, []);
  });
  it('says why of all that is refused', () => {
    const silent = Object.entries(FIELD_FORCE).flatMap(([kind, table]) =>
      Object.entries(table)
        .filter(([path, force]) => force === 'refused' && NOT_IN_FORCE_BECAUSE[kind as KindName]?.[path] === undefined)
        .map(([path]) => `${kind} ${path}`),
    );
    assert.deepEqual(silent, []);
  });
  it('never lets a field of a security object or of a tls block do nothing (design 8)', () => {
    const soft: string[] = [];
    for (const kind of KIND_NAMES) {
      for (const { path } of fieldsOf(shapeOf(SCHEMAS[kind]))) {
        const guarded =
          KINDS[kind].security ||
          (KINDS[kind].origin === 'crd' && /(^|\.)tls(\.|$)/.test(path) && !path.startsWith('tls[]'));
        if (guarded && forceAt(kind, path) === 'acceptedWithWarning') soft.push(`${kind} ${path}`);
      }
      for (const [entry, force] of Object.entries(FIELD_FORCE[kind] ?? {})) {
        if (KINDS[kind].security && force === 'acceptedWithWarning' && !HARMLESS.includes(`${kind} ${entry}`))
          soft.push(`${kind} ${entry}`);
      }
    }
    assert.deepEqual(soft, []);
  });
});
