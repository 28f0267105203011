// Runs a task of the project with nothing but Node >= 18 and npm at hand: installs what the
// lockfile names, finds the pinned Node, brings generated code up to date, then starts the task.
// Plain JavaScript, because the Node that runs it may be too old for TypeScript.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FLOOR = [24, 21];
const TASKS = {
  start: {
    needs: ['install', 'generate', 'bundle'],
    script: 'src/main/cli.ts',
    bundled: 'dist/topsail.js',
    args: ['demo'],
  },
  setup: { needs: ['install', 'generate'] },
  test: { needs: ['install', 'generate', 'bundle'], script: 'tools/test.ts', help: 'tools/test-help.txt' },
  ok: { needs: ['install', 'generate'], script: 'tools/ok.ts' },
  bench: { needs: ['install', 'generate', 'bundle'], script: 'bench/run.ts' },
  generate: { needs: ['install'], script: 'tools/gen-proto.ts' },
  bundle: { needs: ['install', 'generate'], script: 'tools/bundle.ts' },
  golden: { needs: ['install', 'generate'], script: 'tools/golden.ts' },
  format: { needs: ['install'], script: 'tools/format.ts' },
  scenarios: { needs: ['install', 'generate', 'bundle'], script: 'test/scenarios/list/report.ts' },
  screenshots: { needs: ['install', 'generate', 'bundle'], script: 'tools/screenshots.ts' },
  'test:k8s': { needs: ['install', 'generate', 'bundle'], script: 'test/kube/run.ts' },
};

function stop(message) {
  process.stderr.write(`topsail: ${message}\n`);
  process.exit(1);
}

const SETUP_REMEDY =
  'Setting up writes into the folder of the clone: make it writable for this user, or clone into a folder of your own.';
const OFFLINE_REMEDY =
  'npm could not reach its registry: check the network, or name a mirror with `npm config set registry URL`, and run the same command again.';

/** What the first run keeps lies in `.cache`. */
function makeCache() {
  try {
    mkdirSync(join(root, '.cache'), { recursive: true });
  } catch (error) {
    stop(`${error.message}. ${SETUP_REMEDY}`);
  }
}

function hashOf(paths) {
  const hash = createHash('sha256');
  const add = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) if (name !== 'gen' && name !== 'node_modules') add(join(path, name));
    } else hash.update(path).update('\0').update(readFileSync(full));
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/** A step whose inputs hash to the same value as last time is skipped. */
function stamped(name, inputs, outputs, work) {
  const stamp = join(root, '.cache', `${name}.stamp`);
  const want = hashOf(inputs);
  const done =
    existsSync(stamp) && readFileSync(stamp, 'utf8') === want && outputs.every((o) => existsSync(join(root, o)));
  if (done) return Promise.resolve();
  makeCache();
  return work().then(() => {
    writeFileSync(stamp, want);
  });
}

