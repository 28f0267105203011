// Another version of this repository, cloned and bundled in .cache/versions, once.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '../..');
const COMMITS_AGO = 100;

/** Its folder, with its bundle. Without `ref`, the newest tag that is not here, else what was here a hundred commits ago. */
export function otherVersion(ref: string = newestTag() ?? `HEAD~${COMMITS_AGO}`): string {
  const commit = git('rev-parse', '--verify', `${ref}^{commit}`);
  const folder = join(root, '.cache/versions', commit.slice(0, 12));
  if (existsSync(join(folder, 'dist/topsail.js'))) return folder;
  process.stdout.write(`${ref} is cloned and bundled in ${folder}\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  git('clone', '--quiet', '--no-checkout', root, folder);
  git('-C', folder, 'checkout', '--quiet', '--detach', commit);
  const made = spawnSync(process.execPath, ['tools/run.js', 'bundle'], { cwd: folder, stdio: 'inherit' });
  if (made.status !== 0) throw new Error(`${ref} could not be bundled in ${folder}`);
  return folder;
}

function newestTag(): string | undefined {
  const [tag] = git('tag', '--list', 'v*', '--no-contains', 'HEAD', '--sort=-version:refname').split('\n');
  return tag === '' ? undefined : tag;
}

function git(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('git', [...args], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
}
