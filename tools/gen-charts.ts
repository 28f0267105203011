// Writes charts/ from the builders of `topsail install`; `--check` only says what is stale.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { charts } from './charts/charts.ts';
import { root } from './steps.ts';

const LINK = 'charts/base/crds-of-kinds';

function generated(): ReadonlyMap<string, string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return charts(version);
}

/** Files of charts/ that are missing, differ, or should not be there. */
export function staleCharts(): readonly string[] {
  const files = generated();
  const read = (path: string): string | undefined =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
  const found = [...files].filter(([path, text]) => read(path) !== text).map(([path]) => path);
  const there = existsSync(join(root, 'charts'))
    ? readdirSync(join(root, 'charts'), { recursive: true, withFileTypes: true })
    : [];
  for (const entry of there) {
    const path = join(entry.parentPath, entry.name).slice(root.length).replace(/^\//, '');
    if (entry.isFile() && !files.has(path) && !path.startsWith(LINK) && path !== 'charts/README.md') found.push(path);
  }
  if (!existsSync(join(root, LINK))) found.push(LINK);
  return found;
}

function write(): void {
  const files = generated();
  for (const path of staleCharts()) {
    const text = files.get(path);
    mkdirSync(dirname(join(root, path)), { recursive: true });
    // The kinds are there once; Helm follows the link.
    if (path === LINK) symlinkSync('../../deploy/crds', join(root, path));
    else if (text === undefined) rmSync(join(root, path));
    else writeFileSync(join(root, path), text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = staleCharts();
  if (!process.argv.includes('--check')) write();
  else if (found.length > 0) {
    console.error(`${found.join('\n')}\nStale: run tools/gen-charts.ts`);
    process.exitCode = 1;
  }
}
