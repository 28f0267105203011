// Finds the programs of a real cluster: $KUBEBUILDER_ASSETS, $TOPSAIL_KUBE_BIN, .cache/kube/bin; else builds them from the Go module in box/.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
export const CACHE = join(root, '.cache/kube');

/** All of Kubernetes is one program under several names (box/main.go). */
const KUBERNETES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
];
const NODE = [
  'containerd',
  'containerd-shim-runc-v2',
  'ctr',
  'runc',
  'bridge',
  'host-local',
  'loopback',
  'portmap',
  'coredns',
];
/** What `npm run test:k8s` builds; where KUBEBUILDER_ASSETS holds another one, that one is run. */
export const KUBERNETES_VERSION = 'v1.36.3';
const MODULES: Readonly<Record<string, readonly string[]>> = {
  containerd: ['containerd', 'containerd-shim-runc-v2', 'ctr'].map(
    (name) => `github.com/containerd/containerd/v2/cmd/${name}@v2.3.7`,
  ),
  cni: ['main/bridge', 'main/loopback', 'ipam/host-local', 'meta/portmap'].map(
    (name) => `github.com/containernetworking/plugins/plugins/${name}@v1.9.1`,
  ),
  coredns: ['github.com/coredns/coredns@v1.15.0'],
};

/** What the scripts of the bed call, and the Debian package that has it. */
const TOOLS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  openssl: 'openssl',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  sysctl: 'procps',
  iptables: 'iptables',
};

export function missingTools(): readonly string[] {
  const missing = Object.entries(TOOLS).filter(([tool]) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return [...new Set(missing.map(([, debianPackage]) => debianPackage))];
}

/** A folder with every program, or a sentence that says what is in the way. */
export function findPrograms(say: (text: string) => void): { readonly folder: string } | { readonly problem: string } {
  const own = join(CACHE, 'bin');
  for (const folder of [process.env['TOPSAIL_KUBE_BIN'], process.env['KUBEBUILDER_ASSETS'], own]) {
    if (folder !== undefined && folder !== '' && lacking(folder).length === 0) return { folder };
  }
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (spawnSync('go', ['version']).status !== 0) {
    return {
      problem: `no folder holds ${[...KUBERNETES, ...NODE].join(', ')} (looked at $TOPSAIL_KUBE_BIN, $KUBEBUILDER_ASSETS, ${own}), and Go, which would build them, is not installed.`,
    };
  }
  mkdirSync(own, { recursive: true });
  if (assets !== undefined)
    for (const name of KUBERNETES)
      if (!existsSync(join(own, name)) && existsSync(join(assets, name)))
        symlinkSync(join(assets, name), join(own, name));
  build(own, say);
  const still = lacking(own);
  return still.length === 0 ? { folder: own } : { problem: `building did not make ${still.join(', ')} in ${own}` };
}

function lacking(folder: string): readonly string[] {
  return [...KUBERNETES, ...NODE].filter((name) => !existsSync(join(folder, name)));
}

function build(folder: string, say: (text: string) => void): void {
  const absent = new Set(lacking(folder));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    GOBIN: folder,
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
    GOFLAGS: '-buildvcs=false',
  };
  const go = (
    label: string,
    args: readonly string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ): void => {
    const started = process.hrtime.bigint();
    execFileSync('go', args, { env, stdio: ['ignore', 'ignore', 'inherit'], ...options });
    say(`built ${label} in ${Math.round(Number(process.hrtime.bigint() - started) / 1e9)} s`);
  };
  if (KUBERNETES.some((name) => absent.has(name))) {
    const versions = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
    const [, major, minor] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) as unknown as [string, string, string];
    const stamps = versions.map(
      (name) => `-X ${name}.gitVersion=${KUBERNETES_VERSION} -X ${name}.gitMajor=${major} -X ${name}.gitMinor=${minor}`,
    );
    go(
      'Kubernetes',
      ['build', '-trimpath', '-ldflags', `-s -w ${stamps.join(' ')}`, '-o', join(folder, 'kubebox'), '.'],
      { cwd: join(here, 'bed/box') },
    );
    for (const name of KUBERNETES) {
      rmSync(join(folder, name), { force: true });
      symlinkSync('kubebox', join(folder, name));
    }
  }
  const flags = ['install', '-trimpath', '-ldflags', '-s -w'];
  if (['containerd', 'containerd-shim-runc-v2', 'ctr'].some((name) => absent.has(name)))
    go('containerd', [...flags, ...(MODULES['containerd'] as string[])]);
  if (['bridge', 'host-local', 'loopback', 'portmap'].some((name) => absent.has(name)))
    go('CNI plugins', [...flags, ...(MODULES['cni'] as string[])]);
  if (absent.has('coredns')) go('CoreDNS', [...flags, ...(MODULES['coredns'] as string[])]);
  if (absent.has('runc')) runc(folder, go);
}

/** The sandbox asks for seccomp: the distribution's runc has it, `go install` alone has not. */
function runc(
  folder: string,
  go: (label: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv }) => void,
): void {
  const installed = ['/usr/bin/runc', '/usr/sbin/runc', '/usr/local/sbin/runc'].find((path) => existsSync(path));
  if (installed !== undefined) {
    copyFileSync(installed, join(folder, 'runc'));
    return;
  }
  const work = mkdtempSync(join(tmpdir(), 'topsail-runc-'));
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  if (!existsSync(`/usr/lib/${machine}/libseccomp.a`)) {
    execFileSync('apt-get', ['download', 'libseccomp-dev'], { cwd: work, stdio: 'ignore' });
    execFileSync('sh', ['-c', 'dpkg-deb -x *.deb .'], { cwd: work });
  }
  const env = {
    ...process.env,
    GOBIN: folder,
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '1',
    CGO_CFLAGS: `-I${work}/usr/include`,
    CGO_LDFLAGS: `-L${work}/usr/lib/${machine} -lseccomp`,
    PKG_CONFIG: 'true',
  };
  go(
    'runc',
    [
      'install',
      '-trimpath',
      '-tags',
      'seccomp netgo osusergo',
      '-ldflags',
      '-s -w -linkmode external -extldflags -static -X main.version=1.5.2',
      'github.com/opencontainers/runc@v1.5.2',
    ],
    { env },
  );
  rmSync(work, { recursive: true, force: true });
}
