// Bundles each process into dist/: one entry per process, shared code in chunks, so that a process
// loads only what it runs. Images, packages and the demo run these files; a clone runs the sources.
//
//   node tools/bundle.ts [FOLDER]    default: dist
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { buildDashboard } from './bundle-dashboard.ts';
import { directImports } from './direct-imports.ts';
import { root } from './steps.ts';

const dist = resolve(root, process.argv[2] ?? 'dist');
/**
 * An ECMAScript import of node:http reads every one of its exports, and some of those load undici
 * (3 MB, 15 ms): bundles get the module as CommonJS does, by name.
 */
const builtinHttp: Plugin = {
  name: 'node-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http$/ }, () => ({ path: 'http', namespace: 'node-http' }));
    onLoad({ filter: /.*/, namespace: 'node-http' }, () => ({
      contents: "module.exports = process.getBuiltinModule('node:http');",
    }));
  },
};
const options = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // Native code is loaded from its package; everything else is in the bundle.
  external: ['koffi'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: 'linked',
  chunkNames: 'chunks/[name]-[hash]',
  entryNames: '[name]',
  // Packages in CommonJS call require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  plugins: [builtinHttp, directImports],
  logLevel: 'warning',
  metafile: true,
} satisfies BuildOptions;
const result = await build({
  ...options,
  // The helper is a program of its own: it runs inside a captured namespace and knows nothing of the rest.
  entryPoints: {
    topsail: 'src/main/cli.ts',
    'capture-helper': 'src/main/capture-helper.ts',
    'proxy-worker': 'src/main/proxy-worker.ts',
  },
  splitting: true,
});
// One file: it is copied to nodes by itself.
await build({ ...options, entryPoints: { 'cni-plugin': 'src/main/cni-plugin.ts' } });
removeOldChunks(join(dist, 'chunks'), new Set(Object.keys(result.metafile.outputs).map((name) => resolve(root, name))));
const bytes = Object.entries(result.metafile.outputs)
  .filter(([name]) => name.endsWith('.js'))
  .reduce((sum, [, o]) => sum + o.bytes, 0);
console.log(
  `bundle: ${Object.keys(result.metafile.outputs).length} files, ${(bytes / 1024).toFixed(0)} kB of JavaScript`,
);
console.log(await buildDashboard(join(dist, 'dashboard')));

/** A mesh that runs from an earlier bundle still loads chunks of it when it needs them: they go after a day. */
function removeOldChunks(folder: string, current: ReadonlySet<string>): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!current.has(path) && Date.now() - statSync(path).mtimeMs > 86_400_000) rmSync(path);
  }
}
