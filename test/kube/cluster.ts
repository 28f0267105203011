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
  /** Makes an image known on every node; one that was preloaded is known. */
  load(name: string, image: OciImage): void;
  preload(name: string, image: OciImage): Promise<void>;
  readonly nodes: number;
  /** A node's own files: `cni` is its CNI configuration, `cnibin` a folder of plugins. */
  folder(node: number): string;
  /** The folder of the cluster's own programs. */
  readonly programs: string;
  /** One of the clusters that this machine may have at a time. */
  readonly slot: Slot;
  down(): Promise<void>;
}

/** Two clusters at once: while one runs a test, the next one starts. */
export const SLOTS = [
  { name: 'topsail', net6: 'fd00:d2', env: {} },
  {
    name: 'topsail2',
    net6: 'fd00:d3',
    env: {
      TOPSAIL_KUBE_CLUSTER: 'topsail2',
      TOPSAIL_KUBE_NET: '10.211.0',
      TOPSAIL_KUBE_POD_NET: '10.215',
      TOPSAIL_KUBE_SVC_NET: '10.217',
    },
  },
] as const;
export type Slot = (typeof SLOTS)[number];

export interface ClusterOptions {
  readonly programs: string;
  readonly nodes: number;
  readonly say: (text: string) => void;
  readonly slot: Slot;
  /** Nodes, pods and services have IPv6 addresses too. */
  readonly dualStack: boolean;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { programs, nodes, say, slot, dualStack } = options;
  const run = join(CACHE, `run-${slot.name}`);
  const images = bedImages(programs);
  const env = {
    ...process.env,
    TOPSAIL_KUBE_BIN: programs,
    TOPSAIL_KUBE_RUN: run,
    TOPSAIL_KUBE_IMAGES: images.join(' '),
    ...slot.env,
    ...(dualStack ? { TOPSAIL_KUBE_NET6: slot.net6 } : {}),
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
  const known = new Map<string, string>();
  const imports = (name: string, image: OciImage): readonly (readonly string[])[] => {
    const { digest } = image.manifest;
    if (known.get(name) === digest) return [];
    known.set(name, digest);
    const path = writeImage(name, image);
    return Array.from({ length: nodes }, (_, i) => [
      ...['-a', join(run, `n${i + 1}/containerd.sock`), '-n', 'k8s.io'],
      ...['images', 'import', '--local', path],
    ]);
  };
  const ctr = join(programs, 'ctr');
  return {
    kubeconfig,
    slot,
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
      for (const args of imports(name, image)) execFileSync(ctr, args, { stdio: 'pipe' });
    },
    preload: async (name, image) => {
      for (const args of imports(name, image)) await ended(spawn(ctr, args, { stdio: 'ignore' }), `import of ${name}`);
    },
    down: () => ended(spawn(join(bed, 'down.sh'), { env, stdio: 'ignore' }), 'down.sh'),
  };
}

async function ended(child: ChildProcess, what: string): Promise<void> {
  const status = await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  if (status !== 0) throw new Error(`${what} ended with ${status}`);
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
  await ended(child, `the start of the cluster (the logs are in ${CACHE})`);
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

const written = new Map<string, string>();

/** Once in a run, whatever clusters it is for. */
function writeImage(name: string, image: OciImage): string {
  const path = imagePath(name);
  if (written.get(path) === image.manifest.digest) return path;
  written.set(path, image.manifest.digest);
  mkdirSync(join(CACHE, 'images'), { recursive: true });
  const file = openSync(path, 'w');
  for (const chunk of imageArchive(name, [image])) writeSync(file, chunk);
  closeSync(file);
  return path;
}

/** The last lines of every log of the cluster's own programs: for a failure's report. */
export function clusterLogs({ name }: Slot, lines = 5): string {
  const folder = join(CACHE, `run-${name}`, 'log');
  if (!existsSync(folder)) return '';
  return (
    execFileSync('sh', ['-c', `tail -n ${lines} ${folder}/*.log`], { encoding: 'utf8' }) +
    readFileSync('/proc/loadavg', 'utf8')
  );
}
