// A command's surroundings for tests: a mesh that answers from a table, files in a map, and what was printed.
import { FakeClock } from '#base';
import type { CliContext } from './context.ts';

export interface FakeMesh {
  /** JSON by path, with or without its query; a function is called each time. */
  readonly answers?: Readonly<Record<string, unknown>>;
  /** By absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  /** A supervisor runs; not unless told. */
  readonly supervised?: boolean;
  /** Nobody listens at the mesh's address. */
  readonly silent?: boolean;
}

const HOME = '/home/mesh';

export function fakeContext({ answers = {}, files = {}, supervised = false, silent = false }: FakeMesh): {
  readonly context: CliContext;
  readonly home: string;
  out(): string;
  err(): string;
} {
  const clock = new FakeClock();
  let out = '';
  let err = '';
  const all: Record<string, string> = {
    [`${HOME}/run.json`]: JSON.stringify({ address: 'http://127.0.0.1:20001', token: 'token' }),
    ...files,
  };
  const never = (): never => {
    throw new Error('a test does not ask for this');
  };
  const context: CliContext = {
    cwd: HOME,
    env: { TOPSAIL_HOME: HOME },
    fs: {
      readText: async (path) => all[path],
      walk: async (folder) =>
        Object.keys(all)
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1))
          .sort(),
      writeText: never,
      appendText: never,
      remove: never,
      makeFolder: never,
      stat: async (path) =>
        all[path] === undefined
          ? undefined
          : { isDirectory: false, size: all[path].length, modifiedMs: 0, mode: 0o644 },
      watch: never,
    },
    clock,
    call: async ({ path }) => {
      if (silent) return undefined;
      const known = answers[path] ?? answers[path.split('?')[0] as string];
      return known === undefined
        ? { status: 404, body: JSON.stringify({ error: `nothing at ${path}` }) }
        : { status: 200, body: JSON.stringify(typeof known === 'function' ? known() : known) };
    },
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    readStdin: never,
    supervised: async () => supervised,
    inPod: never,
    generate: never,
    colour: false,
    interrupted: new Promise(() => {}),
    sleep: async (ms) => clock.advance(ms),
    open: never,
    stream: never,
    kube: never,
    root: never,
    version: 'test',
    resolvePath: (...parts) => parts.reduce((path, part) => (part.startsWith('/') ? part : `${path}/${part}`)),
  };
  return { context, home: HOME, out: () => out, err: () => err };
}
