import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

test('--help names the rungs that there are, in their order', () => {
  const names = (text: string, each: RegExp): (string | undefined)[] => [...text.matchAll(each)].map((m) => m[1]);
  const help = readFileSync(join(import.meta.dirname, 'test-help.txt'), 'utf8');
  const table = help.slice(help.indexOf('\nRung '));
  const rungs = readFileSync(join(import.meta.dirname, 'test.ts'), 'utf8');
  assert.deepEqual(names(table, /^([a-z]+) /gm), names(rungs, /\bname: '([a-z]+)'/g));
});