/** Runs a command quietly: one line that tells the time, the whole output only when it fails. */
function quiet(label, command, args, options = {}) {
  return new Promise((resolve) => {
    const logPath = join(root, '.cache', `${label.replace(/\W+/g, '-')}.log`);
    const log = createWriteStream(logPath);
    log.on('error', (error) => stop(`${error.message}. ${SETUP_REMEDY}`));
    const started = Date.now();
    const tty = process.stderr.isTTY && !process.env.CI;
    const draw = () => process.stderr.write(`\r\x1b[2K${label} … ${Math.round((Date.now() - started) / 1000)} s`);
    const timer = tty ? setInterval(draw, 200) : undefined;
    if (tty) draw();
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    const finish = (code, reason) => {
      if (timer) clearInterval(timer);
      if (tty) process.stderr.write('\r\x1b[2K');
      log.end(() => {
        if (code === 0) {
          process.stderr.write(`${label}: done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
          resolve();
          return;
        }
        const said = readFileSync(logPath, 'utf8');
        process.stderr.write(`${said}\n`);
        const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED/.test(said);
        const full = /ENOSPC|EDQUOT/.test(said);
        const remedy = offline
          ? ` ${OFFLINE_REMEDY}`
          : full
            ? ' The disk is full: make room and run the same command again.'
            : '';
        stop(`${label} failed (${reason}). The whole output is above.${remedy}`);
      });
    };
    child.on('error', (error) => finish(1, error.message));
    child.on('close', (code, signal) => finish(code ?? 1, signal ?? `exit status ${code}`));
  });
}

function packagedNode() {
  return join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
}

function versionOf(node) {
  const out = spawnSync(node, ['--version'], { encoding: 'utf8' });
  const match = /^v(\d+)\.(\d+)\./.exec(out.stdout ?? '');
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

function atLeastFloor(version) {
  return version !== undefined && (version[0] > FLOOR[0] || (version[0] === FLOOR[0] && version[1] >= FLOOR[1]));
}

/** The Node that everything runs under: the pinned one, else this one when it is new enough. */
function findNode() {
  const pinned = packagedNode();
  if (existsSync(pinned) && atLeastFloor(versionOf(pinned))) return pinned;
  const own = process.versions.node.split('.').map(Number);
  if (atLeastFloor(own)) return process.execPath;
  return stop(
    `needs Node ${FLOOR.join('.')} or newer. This is Node ${process.versions.node}, and npm has no packaged Node for ` +
      `${process.platform} ${process.arch}: install Node ${FLOOR[0]} and run the same command again.`,
  );
}

function npmCommand(node) {
  const viaNpm = process.env.npm_execpath;
  if (viaNpm && /\.c?js$/.test(viaNpm) && existsSync(viaNpm)) return [node, [viaNpm]];
  return ['npm', []];
}

const NPM_FLAGS = ['--ignore-scripts', '--no-audit', '--no-fund', '--include=optional', '--loglevel=error'];

/** Settings of the npm that started us must not leak into the one that we start. */
function npmEnv() {
  const env = { ...process.env };
  for (const key of Object.keys(env)) {
    if (!/^npm_(config_|package_|lifecycle_|command)/i.test(key)) continue;
    // Where packages come from and are kept is the machine's, not the command's.
    if (!/^npm_config_(cache|registry|.*proxy|cafile)$/i.test(key)) delete env[key];
  }
  return env;
}

/**
 * npm leaves out optional packages that ask for a newer Node than it runs on: native parts of our tools would be
 * missing. On an old Node the pinned one is fetched first, and npm runs under that.
 */
async function nodeForNpm() {
  if (atLeastFloor(process.versions.node.split('.').map(Number))) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies[name];
  if (version === undefined) return process.execPath;
  const folder = join(root, '.cache', 'npm-node');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const [command, args] = npmCommand(process.execPath);
  const env = npmEnv();
  await quiet('Fetching Node', command, [...args, 'install', ...NPM_FLAGS, `${name}@${version}`], { env, cwd: folder });
  return join(folder, 'node_modules', name, 'bin', 'node');
}

function install() {
  return stamped('install', ['package-lock.json'], ['node_modules'], async () => {
    const node = await nodeForNpm();
    const [command, args] = npmCommand(node);
    const env = npmEnv();
    env.PATH = `${dirname(node)}${delimiter}${env.PATH ?? ''}`;
    await quiet('Installing packages', command, [...args, 'ci', '--include=dev', ...NPM_FLAGS], { env });
    rmSync(join(root, '.cache', 'npm-node'), { recursive: true, force: true });
  });
}

function generate(node) {
  const inputs = [
    'tools/gen-proto.ts',
    'tools/gen-light.ts',
    'tools/proto-roots.ts',
    'tools/proto-additions.ts',
    'proto/own',
    'package-lock.json',
  ];
  return stamped('generate', inputs, ['src/proto/gen'], () =>
    quiet('Generating protobuf code', node, ['tools/gen-proto.ts']),
  );
}

function bundle(node) {
  if (!existsSync(join(root, 'tools/bundle.ts'))) return Promise.resolve();
  const inputs = [
    'src',
    'proto/own',
    'tools/bundle.ts',
    'tools/gen-proto.ts',
    'tools/gen-light.ts',
    'examples/bookshop',
    'dashboard',
    'docs/reference/topsail.schema.json',
    'tools/bundle-dashboard.ts',
    'package-lock.json',
  ];
  return stamped('bundle', inputs, ['dist/topsail.js', 'dist/dashboard/index.html'], () =>
    quiet('Bundling', node, ['tools/bundle.ts']),
  );
}

/** Starts the task; signals and the end of whoever started us reach it, its exit status is ours. */
function runTask(node, task, args) {
  const bundled = task.bundled && existsSync(join(root, task.bundled));
  const script = join(root, bundled ? task.bundled : task.script);
  const env = { ...process.env, NODE_COMPILE_CACHE: join(root, '.cache/node'), TOPSAIL_ROOT: root };
  // The heap of this launcher is not needed any more; the child may live for days.
  const child = spawn(node, [...(task.nodeArgs ?? []), script, ...(task.args ?? []), ...args], {
    stdio: 'inherit',
    env,
  });
  const parent = process.ppid;
  const orphanWatch = setInterval(() => {
    if (process.ppid === parent) return;
    // Once: a second one would cut short what the first one began.
    clearInterval(orphanWatch);
    child.kill('SIGTERM');
  }, 1000);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // Ctrl-C reaches the child from the terminal itself; a SIGINT sent to us alone is passed on a second later.
  process.on('SIGINT', () => setTimeout(() => child.kill('SIGTERM'), 1000));
  child.on('error', (error) => stop(`cannot start ${script}: ${error.message}`));
  child.on('close', (code, signal) => {
    clearInterval(orphanWatch);
    if (signal === 'SIGKILL') process.stderr.write(`topsail: ${basename(script)} was killed (SIGKILL).\n`);
    process.exit(code ?? { SIGINT: 130, SIGKILL: 137 }[signal] ?? 143);
  });
}

const name = process.argv[2] ?? '';
const task = TASKS[name];
if (task === undefined) stop(`unknown task '${name}'. Tasks: ${Object.keys(TASKS).join(', ')}`);
if (process.platform === 'win32') stop('does not run on Windows itself. Use WSL 2 and run the same command there.');
if (Number(process.versions.node.split('.')[0]) < 18)
  stop(`needs Node 18 or newer to start; this is ${process.versions.node}.`);

const args = process.argv.slice(3);
if (task.help !== undefined && (args.includes('--help') || args.includes('-h'))) {
  process.stdout.write(readFileSync(join(root, task.help), 'utf8'));
  process.exit(0);
}
if (task.needs.includes('install')) await install();
let node = process.execPath;
try {
  node = findNode();
} catch {
  rmSync(join(root, '.cache/install.stamp'), { force: true });
}
if (task.needs.includes('generate')) await generate(node);
if (task.needs.includes('bundle')) await bundle(node);
if (task.script !== undefined) runTask(node, task, args);
