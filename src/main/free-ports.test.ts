import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimPorts, freePorts } from './free-ports.ts';

test("those who ask at once get different ports, none of them from the kernel's range for outgoing connections", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-ports-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const all = (await Promise.all(Array.from({ length: 20 }, () => freePorts(10, folder)))).flat();
  assert.equal(new Set(all).size, 200);
  assert.ok(all.every((port) => port >= 10_000 && port < 32_000));
});

test('ports that were chosen otherwise are nobody else’s until they are given back, also where a dead process held them', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-ports-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, '18080'), JSON.stringify({ pid: 1, startTicks: -1 }));
  const release = claimPorts([18_080, 18_081], folder);
  const held = (port: number): boolean => existsSync(join(folder, String(port)));
  assert.deepEqual([held(18_080), held(18_081)], [true, true]);
  release();
  assert.deepEqual([held(18_080), held(18_081)], [false, false]);
});
