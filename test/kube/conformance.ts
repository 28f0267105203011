// The Gateway API's conformance suite: builds it once from the Go module in conformance/, and reads what it says.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type ImageArchitecture, makeImage, type OciImage } from '#controllers';
import type { Cluster } from './cluster.ts';
import { CACHE } from './programs.ts';
import { coreDnsImage } from './small-images.ts';

const MODULE = fileURLToPath(new URL('conformance', import.meta.url));
const FOLDER = join(CACHE, 'gateway-api');
const SUITE = join(FOLDER, 'conformance');
const ECHO = join(FOLDER, 'echo-basic');
/** Our stand-in: the project does not publish its own as a module. */
const MESH_ECHO = join(FOLDER, 'echo-advanced');
/** The experimental channel: retries are of it. */
export const GATEWAY_CRDS = join(FOLDER, 'experimental-kinds');

/** By the names that the suite's manifests have. */
const ECHO_IMAGES = ['v1.5.1', 'v1.6.0-dev.3'].map((tag) => `registry.k8s.io/gateway-api/echo-basic:${tag}`);

const MESH_ECHO_IMAGE = 'registry.k8s.io/gateway-api/echo-advanced:v1.5.1';

/** False where it is not there and Go, which would build it, is not either. */
export function buildConformance(say: (text: string) => void): boolean {
  if ([SUITE, ECHO, MESH_ECHO, GATEWAY_CRDS].every((path) => existsSync(path))) return true;
  const env = { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };
  const go = (...args: string[]): string =>
    execFileSync('go', args, { cwd: MODULE, env, encoding: 'utf8', stdio: 'pipe' });
  try {
    go('version');
  } catch {
    return false;
  }
  if (![SUITE, ECHO, MESH_ECHO].every((path) => existsSync(path))) {
    say('building the conformance suite of the Gateway API (about a minute)');
    mkdirSync(FOLDER, { recursive: true });
    go('test', '-c', '-trimpath', '-ldflags', '-s -w', '-o', SUITE, '.');
    go('build', '-trimpath', '-ldflags', '-s -w', '-o', ECHO, 'sigs.k8s.io/gateway-api/conformance/echo-basic');
    go('build', '-trimpath', '-ldflags', '-s -w', '-o', MESH_ECHO, './echo-advanced');
  }
  const kinds = join(go('list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/gateway-api').trim(), 'config/crd/experimental');
  mkdirSync(GATEWAY_CRDS, { recursive: true });
  for (const file of readdirSync(kinds).filter((name) => name.startsWith('gateway.')))
    cpSync(join(kinds, file), join(GATEWAY_CRDS, file), { mode: 0 });
  return true;
}

export function loadEchoImages(cluster: Cluster): void {
  const architecture: ImageArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const plain = { user: '', workingDir: '/', labels: {} };
  const image: OciImage = makeImage(architecture, { ...plain, env: {}, entrypoint: ['/echo-basic'] }, [
    [{ path: 'echo-basic', kind: 'file', mode: 0o755, content: readFileSync(ECHO) }],
  ]);
  for (const name of ECHO_IMAGES) cluster.load(name, image);
  // The suite runs `client` in the pods.
  const mesh = makeImage(architecture, { ...plain, env: { PATH: '/bin' }, entrypoint: ['/bin/server'] }, [
    [
      { path: 'bin/server', kind: 'file', mode: 0o755, content: readFileSync(MESH_ECHO) },
      { path: 'bin/client', kind: 'link', mode: 0o777, target: 'server' },
    ],
  ]);
  cluster.load(MESH_ECHO_IMAGE, mesh);
  cluster.load('registry.k8s.io/coredns/coredns:v1.12.2', coreDnsImage(join(cluster.programs, 'coredns')));
}

export interface SuiteOptions {
  readonly profiles: readonly string[];
  readonly features: readonly string[];
  /** Of the namespaces that the suite makes: `name=value`. */
  readonly namespaceLabels?: string;
  /** Names of tests, as a pattern. */
  readonly test?: string;
  readonly line?: (text: string) => void;
}

/** Outcome of each test by its name; of subtests, as the suite prints them. */
export async function runConformance(
  cluster: Cluster,
  options: SuiteOptions,
): Promise<ReadonlyMap<string, boolean | 'skipped'>> {
  const child = spawn(
    SUITE,
    [
      '-test.run',
      options.test === undefined ? 'TestConformance' : `TestConformance/^(${options.test})$`,
      '-test.v',
      '-test.timeout=30m',
      '-gateway-class=istio',
      `-conformance-profiles=${options.profiles.join(',')}`,
      `-supported-features=${options.features.join(',')}`,
      '-organization=topsail',
      '-project=topsail',
      '-url=https://example.com',
      '-version=0',
      '-contact=@topsail',
      '-allow-crds-mismatch',
      '-cleanup-base-resources=false',
      ...(options.namespaceLabels === undefined ? [] : [`-namespace-labels=${options.namespaceLabels}`]),
    ],
    { env: { ...process.env, KUBECONFIG: cluster.kubeconfig }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const outcomes = new Map<string, boolean | 'skipped'>();
  let rest = '';
  const take = (chunk: Buffer): void => {
    rest += chunk.toString();
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      options.line?.(line);
      const found = /^\s*--- (PASS|FAIL|SKIP): TestConformance\/(\S+)/.exec(line);
      if (found !== null) outcomes.set(found[2] as string, found[1] === 'SKIP' ? 'skipped' : found[1] === 'PASS');
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  await new Promise((resolve) => child.once('exit', resolve));
  return outcomes;
}

/** Gives Services of type LoadBalancer their own cluster address, as a cloud's controller gives them an outer one. */
export function startLoadBalancer(cluster: Cluster): () => void {
  const timer = setInterval(() => {
    const found = JSON.parse(cluster.kubectl(['get', 'services', '-A', '-o', 'json'])) as {
      items: {
        metadata: { name: string; namespace: string };
        spec: { type: string; clusterIP: string };
        status: { loadBalancer?: { ingress?: object[] } };
      }[];
    };
    for (const { metadata, spec, status } of found.items) {
      if (spec.type !== 'LoadBalancer' || status.loadBalancer?.ingress !== undefined) continue;
      const patch = { status: { loadBalancer: { ingress: [{ ip: spec.clusterIP, ipMode: 'Proxy' }] } } };
      cluster.try([
        '-n',
        metadata.namespace,
        'patch',
        'service',
        metadata.name,
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify(patch),
      ]);
    }
  }, 1000);
  return () => clearInterval(timer);
}
