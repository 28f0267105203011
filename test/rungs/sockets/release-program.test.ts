import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { gunzipSync, gzipSync } from 'node:zlib';
import { fileBytes, releaseProgram } from '#io';

const MB = 2 ** 20;
const linux = existsSync('/proc/self/smaps');

/** Parses, compiles, hashes, compresses: code of all corners of the binary. */
function work(seed: number): string {
  const compiled = runInThisContext(
    `(n) => { let s = ${seed}; for (let i = 0; i < n; i++) s = (s * 31 + i) | 0; return s; }`,
  ) as (n: number) => number;
  const text = JSON.stringify({ value: compiled(200_000), words: /(\w+) (\w+)/u.exec('one two')?.slice(1) });
  return createHash('sha256')
    .update(gunzipSync(gzipSync(text)))
    .digest('hex');
}

test('pages of the program leave the process, and come back as they are needed', {
  skip: !linux && 'needs Linux',
}, () => {
  const before = work(7);
  const full = fileBytes();
  releaseProgram();
  const rest = fileBytes();
  assert.ok(rest < full - 10 * MB, `${full / MB} MB before, ${rest / MB} after`);
  for (let i = 0; i < 20; i++) {
    assert.equal(work(7), before);
    releaseProgram();
  }
});
