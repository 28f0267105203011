// A bundle in a folder of its own: what each entry's chunks hold tells what its process would load.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { build } from 'esbuild';
import { directImports } from './direct-imports.ts';

const FILES = {
  'package.json': JSON.stringify({
    type: 'module',
    sideEffects: false,
    imports: { '#area': './src/area/index.ts' },
  }),
  'src/area/index.ts': "export * from './small.ts';\nexport { type Kind, large as big } from './large/index.ts';\n",
  'src/area/small.ts': "export function small(): string {\n  return 'a small thing';\n}\n",
  'src/area/large/index.ts': "export { large, type Kind } from './large.ts';\n",
  'src/area/large/large.ts': "export type Kind = 1;\nexport const large = ['a large thing'].map((one) => one);\n",
  'src/one.ts':
    "import {\n  type Kind,\n  small as tiny,\n} from '#area';\nexport const one = (kind: Kind): string => tiny() + kind;\nconsole.log(one(1));\n",
  'src/two.ts': "import { big } from './area/index.ts';\nconsole.log(big);\n",
};

test('an entry loads the files whose names it imports, not all of their index', async (t) => {
  const { loadedBy } = await bundle(t);
  assert.match(loadedBy('one.js'), /a small thing/);
  assert.doesNotMatch(loadedBy('one.js'), /a large thing/);
  assert.match(loadedBy('two.js'), /a large thing/);
  assert.doesNotMatch(loadedBy('two.js'), /a small thing/);
});

test('lines stay where they were, for the source map', async (t) => {
  const { folder } = await bundle(t);
  const map = JSON.parse(readFileSync(join(folder, 'dist/one.js.map'), 'utf8')) as {
    readonly sources: string[];
    readonly sourcesContent: string[];
  };
  const content = map.sourcesContent[map.sources.findIndex((one) => one.endsWith('src/one.ts'))] ?? '';
  assert.equal(content.split('\n')[4], FILES['src/one.ts'].split('\n')[4]);
});

async function bundle(t: TestContext): Promise<{
  readonly folder: string;
  /** The text of an entry and of all chunks that it imports. */
  loadedBy(entry: string): string;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-direct-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: ['src/one.ts', 'src/two.ts'],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    sourcemap: true,
    metafile: true,
    plugins: [directImports],
    logLevel: 'silent',
  });
  const texts = new Map(Object.keys(metafile.outputs).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  const loaded = (name: string): string =>
    [name, ...(metafile.outputs[name]?.imports ?? []).map(({ path }) => path)].map((one) => texts.get(one)).join('\n');
  return { folder, loadedBy: (entry) => loaded(`dist/${entry}`) };
}
