// The folder of one mesh: where its configuration, state, logs and records lie.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';

/** sun_path holds 108 bytes with its end. */
const SOCKET_PATH_LIMIT = 107;

export interface Home {
  readonly folder: string;
  readonly config: string;
  readonly state: string;
  readonly logs: string;
  readonly run: string;
  readonly runJson: string;
  readonly tokenSocket: string;
}

/** Where a process that starts a mesh keeps it: --home, $TOPSAIL_HOME, else .topsail of the current folder (of the clone, in a clone). */
export function homeForStart(given: unknown): Home {
  const named = typeof given === 'string' && given !== '' ? given : process.env['TOPSAIL_HOME'];
  if (named !== undefined && named !== '') return openHome(resolve(named));
  return openHome(nearestHome(process.cwd()) ?? resolve(process.env['TOPSAIL_ROOT'] ?? process.cwd(), '.topsail'));
}

/** Where a process that joins a mesh finds it. Undefined when there is none. */
export function homeForJoin(given: unknown): Home | undefined {
  const named = typeof given === 'string' && given !== '' ? given : process.env['TOPSAIL_HOME'];
  const folder = named !== undefined && named !== '' ? resolve(named) : nearestHome(process.cwd());
  return folder === undefined ? undefined : openHome(folder);
}

function nearestHome(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, '.topsail');
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

function openHome(folder: string): Home {
  const home: Home = {
    folder,
    config: join(folder, 'config'),
    state: join(folder, 'state'),
    logs: join(folder, 'logs'),
    run: join(folder, 'run'),
    runJson: join(folder, 'run.json'),
    tokenSocket: socketPath(folder),
  };
  return home;
}

/** Makes what is missing; secrets lie in `state`, so it is its owner's alone. */
export function makeHome(home: Home): void {
  for (const folder of [home.folder, home.config, home.logs]) mkdirSync(folder, { recursive: true });
  for (const folder of [home.state, home.run, dirname(home.tokenSocket)])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** A deep home leaves no room for a socket below it: then a short folder of this user's takes it. */
function socketPath(folder: string): string {
  const wanted = join(folder, 'run', 'discovery.sock');
  if (Buffer.byteLength(wanted) <= SOCKET_PATH_LIMIT) return wanted;
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return join(tmpdir(), `topsail-${process.getuid?.() ?? 0}-${digest}`, 'discovery.sock');
}

/** The folder that holds package.json and examples/, in a clone and in an installed package. */
export function rootFolder(): string {
  const given = process.env['TOPSAIL_ROOT'];
  if (given !== undefined && given !== '') return given;
  for (let folder = dirname(resolve(process.argv[1] ?? '.')); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'topsail')
      return folder;
    if (dirname(folder) === folder)
      throw new Error(`no package.json of topsail above ${process.argv[1] ?? '.'}: set TOPSAIL_ROOT`);
  }
}
