// A plugin of esbuild: each name is imported from the file that defines it, not through the indexes of folders.
// Where a bundle is split, a chunk loads every file that its imports lead to, used or not, and an index leads to all of its area.
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Plugin, PluginBuild } from 'esbuild';

/** Where a name is defined, and what it is called there. */
interface Origin {
  readonly path: string;
  readonly name: string;
}

type Origins = ReadonlyMap<string, Origin>;

const SOURCES = /\/src\/.*\.ts$/;
/** As the formatter writes them. */
const NAMED_IMPORT = /^import \{([^}]*)\} from '([^']+)';$/gm;
const NAMED_EXPORT = /^export \{([^}]*)\}(?: from '([^']+)')?;$/gm;
const ALL_EXPORT = /^export \* from '([^']+)';$/gm;
const DECLARATION = /^export (?:abstract )?(?:async )?(?:const|let|function\*?|class) ([\w$]+)/gm;
const NAME = /^([\w$]+)(?: as ([\w$]+))?$/;

export const directImports: Plugin = {
  name: 'direct-imports',
  setup(build) {
    const exports = new Exports(build);
    build.onLoad({ filter: SOURCES }, async ({ path }) => ({ contents: await direct(path, exports), loader: 'ts' }));
  },
};

async function direct(path: string, exports: Exports): Promise<string> {
  const text = await readFile(path, 'utf8');
  let written = '';
  let at = 0;
  for (const { index, 0: statement, 1: list = '', 2: specifier = '' } of text.matchAll(NAMED_IMPORT)) {
    const names = valuesOf(list);
    if (names === undefined || !(specifier.startsWith('#') || specifier.endsWith('/index.ts'))) continue;
    const from = await exports.resolve(specifier, path);
    const origins = await exports.of(from);
    const imports = names.map(({ name, as }) => {
      const origin = origins.get(name) ?? { path: from, name };
      return `import { ${origin.name} as ${as} } from ${JSON.stringify(origin.path)};`;
    });
    // What follows keeps its line, for the source map.
    written += text.slice(at, index) + imports.join(' ') + '\n'.repeat(statement.split('\n').length - 1);
    at = index + statement.length;
  }
  return written + text.slice(at);
}

/** What files export, with where it comes from. */
class Exports {
  readonly #build: PluginBuild;
  readonly #known = new Map<string, Promise<Origins>>();

  constructor(build: PluginBuild) {
    this.#build = build;
  }

  async resolve(specifier: string, importer: string): Promise<string> {
    const options = { kind: 'import-statement', importer, resolveDir: dirname(importer) } as const;
    const { path, errors } = await this.#build.resolve(specifier, options);
    if (errors[0] !== undefined) throw new Error(`${importer}: ${errors[0].text}`);
    return path;
  }

  /** What is not found is imported as it was written. */
  of(path: string): Promise<Origins> {
    let known = this.#known.get(path);
    if (known === undefined) this.#known.set(path, (known = this.#read(path)));
    return known;
  }

  async #read(path: string): Promise<Origins> {
    const found = new Map<string, Origin>();
    if (!SOURCES.test(path)) return found;
    const text = await readFile(path, 'utf8');
    for (const { 1: specifier = '' } of text.matchAll(ALL_EXPORT))
      for (const [name, origin] of await this.of(await this.resolve(specifier, path))) found.set(name, origin);
    for (const { 1: list = '', 2: specifier } of text.matchAll(NAMED_EXPORT)) {
      const origins = specifier === undefined ? undefined : await this.of(await this.resolve(specifier, path));
      for (const { name, as } of valuesOf(list) ?? []) found.set(as, origins?.get(name) ?? { path, name: as });
    }
    for (const { 1: name = '' } of text.matchAll(DECLARATION)) found.set(name, { path, name });
    return found;
  }
}

/** Without types; undefined where something else than names is between the braces. */
function valuesOf(list: string): { readonly name: string; readonly as: string }[] | undefined {
  const found: { name: string; as: string }[] = [];
  for (const one of list.split(',').map((part) => part.trim())) {
    if (one === '' || one.startsWith('type ')) continue;
    const [, name, as = name] = NAME.exec(one) ?? [];
    if (name === undefined || as === undefined) return undefined;
    found.push({ name, as });
  }
  return found;
}
