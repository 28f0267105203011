// npm run test:k8s: runs each test of this folder in a real cluster of its own and takes it down; every step with its time.
// Arguments: names of test files (without .test.ts) to run only these; --keep leaves the cluster up; --nodes N.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Cluster, clusterLogs, startCluster } from './cluster.ts';
import { findPrograms, missingTools } from './programs.ts';

/** One file's default export: its steps run in order. */
export interface KubeTest {
  readonly title: string;
  /** How many it needs at least. */
  readonly nodes?: number;
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
  const { values, positionals } = parseArgs({
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
  let failures = 0;
  for (const file of files) {
    const { long } = ((await import(join(here, file))) as { default: KubeTest }).default;
    if (long !== undefined && positionals.length === 0 && process.env['TOPSAIL_TEST_LONG'] === undefined) {
      say(`\n${file}: not run, ${long}: name it, or set TOPSAIL_TEST_LONG`);
      continue;
    }
    failures += await inOwnCluster(file, programs.folder, Number(values.nodes), values.keep === true);
  }
  say(`${failures === 0 ? 'all well' : `${failures} failed`} in ${seconds(started)}`);
  return failures === 0 ? 0 : 1;
}

/** What one file leaves behind must not be another's beginning, and a cluster takes 8 s. */
async function inOwnCluster(file: string, programs: string, least: number, keep: boolean): Promise<number> {
  const up = performance.now();
  const test = ((await import(join(here, file))) as { default: KubeTest }).default;
  const nodes = Math.max(least, test.nodes ?? 1);
  const cluster = await startCluster({ programs, nodes, say: (text) => say(`    ${text}`) });
  say(`cluster of ${nodes} node(s): up in ${seconds(up)}`);
  try {
    return await runTest(test, cluster);
  } finally {
    if (keep) say(`left up: export KUBECONFIG=${cluster.kubeconfig}`);
    else {
      const down = performance.now();
      cluster.down();
      say(`cluster: down in ${seconds(down)}`);
    }
  }
}

/** Without what it needs the rung is skipped on a developer's machine and fails in CI. */
function cannot(reason: string): number {
  say(`test:k8s cannot run here: ${reason}`);
  return (process.env['CI'] ?? '') === '' ? 0 : 1;
}

async function runTest(test: KubeTest, cluster: Cluster): Promise<number> {
  say(`\n${test.title}`);
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
    if (process.env['TOPSAIL_KUBE_LOGS'] !== undefined) say(clusterLogs());
    return 1;
  }
}

// A step that failed may leave its load behind.
process.exit(await main());
