// No result of a test is lost between the process that ran it and the one that counts it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { SERIAL } from '../../../tools/serial-tests.ts';
import { cleanEnv } from '../../mesh/mesh-process.ts';

/** As many in one burst as no pipe holds. */
const TESTS = 500;

test('results that come faster than they are read are all counted, though the process is made to end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-results-'));
  try {
    const file = join(folder, 'burst.test.mjs');
    const name = 'a test with a name that is about as long as those that tests here have';
    writeFileSync(
      file,
      `import { test } from 'node:test';\nfor (let i = 0; i < ${TESTS}; i++) test('${name}, ' + i, () => {});\nsetInterval(() => {}, 1000);\n`,
    );
    const { stdout, status } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...SERIAL, file], {
      encoding: 'utf8',
      env: cleanEnv(),
      maxBuffer: 1 << 28,
    });
    assert.equal(status, 0);
    assert.equal(/^# pass (\d+)$/m.exec(stdout)?.[1], String(TESTS));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
