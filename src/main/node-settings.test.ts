import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SMALL_HEAP, SMALL_MALLOC } from './node-settings.ts';

test('the program in the checkout gives what stays the settings that ship', () => {
  const launcher = readFileSync(join(import.meta.dirname, '../../topsail'), 'utf8');
  assert.ok(launcher.includes(`exec "$node" ${SMALL_HEAP.join(' ')} "$program" "$@"`));
  for (const [name, value] of Object.entries(SMALL_MALLOC))
    assert.ok(launcher.includes(`${name}="\${${name}:-${value}}"`));
});
