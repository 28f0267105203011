// Generates TypeScript for the protobuf messages that the project speaks.
//
// Envoy's `.proto` files come from the npm package @grpc/grpc-js-xds, ours from proto/own. The
// import closure of tools/proto-roots.ts is copied into a staging folder and compiled by buf with
// protoc-gen-es in one process (`strategy: all`; a process per folder took 3 minutes).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { withAdditions } from './proto-additions.ts';
import { ENVOY_ROOTS } from './proto-roots.ts';

const root = join(import.meta.dirname, '..');
const deps = join(root, 'node_modules/@grpc/grpc-js-xds/deps');
const includes = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map((d) => join(deps, d));
const own = join(root, 'proto/own');
const staging = join(root, '.cache/proto');
const out = join(root, 'src/proto/gen');

/** The package's validate.proto is older than its Envoy files: `ignore_empty` is missing in StringRules. */
function patchValidate(text: string): string {
  if (/message StringRules \{[^]*?ignore_empty[^]*?\n\}/.test(text)) return text;
  return text.replace(/(message StringRules \{)/, '$1\n    optional bool ignore_empty = 26;');
}

function locate(path: string): string | undefined {
  for (const base of [own, ...includes]) {
    const full = join(base, path);
    if (existsSync(full)) return full;
  }
  return undefined;
}

function walk(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? walk(join(dir, e.name)) : e.name.endsWith('.proto') ? [join(dir, e.name)] : [],
  );
}

const missing: string[] = [];
const seen = new Set<string>();
const queue = [...ENVOY_ROOTS, ...walk(own).map((p) => relative(own, p))];
rmSync(staging, { recursive: true, force: true });
while (queue.length > 0) {
  const path = queue.pop() as string;
  if (seen.has(path) || path.startsWith('google/protobuf/')) continue;
  seen.add(path);
  const source = locate(path);
  if (source === undefined) {
    missing.push(path);
    continue;
  }
  let text = withAdditions(path, readFileSync(source, 'utf8'));
  if (path === 'validate/validate.proto') text = patchValidate(text);
  const target = join(staging, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  for (const m of text.matchAll(/^\s*import\s+(?:public\s+|weak\s+)?"([^"]+)"/gm)) queue.push(m[1] as string);
}
if (missing.length > 0) {
  console.error(`gen-proto: no include folder has: ${missing.join(', ')}`);
  console.error('Write a stub below proto/own, or take the root out of tools/proto-roots.ts.');
  process.exit(1);
}

writeFileSync(join(staging, 'buf.yaml'), 'version: v2\nmodules:\n  - path: .\n');
const bin = join(root, 'node_modules/.bin');
const template = {
  version: 'v2',
  plugins: [
    {
      local: [process.execPath, join(root, 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es')],
      out,
      strategy: 'all',
      opt: ['target=ts', 'erasable_syntax=true', 'import_extension=ts'],
    },
  ],
};
const fresh = `${out}.new`;
rmSync(fresh, { recursive: true, force: true });
template.plugins[0]!.out = fresh;
const buf = spawnSync(join(bin, 'buf'), ['generate', '--template', JSON.stringify(template)], {
  cwd: staging,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` },
});
if (buf.status !== 0) process.exit(buf.status ?? 1);
rmSync(out, { recursive: true, force: true });
cpSync(fresh, out, { recursive: true });
rmSync(fresh, { recursive: true, force: true });
console.log(`gen-proto: ${seen.size} files`);
await import('./gen-light.ts');
