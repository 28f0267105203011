import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fullDisk, systemFailure } from './system-failure.ts';

describe('what the system refuses', () => {
  it('names the place and the remedy', () => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-refused-'));
    try {
      writeFileSync(join(folder, 'file'), '');
      mkdirSync(join(folder, 'file', 'home'), { recursive: true });
      assert.fail('a folder was made below a file');
    } catch (error) {
      assert.match(
        systemFailure(error) ?? '',
        /^ENOTDIR: .*file\/home'\. A part of that path is a file: .*--home FOLDER/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('leaves a defect its stack', () => {
    assert.equal(systemFailure(new TypeError('x is not a function')), undefined);
    assert.equal(systemFailure('x'), undefined);
  });

  it('says that a folder is gone, and nothing of one with room', () => {
    assert.equal(fullDisk(tmpdir()), undefined);
    assert.match(fullDisk(join(tmpdir(), 'no', 'such', 'folder')) ?? '', /is gone/);
  });
});
