// What the CNI plugin needs on a node, copied there from the agent's image: Node, nft, their libraries, and the plugin; one folder
// per content, and a small program in front that names the present one.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { PLUGIN_TYPE } from '#cni';
import { NFT_PATH, parseLdd } from '#controllers';

const FOLDER = `${PLUGIN_TYPE}.d`;
const LIBRARIES = 'lib';

/** `mounted`: the node's folder as the agent sees it; `real`: as the node does. */
export function installHostFiles(mounted: string, real: string): void {
  const files = wanted();
  const loader = [...files.keys()].find((path) => /^lib\/ld-linux/.test(path));
  if (loader === undefined) throw new Error('the image has no dynamic loader');
  const name = digestOf(files);
  const folder = join(mounted, FOLDER, name);
  if (!existsSync(folder)) {
    const fresh = `${folder}.new`;
    rmSync(fresh, { recursive: true, force: true });
    for (const [path, from] of files) {
      mkdirSync(dirname(join(fresh, path)), { recursive: true });
      copyFileSync(from, join(fresh, path));
      chmodSync(join(fresh, path), 0o755);
    }
    writeFileSync(join(fresh, 'package.json'), '{"type":"module"}\n');
    renameSync(fresh, folder);
  }
  const program = join(mounted, `.${PLUGIN_TYPE}.new`);
  writeFileSync(program, starter(join(real, FOLDER, name), loader), { mode: 0o755 });
  chmodSync(program, 0o755);
  renameSync(program, join(mounted, PLUGIN_TYPE));
  // A call that began before still reads its own.
  for (const other of readdirSync(join(mounted, FOLDER)))
    if (other !== name) rmSync(join(mounted, FOLDER, other), { recursive: true, force: true });
}

export function removeHostFiles(mounted: string): void {
  rmSync(join(mounted, PLUGIN_TYPE), { force: true });
  rmSync(join(mounted, FOLDER), { recursive: true, force: true });
}

/** By path below the folder: where it comes from. */
function wanted(): ReadonlyMap<string, string> {
  const entry = process.argv[1] as string;
  const root = dirname(dirname(entry));
  const files = new Map([
    ['node', process.execPath],
    ['nft', NFT_PATH],
    ['cni-plugin.js', join(dirname(entry), 'cni-plugin.js')],
  ]);
  for (const program of [process.execPath, NFT_PATH])
    for (const path of librariesOf(program)) files.set(`${LIBRARIES}/${basename(path)}`, path);
  for (const name of ['koffi', `@koromix/koffi-linux-${process.arch}`]) {
    const folder = join(root, 'node_modules', name);
    for (const found of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(found.parentPath, found.name);
      if (found.isFile()) files.set(path.slice(root.length + 1), path);
    }
  }
  return files;
}

/** The loader itself tells, as ldd does. */
function librariesOf(program: string): readonly string[] {
  const env = { ...process.env, LD_TRACE_LOADED_OBJECTS: '1' };
  const { paths, missing } = parseLdd(execFileSync(program, [], { env, encoding: 'utf8' }));
  if (missing.length > 0) throw new Error(`${program} needs ${missing.join(', ')}, which the image does not have`);
  return paths;
}

function digestOf(files: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const [path, from] of files) hash.update(`${path}\n`).update(readFileSync(from));
  return hash.digest('hex').slice(0, 16);
}

function starter(folder: string, loader: string): string {
  const quoted = `'${folder.replaceAll("'", `'\\''`)}'`;
  return `#!/bin/sh
# Written by Topsail's CNI agent (DaemonSet istio-cni-node).
d=${quoted}
unset NODE_OPTIONS LD_PRELOAD LD_LIBRARY_PATH
export TOPSAIL_CNI_LOADER="$d/${loader}"
exec "$TOPSAIL_CNI_LOADER" --library-path "$d/${LIBRARIES}" "$d/node" --max-semi-space-size=1 "$d/cni-plugin.js"
`;
}
