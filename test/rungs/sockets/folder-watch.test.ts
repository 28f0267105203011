// A watched folder on a real file system: every way of saving is noticed soon, not only by the next look.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemFs } from '#io';

const SOON_MS = 800;

interface Watched {
  readonly folder: string;
  /** Does something, and waits until it was noticed. */
  noticed(what: string, change: () => void): Promise<void>;
}

async function watched(t: { after(run: () => void): void }): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-watch-'));
  let notices = 0;
  const watch = new SystemFs().watch(folder, () => (notices += 1));
  t.after(() => {
    watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await sleep(100);
  return {
    folder,
    noticed: async (what, change) => {
      const before = notices;
      const started = Date.now();
      change();
      while (notices === before) {
        assert.ok(Date.now() - started < SOON_MS, `${what} was not noticed within ${SOON_MS} ms`);
        await sleep(5);
      }
      // What trails behind one edit is not the next one's.
      await sleep(40);
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
