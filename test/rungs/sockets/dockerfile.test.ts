// docker/Dockerfile and `topsail images build` make the same images: user, environment, entry point, and every file with its mode.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { type ImageParts, imageParts } from '../../../src/main/image-files.ts';

const ROOT = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'topsail-docker-'));
after(() => rmSync(folder, { recursive: true, force: true }));
process.env['TOPSAIL_ROOT'] ??= ROOT;

const noNft = spawnSync('sh', ['-c', 'command -v nft']).status !== 0;
const skip = noNft && process.env['CI'] === undefined ? 'there is no nft: install the package nftables' : false;

/** Node stands for Envoy's program here: it has libraries as that has. */
const ENVOY = process.execPath;

interface Stage {
  readonly from: string;
  readonly lines: readonly (readonly [instruction: string, rest: string])[];
}

function stages(): ReadonlyMap<string, Stage> {
  const text = readFileSync(join(ROOT, 'docker/Dockerfile'), 'utf8')
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/\\\n\s*/g, '');
  const found = new Map<string, { from: string; lines: [string, string][] }>();
  let current: { from: string; lines: [string, string][] } | undefined;
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const [, instruction = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (instruction === 'FROM') {
      const [, from = '', name = ''] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
      current = { from, lines: [] };
      found.set(name, current);
    } else current?.lines.push([instruction, rest]);
  }
  return found;
}

/** With what it inherits. */
function linesOf(all: ReadonlyMap<string, Stage>, name: string): Stage['lines'] {
  const stage = all.get(name);
  return stage === undefined ? [] : [...linesOf(all, stage.from), ...stage.lines];
}

function pairs(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/([\w.]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
}

function configOf(lines: Stage['lines']): ImageParts['config'] {
  const all = (name: string): string[] => lines.filter(([one]) => one === name).map(([, rest]) => rest);
  return {
    user: all('USER').at(-1) ?? '',
    workingDir: all('WORKDIR').at(-1) ?? '',
    entrypoint: JSON.parse(all('ENTRYPOINT').at(-1) ?? '[]') as string[],
    env: Object.assign({}, ...all('ENV').map(pairs)) as Record<string, string>,
    labels: Object.assign({}, ...all('LABEL').map(pairs)) as Record<string, string>,
  };
}

/** Path -> mode of every file, and of folders that are for writing. */
function gathered(part: string, prefix: string): ReadonlyMap<string, number> {
  const out = join(folder, part);
  execFileSync('sh', [join(ROOT, 'docker/rootfs.sh'), part, out], {
    cwd: process.env['TOPSAIL_ROOT'],
    env: { ...process.env, ENVOY_PATH: ENVOY, PATH: `${process.env['PATH']}:/usr/sbin` },
  });
  const entries = readdirSync(out, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [entry, `${prefix}${path.slice(out.length + 1)}`, statSync(path).mode & 0o7777] as const;
  });
  return new Map(
    entries.filter(([entry, , mode]) => !entry.isDirectory() || mode !== 0o755).map(([, path, mode]) => [path, mode]),
  );
}

const SOURCES: Readonly<Record<string, readonly [part: string, prefix: string]>> = {
  '--from=build /out/base /': ['base', ''],
  '--from=build --chown=1337:1337 /out/home /var/lib': ['home', 'var/lib/'],
  '--from=build /out/topsail /': ['topsail', ''],
  '--from=build /out/bookshop /': ['bookshop', ''],
  '--from=envoy /out/envoy /': ['envoy', ''],
};

test('every image of the Dockerfile is the one of images build', { skip }, () => {
  const all = stages();
  const known = new Map<string, ReadonlyMap<string, number>>();
  for (const [name, { config, layers }] of imageParts(ENVOY)) {
    const lines = linesOf(all, name);
    assert.deepEqual(configOf(lines), config, name);
    const files = new Map<string, number>();
    for (const [instruction, rest] of lines) {
      if (instruction !== 'COPY') continue;
      const source = SOURCES[rest];
      assert.ok(source !== undefined, `COPY ${rest} is none that this test knows`);
      const of = known.get(rest) ?? gathered(...source);
      known.set(rest, of);
      for (const [path, mode] of of) files.set(path, mode);
    }
    const wanted = new Map(layers.flat().map((entry) => [entry.path, entry.mode]));
    assert.deepEqual(Object.fromEntries(files), Object.fromEntries(wanted), name);
  }
});

test('what the build does not need is not sent to it, and what it needs is', () => {
  const ignored = readFileSync(join(ROOT, 'docker/Dockerfile.dockerignore'), 'utf8').trim().split('\n');
  for (const one of ['.git', 'node_modules', 'dist', '.cache', '.topsail']) assert.ok(ignored.includes(one), one);
  for (const one of ['src', 'deploy', 'docker', 'tools', 'examples', 'proto'])
    assert.ok(!ignored.includes(one), `${one} is needed`);
});
