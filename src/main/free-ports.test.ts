import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from './free-ports.ts';

test("those who ask at once get different ports, none of them from the kernel's range for outgoing connections", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-ports-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const all = (await Promise.all(Array.from({ length: 20 }, () => freePorts(10, folder)))).flat();
  assert.equal(new Set(all).size, 200);
  assert.ok(all.every((port) => port >= 10_000 && port < 32_000));
});
