// A watched folder on a real file system: every way of saving is noticed by the kernel's word, without any look in between.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FolderWatch } from '../../../src/io/folder-watch.ts';
import { until } from '../../mesh/until.ts';

/** Longer than any test waits: nothing is found by looking again. */
const NO_LOOK_MS = 3_600_000;

interface Watched {
  readonly folder: string;
  /** Does something, and waits until it was noticed. */
  noticed(what: string, change: () => void): Promise<void>;
}

async function watched(t: { after(run: () => void): void }): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-watch-'));
  let notices = 0;
  const watch = new FolderWatch(folder, () => (notices += 1), { pollMs: NO_LOOK_MS });
  t.after(() => {
    watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let tries = 0;
  await until('the watch', () => {
    // What was there at its first look is no change.
    if (notices === 0) writeFileSync(join(folder, 'first.yaml'), `try: ${tries++}\n`);
    return notices > 0;
  });
  return {
    folder,
    noticed: async (what, change) => {
      // What trails behind one edit is not the next one's.
      await sleep(40);
      const before = notices;
      change();
      await until(what, () => notices > before);
    },
  };
}

test('a file that is replaced by rename again and again is noticed each time', async (t) => {
  const { folder, noticed } = await watched(t);
  const path = join(folder, 'a.yaml');
  for (let i = 0; i < 40; i++) {
    writeFileSync(join(folder, '.a.yaml.new'), `generation: ${i}\n`);
    await noticed(`rename ${i}`, () => renameSync(join(folder, '.a.yaml.new'), path));
  }
});

test('writes in place, new folders with files in them, folders in folders and removals are noticed', async (t) => {
  const { folder, noticed } = await watched(t);
  const path = join(folder, 'a.yaml');
  await noticed('a new file', () => writeFileSync(path, 'a: 1\n'));
  for (let i = 0; i < 5; i++)
    await noticed(`write ${i} in place`, () => writeFileSync(path, `a: ${'x'.repeat(i + 2)}\n`));
  await noticed('a new folder with a file', () => {
    mkdirSync(join(folder, 'one/two'), { recursive: true });
    writeFileSync(join(folder, 'one/two/b.yaml'), 'b: 1\n');
  });
  for (let i = 0; i < 5; i++) {
    await noticed(`rename ${i} in a folder of a folder`, () => {
      writeFileSync(join(folder, 'one/two/.b'), `b: ${i}\n`);
      renameSync(join(folder, 'one/two/.b'), join(folder, 'one/two/b.yaml'));
    });
  }
  await noticed('a removed file', () => rmSync(path));
  await noticed('a removed folder', () => rmSync(join(folder, 'one'), { recursive: true }));
  mkdirSync(join(folder, 'again'));
  await sleep(50);
  rmSync(join(folder, 'again'), { recursive: true });
  mkdirSync(join(folder, 'again'));
  await sleep(50);
  await noticed('a file in a folder that was removed and made again', () =>
    writeFileSync(join(folder, 'again/c.yaml'), 'c: 1\n'),
  );
  await noticed('a file after all that', () => writeFileSync(path, 'a: 2\n'));
});
