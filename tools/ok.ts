// The quick gate: types, lint, format, the repository's law, pure tests and goldens; under a minute.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PURE_TESTS } from './pure-tests.ts';
import { bin, root, runStep, type Step } from './steps.ts';

const testArgs = ['--test', '--test-isolation=none', '--test-reporter=spec'];
const steps: Step[] = [
  { name: 'types', command: bin('tsc'), args: ['-p', '.'] },
  { name: 'types of the dashboard', command: bin('tsc'), args: ['-p', 'dashboard'] },
  {
    name: 'lint',
    command: bin('oxlint'),
    args: ['--type-aware', '--quiet', 'src', 'tools', 'test', 'bench', 'examples'],
  },
  { name: 'format', command: bin('biome'), args: ['format', '.'] },
  { name: 'tidy', command: process.execPath, args: ['tools/tidy.ts'] },
  { name: 'pure tests', command: process.execPath, args: [...testArgs, ...PURE_TESTS] },
];
if (existsSync(join(root, 'test/golden/golden.test.ts'))) {
  steps.push({ name: 'goldens', command: process.execPath, args: [...testArgs, 'test/golden/*.test.ts'] });
}
const failed = steps.map(runStep).filter((r) => !r.ok);
console.log(failed.length === 0 ? 'ok: everything in order' : `ok: ${failed.map((f) => f.name).join(', ')} failed`);
process.exit(failed.length === 0 ? 0 : 1);
