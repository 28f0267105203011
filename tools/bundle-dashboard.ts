// Builds the dashboard with Vite into a folder beside the bundles and says how large its parts are.
//
//   node tools/bundle-dashboard.ts [FOLDER]    default: dist/dashboard
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './steps.ts';

export async function buildDashboard(folder: string): Promise<string> {
  await build({
    configFile: join(root, 'dashboard/vite.config.ts'),
    root: join(root, 'dashboard'),
    build: { outDir: folder, emptyOutDir: true },
  });
  const sizes = new Map(files(folder).map((name) => [name, gzipSync(readFileSync(join(folder, name))).length]));
  const first = [...sizes].filter(([name]) => isFirst(folder, name)).reduce((sum, [, size]) => sum + size, 0);
  const all = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return `dashboard: ${sizes.size} files, ${kilobytes(first)} gzip before the graph, ${kilobytes(all)} in all`;
}

/** What the document itself loads. */
function isFirst(folder: string, name: string): boolean {
  return name === 'index.html' || readFileSync(join(folder, 'index.html'), 'utf8').includes(`/${name}"`);
}

function files(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}

if (process.argv[1] === import.meta.filename)
  console.log(await buildDashboard(resolve(root, process.argv[2] ?? 'dist/dashboard')));
