import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLogSink, SystemClock } from '#io';
import { LogWriter } from '#telemetry';

test('a rotated file keeps its lines, and the new one has the later ones', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'access.log');
  const log = new LogWriter(openLogSink(path), new SystemClock());
  log.write('before\n');
  await new Promise<void>((done) => log.flush(done));
  renameSync(path, `${path}.1`);
  log.write('still old\n');
  log.reopen();
  log.write('new\n');
  await new Promise<void>((done) => log.flush(done));
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'before\nstill old\n');
  assert.equal(readFileSync(path, 'utf8'), 'new\n');
  log.close();
});

test('a folder is no log: lines are counted as lost', async () => {
  const log = new LogWriter(openLogSink(tmpdir()), new SystemClock());
  log.write('x\n');
  await new Promise<void>((done) => log.flush(done));
  assert.equal(log.droppedLines, 1);
});
