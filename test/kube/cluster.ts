// A real cluster for tests: etcd, API server, controllers, scheduler, and nodes with kubelet and containerd in network namespaces.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { imageArchive, type OciImage } from '#controllers';
import { CACHE } from './programs.ts';
import { coreDnsImage, pauseImage } from './small-images.ts';

const bed = fileURLToPath(new URL('bed', import.meta.url));

export interface Cluster {
  readonly kubeconfig: string;
  /** Standard output of kubectl; throws with its error text. */
  kubectl(args: readonly string[], input?: string): string;
  /** As kubectl, but says whether it went well. */
  try(args: readonly string[], input?: string): { readonly ok: boolean; readonly text: string };
  /** Makes an image known on every node. */
  load(name: string, image: OciImage): void;
  readonly nodes: number;
  /** A node's own files: `cni` is its CNI configuration, `cnibin` a folder of plugins. */
  folder(node: number): string;
  /** The folder of the cluster's own programs. */
  readonly programs: string;
  down(): void;
}

export interface ClusterOptions {
  readonly programs: string;
  readonly nodes: number;
  readonly say: (text: string) => void;
  /** Name of the clusters on one machine, and the third part of its addresses. */
  readonly name?: string;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { programs, nodes, say } = options;
  const run = join(CACHE, `run-${options.name ?? 'topsail'}`);
  const images = bedImages(programs);
  const env = {
    ...process.env,
    TOPSAIL_KUBE_BIN: programs,
    TOPSAIL_KUBE_RUN: run,
    TOPSAIL_KUBE_IMAGES: images.join(' '),
    ...(options.name === undefined ? {} : { TOPSAIL_KUBE_CLUSTER: options.name }),
  };
  // What a killed run left behind.
  if (existsSync(run)) execFileSync(join(bed, 'down.sh'), { env, stdio: 'ignore' });
  await runScript(spawn(join(bed, 'up.sh'), [String(nodes)], { env, stdio: ['ignore', 'pipe', 'pipe'] }), say);
  const kubeconfig = join(run, 'admin.kubeconfig');
  const kubectl = (args: readonly string[], input?: string): string =>
    execFileSync(join(programs, 'kubectl'), ['--kubeconfig', kubeconfig, ...args], {
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 256 << 20,
      ...(input === undefined ? {} : { input }),
    });
  return {
    kubeconfig,
    nodes,
    folder: (node) => join(run, `n${node}`),
    programs,
    kubectl,
    try: (args, input) => {
      try {
        return { ok: true, text: kubectl(args, input) };
      } catch (error) {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
        return { ok: false, text: `${stdout}${stderr}` };
      }
    },
    load: (name, image) => {
      const path = writeImage(name, image);
      for (let n = 1; n <= nodes; n++)
        execFileSync(
          join(programs, 'ctr'),
          ['-a', join(run, `n${n}/containerd.sock`), '-n', 'k8s.io', 'images', 'import', '--local', path],
          { stdio: 'pipe' },
        );
    },
    down: () => void execFileSync(join(bed, 'down.sh'), { env, stdio: 'ignore' }),
  };
}

async function runScript(child: ChildProcess, say: (text: string) => void): Promise<void> {
  let text = '';
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      say(text.slice(0, end));
      text = text.slice(end + 1);
    }
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  const status = await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  if (status !== 0) throw new Error(`the cluster did not start (status ${status}); the logs are in ${CACHE}`);
}

function bedImages(programs: string): readonly string[] {
  const dns = imagePath('bed.local/coredns:1');
  return [
    writeImage('bed.local/pause:1', pauseImage()),
    existsSync(dns) ? dns : writeImage('bed.local/coredns:1', coreDnsImage(join(programs, 'coredns'))),
  ];
}

function imagePath(name: string): string {
  return join(CACHE, 'images', `${name.replaceAll(/[/:]/g, '_')}.tar`);
}

function writeImage(name: string, image: OciImage): string {
  const path = imagePath(name);
  mkdirSync(join(CACHE, 'images'), { recursive: true });
  const file = openSync(path, 'w');
  for (const chunk of imageArchive(name, [image])) writeSync(file, chunk);
  closeSync(file);
  return path;
}

/** The last lines of every log of the cluster's own programs: for a failure's report. */
export function clusterLogs(name = 'topsail', lines = 5): string {
  const folder = join(CACHE, `run-${name}`, 'log');
  if (!existsSync(folder)) return '';
  return (
    execFileSync('sh', ['-c', `tail -n ${lines} ${folder}/*.log`], { encoding: 'utf8' }) +
    readFileSync('/proc/loadavg', 'utf8')
  );
}
