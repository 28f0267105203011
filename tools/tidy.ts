// Checks the repository's law over every tracked file; prints each breach with file and line.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkAmbient,
  checkCycles,
  checkDead,
  checkEdges,
  checkForbidden,
  checkShape,
  type Finding,
  type SourceFile,
} from './tidy-rules.ts';

const root = join(import.meta.dirname, '..');
const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  maxBuffer: 1 << 26,
});
const files: SourceFile[] = listed
  .toString()
  .split('\0')
  .filter(
    (p) => /\.(?:ts|tsx|js|md|json|ya?ml|sh)$/.test(p) && !p.endsWith('package-lock.json') && existsSync(join(root, p)),
  )
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

const sources = files.filter((f) => f.path.endsWith('.ts'));
const entries = new Set(sources.filter((f) => /^src\/main\/[^/]+\.ts$/.test(f.path)).map((f) => f.path));
const findings: Finding[] = [
  ...sources.flatMap(checkEdges),
  ...sources.flatMap(checkAmbient),
  ...files.flatMap(checkForbidden),
  ...sources.flatMap(checkShape),
  ...checkDead(sources, entries),
  ...checkCycles(sources.filter((f) => f.path.startsWith('src/'))),
];
for (const f of findings) console.error(`${f.path}:${f.line}: ${f.message}`);
if (findings.length > 0) {
  console.error(`tidy: ${findings.length} findings`);
  process.exit(1);
}
console.log(`tidy: ${files.length} files in order`);
