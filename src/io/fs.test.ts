import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SystemFs } from './fs.ts';

describe('removing', () => {
  const fs = new SystemFs();
  let folder = '';
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'topsail-fs-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('takes files, whole folders and links, not what links lead to, and nothing that is not there', async () => {
    mkdirSync(join(folder, 'inner'));
    writeFileSync(join(folder, 'inner/a'), 'a');
    symlinkSync(join(folder, 'inner'), join(folder, 'link'));
    await fs.remove(join(folder, 'link'));
    await fs.remove(join(folder, 'missing'));
    await fs.remove(join(folder, 'inner/a/below'));
    assert.deepEqual(readdirSync(folder), ['inner']);
    assert.ok(existsSync(join(folder, 'inner/a')));
    await fs.remove(join(folder, 'inner'));
    assert.deepEqual(readdirSync(folder), []);
  });

  // There nobody may remove a file, root neither.
  const fixed = '/proc/self/status';
  it('fails with what the system says of a file that may not go', { skip: !existsSync(fixed) }, async () => {
    await assert.rejects(fs.remove(fixed), (error: NodeJS.ErrnoException) => {
      assert.match(error.code ?? '', /^(EPERM|EACCES)$/);
      assert.equal(error.syscall, 'unlink');
      return true;
    });
  });
});
