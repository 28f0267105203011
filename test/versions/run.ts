// Runs scenarios on a mesh whose control plane and proxies are of two versions, first one way round, then the other.
//
//   node test/versions/run.ts [--ref REF | --folder FOLDER] [SCENARIO...]
//
// REF: which other version, of this repository: it is cloned and bundled in .cache/versions, once. Without it, the newest tag that
// is not here, else what was here a hundred commits ago. FOLDER: a clone that has its bundle already (npm run bundle).
// Scenarios are files of test/scenarios without .test.ts; without names, those that need nothing but processes.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { otherVersion } from './other-version.ts';
import { programOptions } from '../../tools/program-options.ts';

const root = join(import.meta.dirname, '../..');
const SCENARIOS = ['seed-files', 'security-matrix', 'trust'];
const { values, positionals: named } = programOptions(import.meta.filename, {
  allowPositionals: true,
  options: { ref: { type: 'string' }, folder: { type: 'string' } },
});
const folder = values.folder === undefined ? otherVersion(values.ref) : resolve(values.folder);
const other = join(folder, 'dist/topsail.js');
const own = process.env['TOPSAIL_ENTRY'] ?? join(root, 'dist/topsail.js');
for (const entry of [other, own])
  if (!existsSync(entry)) {
    process.stderr.write(`${entry} is not there: npm run bundle makes it\n`);
    process.exit(1);
  }

/** One program that is both versions: the control plane's where it is asked to be that. */
function dispatcher(path: string, control: string, proxies: string): void {
  const url = (entry: string): string => JSON.stringify(pathToFileURL(entry).href);
  writeFileSync(
    path,
    `const [entry, file] = process.argv[2] === 'discovery' ? [${url(control)}, ${JSON.stringify(control)}] : [${url(proxies)}, ${JSON.stringify(proxies)}];
process.argv[1] = file;
await import(entry);
`,
  );
}

const scratch = mkdtempSync(join(tmpdir(), 'topsail-versions-'));
let failed = 0;
try {
  for (const [title, control, proxies] of [
    ['control plane of this version, proxies of the other', own, other],
    ['control plane of the other version, proxies of this', other, own],
  ] as const) {
    const entry = join(scratch, 'topsail.mjs');
    dispatcher(entry, control, proxies);
    process.stdout.write(`\n${title}\n`);
    const files = (named.length > 0 ? named : SCENARIOS).map((name) => join(root, `test/scenarios/${name}.test.ts`));
    const done = spawnSync(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=spec', ...files], {
      cwd: root,
      env: { ...process.env, TOPSAIL_ENTRY: entry },
      stdio: 'inherit',
    });
    if (done.status !== 0) failed++;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(failed === 0 ? '\nboth ways round work\n' : `\n${failed} of 2 ways round failed\n`);
process.exit(failed);
