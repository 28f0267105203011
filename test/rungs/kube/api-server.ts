// A real API server for one test file: etcd and kube-apiserver on loopback, without root, in about three seconds.
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crdOf, type KindInfo, KINDS, type KindName, KIND_NAMES } from '#config';
import { KubeHttp } from '#io';
import { type KubeAccess, KubeClient, type KubeObject, RESOURCES } from '#kube';
import { testPorts } from '../../mesh/test-ports.ts';

/** Many times what an idle machine needs. */
const READY_WITHIN_MS = 120_000;

export interface ApiServer {
  readonly folder: string;
  readonly kubeconfig: string;
  readonly access: KubeAccess;
  readonly client: KubeClient;
  stop(): Promise<void>;
}

/** KUBEBUILDER_ASSETS, TOPSAIL_KUBE_BIN, then the project's own cache; undefined when none holds both programs. */
export function findKubePrograms(): string | undefined {
  const root = join(import.meta.dirname, '../../..');
  const folders = [process.env['KUBEBUILDER_ASSETS'], process.env['TOPSAIL_KUBE_BIN'], join(root, '.cache/kube/bin')];
  return folders.find(
    (folder) => folder !== undefined && ['etcd', 'kube-apiserver'].every((name) => existsSync(join(folder, name))),
  );
}

/** Why a test of this folder cannot run here; undefined when it can. In CI that is a failure. */
export function missingKube(): string | undefined {
  return findKubePrograms() === undefined
    ? "no etcd and kube-apiserver: set KUBEBUILDER_ASSETS, or run 'npm run test:k8s' once"
    : undefined;
}

export const skipWithoutKube =
  process.env['CI'] === undefined && missingKube() !== undefined ? { skip: missingKube() as string } : {};

export async function startApiServer(options: { readonly crds?: boolean } = {}): Promise<ApiServer> {
  const bin = findKubePrograms();
  if (bin === undefined) throw new Error(missingKube());
  const folder = mkdtempSync(join(tmpdir(), 'topsail-kube-'));
  mkdirSync(join(folder, 'etcd'), { mode: 0o700 });
  const [etcdPort = 0, peerPort = 0, port = 0] = await testPorts(3);
  const token = randomBytes(16).toString('hex');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(join(folder, 'tokens'), `${token},admin,1,system:masters\n`);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const etcd = start(join(bin, 'etcd'), [
    '--data-dir',
    join(folder, 'etcd'),
    '--unsafe-no-fsync',
    '--log-level',
    'error',
    '--listen-client-urls',
    etcdUrl,
    '--advertise-client-urls',
    etcdUrl,
    '--listen-peer-urls',
    `http://127.0.0.1:${peerPort}`,
  ]);
  const issuer = 'https://kubernetes.default.svc';
  const server = start(join(bin, 'kube-apiserver'), [
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    `--cert-dir=${folder}`,
    '--service-cluster-ip-range=10.96.0.0/12',
    '--authorization-mode=RBAC',
    `--token-auth-file=${join(folder, 'tokens')}`,
    `--service-account-issuer=${issuer}`,
    `--service-account-key-file=${join(folder, 'sa.key')}`,
    `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
    `--api-audiences=${issuer}`,
    '--disable-admission-plugins=ServiceAccount',
  ]);
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigText(port, token));
  const access: KubeAccess = {
    server: `https://127.0.0.1:${port}`,
    insecure: true,
    serverName: '',
    token: { text: token },
    namespace: 'default',
  };
  const transport = new KubeHttp({ access, userAgent: 'topsail-test' });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  const stop = async (): Promise<void> => {
    transport.close();
    // The API server hangs in its orderly end when etcd goes first.
    for (const child of [server, etcd]) await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(
      'the API server',
      READY_WITHIN_MS,
      async () => (await transport.call({ method: 'GET', path: '/readyz', timeoutMs: 5000 }))?.body === 'ok',
    );
    if (options.crds === true) await installKinds(client);
  } catch (error) {
    await stop();
    throw error;
  }
  return { folder, kubeconfig, access, client, stop };
}

export async function installKinds(client: KubeClient): Promise<void> {
  const own = KIND_NAMES.filter((kind) => (KINDS[kind] as KindInfo).origin === 'crd');
  await Promise.all(
    own.map(async (kind) =>
      must(await client.apply(RESOURCES.crds, crdOf(kind) as unknown as KubeObject, { force: true })),
    ),
  );
  await until('the kinds', READY_WITHIN_MS, async () => {
    const served = await Promise.all(own.map((kind) => client.page(resourceOf(kind), {}, '', 1)));
    return served.every((one) => one.ok);
  });
}

export function resourceOf(kind: KindName) {
  const { group, versions, plural, manifest, namespaced }: KindInfo = KINDS[kind];
  return { group, version: versions[0] as string, plural, kind: manifest, namespaced };
}

export function must<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error },
): T {
  if (!result.ok) throw result.error;
  return result.value;
}

export async function until(
  what: string | (() => string),
  ms: number,
  holds: () => Promise<boolean> | boolean,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end)
      throw new Error(`gave up waiting for ${typeof what === 'string' ? what : what()} after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, [...args], { stdio: 'ignore' });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function kubeconfigText(port: number, token: string): string {
  return `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:${port}", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: "${token}"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`;
}
