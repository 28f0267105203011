// Prints the xDS of golden cases (all, or those whose path contains an argument); `--update` rewrites the expectations.
import { spawnSync } from 'node:child_process';
import { root } from './steps.ts';

const update = process.argv.includes('--update');
const run = spawnSync(process.execPath, ['--test', '--test-isolation=none', 'test/golden/*.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, ...(update ? { UPDATE_GOLDEN: '1' } : {}) },
});
process.exit(run.status ?? 1);
