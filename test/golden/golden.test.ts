// Golden pairs: configuration and a proxy in, xDS out. UPDATE_GOLDEN=1 writes what is produced now.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { Registry } from '@bufbuild/protobuf';
import { readCase } from './golden-case.ts';
import { protoRegistry, setJson } from './resource-json.ts';

const CASES = join(import.meta.dirname, 'cases');
const update = process.env['UPDATE_GOLDEN'] === '1';

describe('translation', () => {
  let registry: Registry;
  before(async () => {
    registry = await protoRegistry();
  });

  for (const file of readdirSync(CASES)
    .filter((name) => name.endsWith('.yaml'))
    .sort()) {
    const golden = readCase(join(CASES, file));
    for (const proxy of golden.proxies.keys()) {
      it(`${golden.title} (${golden.name}, ${proxy})`, () => {
        const expectedPath = join(CASES, `${golden.name}.${proxy}.json`);
        const produced = setJson(golden.resources(proxy), registry);
        if (update) writeFileSync(expectedPath, produced);
        assert.ok(existsSync(expectedPath), `${expectedPath} is missing: run npm run golden`);
        assert.equal(produced, readFileSync(expectedPath, 'utf8'));
      });
    }
    it(`complains about ${golden.name} as expected`, () => {
      const expectedPath = join(CASES, `${golden.name}.complaints.txt`);
      const produced = [
        ...golden.complaints,
        ...golden.snapshot.conditions.map((c) => `${c.code} ${c.object} ${c.path}: ${c.message}`),
      ]
        .map((line) => `${line}\n`)
        .join('');
      if (update) writeFileSync(expectedPath, produced);
      assert.equal(produced, existsSync(expectedPath) ? readFileSync(expectedPath, 'utf8') : '');
    });
  }
});
