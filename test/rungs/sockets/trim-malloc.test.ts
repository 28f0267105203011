import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimMalloc } from '#io';

const MB = 2 ** 20;
const WITHIN_MS = 120_000;
const linux = existsSync('/proc/self/status');

function privateBytes(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
}

/** 64 MB in blocks that are cut from one piece; every fiftieth of them stays. */
function leaveHoles(): readonly Buffer[] {
  const all = Array.from({ length: 4096 }, () => Buffer.allocUnsafeSlow(16 * 1024).fill(1));
  return all.filter((_, i) => i % 50 === 49);
}

test('what lies free between blocks goes back to the system', { skip: !linux && 'needs Linux' }, async () => {
  const kept = leaveHoles();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('globalThis.gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  const full = privateBytes();
  // Buffers are freed by another thread, when it comes to it.
  for (const end = performance.now() + WITHIN_MS; performance.now() < end; await sleep(20)) {
    collect();
    trimMalloc();
    if (privateBytes() < full - 30 * MB) break;
  }
  assert.ok(privateBytes() < full - 30 * MB, `${full / MB} MB before, ${privateBytes() / MB} after`);
  assert.ok(kept.every((block) => block[0] === 1));
});
