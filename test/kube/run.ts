// npm run test:k8s: runs each test of this folder in a real cluster of its own and takes it down; every step with its time.
// While one test runs, the cluster of the next one starts.
// Arguments: names of test files (without .test.ts) to run only these; --keep leaves the cluster up; --nodes N.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { type Cluster, clusterLogs, SLOTS, startCluster } from './cluster.ts';
import { findPrograms, missingTools } from './programs.ts';
import { programOptions } from '../../tools/program-options.ts';

/** One file's default export: its steps run in order. */
export interface KubeTest {
  readonly title: string;
  /** How many it needs at least. */
  readonly nodes?: number;
  /** Its cluster has IPv6 beside IPv4. */
  readonly dualStack?: boolean;
  /** About how long it takes: longer ones go first, so that each finds its cluster up. */
  readonly seconds: number;
  /** It loads its images itself. */
  readonly withoutImages?: boolean;
  /** Why it runs only by its name, or with TOPSAIL_TEST_LONG. */
  readonly long?: string;
  run(cluster: Cluster, step: Step): Promise<void>;
}

export type Step = <T>(title: string, work: () => Promise<T> | T) => Promise<T>;

const here = fileURLToPath(new URL('.', import.meta.url));
const started = performance.now();
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values, positionals } = programOptions(import.meta.filename, {
    allowPositionals: true,
    options: { keep: { type: 'boolean' }, nodes: { type: 'string', default: '1' } },
  });
  if (process.platform !== 'linux') return cannot('a Linux machine is needed for kubelet and containerd.');
  if (process.getuid?.() !== 0)
    return cannot(
      'root is needed for network namespaces and cgroups: run it in a container or a virtual machine with sudo.',
    );
  const missing = missingTools();
  if (missing.length > 0)
    return cannot(
      `these packages are missing: ${missing.join(', ')}. Install them: apt-get install -y ${missing.join(' ')}`,
    );
  const programs = findPrograms(say);
  if ('problem' in programs) return cannot(programs.problem);
  const files = readdirSync(here).filter(
    (name) =>
      name.endsWith('.test.ts') &&
      (positionals.length === 0 || positionals.includes(name.slice(0, -'.test.ts'.length))),
  );
  const tests: KubeTest[] = [];
  for (const file of files) {
    const test = ((await import(join(here, file))) as { default: KubeTest }).default;
    if (test.long !== undefined && positionals.length === 0 && process.env['TOPSAIL_TEST_LONG'] === undefined)
      say(`${file}: not run, ${test.long}: name it, or set TOPSAIL_TEST_LONG`);
    else tests.push(test);
  }
  tests.sort((a, b) => b.seconds - a.seconds);
  const failures = await runAll(tests, {
    programs: programs.folder,
    least: Number(values.nodes),
    keep: values.keep === true,
  });
  say(`${failures === 0 ? 'all well' : `${failures} failed`} in ${seconds(started)}`);
  return failures === 0 ? 0 : 1;
}

/** What one test leaves behind must not be another's beginning; the next cluster is ready when it is needed. */
async function runAll(
  tests: readonly KubeTest[],
  { programs, least, keep }: { readonly programs: string; readonly least: number; readonly keep: boolean },
): Promise<number> {
  const begin = (i: number): Promise<Cluster> | undefined => {
    const test = tests[i];
    const slot = SLOTS[i % SLOTS.length] ?? SLOTS[0];
    if (test === undefined) return undefined;
    const started = prepared(test, programs, Math.max(least, test.nodes ?? 1), slot);
    // It is looked at when its turn comes.
    started.catch(() => {});
    return started;
  };
  let failures = 0;
  let going = Promise.resolve();
  let next = begin(0);
  for (const [i, test] of tests.entries()) {
    const waited = performance.now();
    let cluster: Cluster;
    try {
      cluster = await (next as Promise<Cluster>);
    } catch (error) {
      say(`\n${test.title}: ${String(error)}`);
      failures++;
      next = begin(i + 1);
      continue;
    }
    say(`\n${test.title} (waited ${seconds(waited)} for its cluster)`);
    // The slot of the next one is that of the one before.
    next = keep ? undefined : going.then(() => begin(i + 1) as Promise<Cluster>);
    next?.catch(() => {});
    failures += await runTest(test, cluster);
    if (keep) {
      say(`left up: export KUBECONFIG=${cluster.kubeconfig}`);
      next = i + 1 < tests.length ? begin(i + 1) : undefined;
    } else going = cluster.down();
  }
  await going;
  return failures;
}

async function prepared(
  { title, withoutImages, dualStack = false }: KubeTest,
  programs: string,
  nodes: number,
  slot: (typeof SLOTS)[number],
): Promise<Cluster> {
  const up = performance.now();
  const cluster = await startCluster({
    programs,
    nodes,
    slot,
    dualStack,
    say: (text) => say(`    [${title}] ${text}`),
  });
  if (withoutImages !== true)
    for (const [name, image] of buildImages()) await cluster.preload(`topsail.local/${name}:${VERSION}`, image);
  say(`    [${title}] cluster of ${nodes} node(s): up in ${seconds(up)}`);
  return cluster;
}

/** Without what it needs the rung is skipped on a developer's machine and fails in CI. */
function cannot(reason: string): number {
  say(`test:k8s cannot run here: ${reason}`);
  return (process.env['CI'] ?? '') === '' ? 0 : 1;
}

async function runTest(test: KubeTest, cluster: Cluster): Promise<number> {
  const step: Step = async (title, work) => {
    const begun = performance.now();
    try {
      const result = await work();
      say(`  ✔ ${title} (${seconds(begun)})`);
      return result;
    } catch (error) {
      say(`  ✘ ${title} (${seconds(begun)})`);
      throw error;
    }
  };
  try {
    await test.run(cluster, step);
    return 0;
  } catch (error) {
    const { stack, stdout, stderr } = error as { stack?: string; stdout?: string; stderr?: string };
    say(`${stack ?? String(error)}\n${stdout ?? ''}${stderr ?? ''}`);
    if (process.env['TOPSAIL_KUBE_LOGS'] !== undefined) say(clusterLogs(cluster.slot));
    return 1;
  }
}

// A step that failed may leave its load behind.
process.exit(await main());
