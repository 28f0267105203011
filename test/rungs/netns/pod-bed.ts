// Pods without a kubelet: network namespaces on one switch, with the files and variables that injection gives a pod, the
// rules of `topsail capture apply`, the agent of a pod, and an application that knows nothing of a mesh.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { callHttp } from '#io';
import type { CapturePlan } from '#base';
import { meshEntry, root, type TestMesh } from '../../mesh/mesh.ts';
import { cleanEnv } from '../../mesh/mesh-process.ts';
import { until } from '../../mesh/until.ts';

const DISCOVERY_PORT = 15_999;
const APP_PORT = 8080;
const HERE = import.meta.dirname;

export interface PodAsk {
  /** Also its label `app` and its service account. */
  readonly name: string;
  readonly addresses: readonly string[];
  /** Where the application listens. */
  readonly listens: readonly string[];
  /** Nothing but the application. */
  readonly meshed?: false;
  readonly dataPlane?: 'topsail' | 'envoy';
  readonly plan?: Partial<CapturePlan>;
  readonly env?: Readonly<Record<string, string>>;
}

const PLAN: CapturePlan = {
  inboundPort: 15006,
  outboundPort: 15001,
  proxyUid: 1337,
  includeInboundPorts: '*',
  excludeInboundPorts: [15020],
  includeOutboundRanges: '*',
  excludeOutboundRanges: [],
  includeOutboundPorts: [],
  excludeOutboundPorts: [],
  excludeInterfaces: [],
  virtualInterfaces: [],
  dnsPort: 15053,
};

/** The whole of a pod's file system that is not the machine's. */
const FURNISH = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
cp -a /etc /run/etc && mount --bind /run/etc /etc
mkdir -p /etc/istio/pod /var/run/secrets/tokens /var/run/secrets/istio
cp "$POD/labels" /etc/istio/pod/labels
cp "$POD/istio-token" /var/run/secrets/tokens/istio-token
cp "$POD/root-cert.pem" /var/run/secrets/istio/root-cert.pem
rm -f /etc/resolv.conf
echo "$RESOLV" > /etc/resolv.conf
printf '127.0.0.1 localhost\n::1 localhost\n' > /etc/hosts
echo furnished
exec sleep 1000000
`;

export class PodBed {
  readonly #mesh: TestMesh;
  /** Nobody else's, whatever a former run left behind. */
  readonly #id = `tp${randomBytes(4).toString('hex')}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'topsail-pods-'));
  readonly #children: ChildProcess[] = [];
  readonly #namespaces: string[] = [];
  readonly #pauses = new Map<string, number>();
  readonly #agents = new Map<string, ChildProcess>();
  readonly #relayed = new Set<Socket>();
  #relay: Server | undefined;

  constructor(mesh: TestMesh) {
    this.#mesh = mesh;
  }

  async start(): Promise<void> {
    const { host, port } = this.#mesh.run.xds;
    this.#relay = createServer((inside) => {
      const outside = connect({ host, port });
      this.#relayed.add(inside);
      inside.on('close', () => this.#relayed.delete(inside));
      for (const one of [inside, outside]) one.on('error', () => {});
      inside.on('close', () => outside.destroy());
      outside.on('close', () => inside.destroy());
      inside.pipe(outside).pipe(inside);
    });
    await new Promise<void>((resolve) => this.#relay?.listen(join(this.#folder, 'xds'), resolve));
    this.#namespace('s');
    ip(this.#name('s'), `link set lo up\nlink add br0 type bridge\nlink set br0 up\n`);
  }

  /** Resolves when the agent has a whole configuration and the application listens. */
  async add(ask: PodAsk): Promise<void> {
    const { name, addresses } = ask;
    const at = this.#namespaces.length;
    this.#namespace(String(at));
    const [own, other] = [this.#name(String(at)), this.#name('s')];
    ip(own, `link add eth0 type veth peer name v${at} netns ${other}\n`);
    ip(other, `link set v${at} master br0 up\n`);
    const lines = addresses.map((one) =>
      one.includes(':') ? `address add ${one}/64 dev eth0 nodad` : `address add ${one}/24 dev eth0`,
    );
    ip(own, ['link set lo up', 'link set eth0 up', ...lines, ''].join('\n'));
    if (addresses.some((one) => !one.includes(':'))) ip(own, 'route add default dev eth0\n');
    if (addresses.some((one) => one.includes(':'))) ip(own, 'route add default dev eth0\n', ['-6']);
    await this.#furnish(ask, own);
    await this.#child(name, 'app', [process.execPath, join(HERE, 'pod-app.ts'), String(APP_PORT), ...ask.listens]);
    if (ask.meshed === false) return;
    const plan = { ...PLAN, ...ask.plan };
    this.inside(name, [process.execPath, meshEntry(), 'capture', 'apply', '--plan', JSON.stringify(plan)]);
    await this.#child(name, 'relay', [
      process.execPath,
      join(HERE, 'pod-relay.ts'),
      String(DISCOVERY_PORT),
      join(this.#folder, 'xds'),
    ]);
    const agent = ['setpriv', '--regid', '1337', '--clear-groups', process.execPath, meshEntry(), 'agent', 'sidecar'];
    await this.#child(
      name,
      'agent',
      [...agent, '--domain', 'default.svc.cluster.local'],
      this.#environment(ask),
      'in the mesh',
    );
  }

  /** What a program of the pod prints. */
  inside(pod: string, command: readonly string[]): string {
    return execFileSync('nsenter', [...this.#enter(pod), ...command], {
      encoding: 'utf8',
      env: { ...cleanEnv(), TOPSAIL_ROOT: root },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** The application's answer to one request, or the status where it is none. */
  call(pod: string, url: string): Promise<Called | number> {
    return new Promise((resolve) => {
      const child = spawn(
        'nsenter',
        [...this.#enter(pod), 'curl', '-g', '-s', '-m', '60', '-w', '\n%{http_code}', url],
        {
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk));
      child.once('close', () => {
        const [body = '', status = ''] = text.split('\n');
        resolve(status === '200' ? (JSON.parse(body) as Called) : Number(status));
      });
    });
  }

  /** As a kubelet tells the agent's container. */
  async tellToEnd(pod: string): Promise<void> {
    this.#agents.get(pod)?.kill('SIGTERM');
    await until(
      () => this.said(pod),
      () => this.said(pod).includes('stopping'),
    );
  }

  said(pod: string, what = 'agent'): string {
    return readFileSync(join(this.#folder, `${pod}.${what}.log`), 'utf8');
  }

  stop(): void {
    for (const child of this.#children.reverse()) child.kill('SIGKILL');
    this.#relay?.close();
    for (const socket of this.#relayed) socket.destroy();
    for (const name of this.#namespaces) execFileSync('ip', ['netns', 'delete', name]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #furnish({ name, addresses }: PodAsk, namespace: string): Promise<void> {
    const asked = await callHttp({
      target: { socket: this.#mesh.run.tokenSocket },
      method: 'POST',
      path: '/token',
      body: JSON.stringify({ namespace: 'default', serviceAccount: name, workload: name }),
      timeoutMs: 30_000,
    });
    const { token, rootsPem } = JSON.parse(asked?.body ?? '{}') as { token: string; rootsPem: string };
    const files = mkdtempSync(join(this.#folder, `${name}-`));
    writeFileSync(join(files, 'labels'), `app="${name}"\n`);
    writeFileSync(join(files, 'istio-token'), token);
    writeFileSync(join(files, 'root-cert.pem'), rootsPem);
    const v6 = addresses.some((one) => one.includes(':'));
    // Nobody is there: all that is asked of it is captured.
    const RESOLV = `nameserver ${v6 ? 'fd00:99::53' : '10.99.0.53'}\noptions timeout:5`;
    const command = ['ip', 'netns', 'exec', namespace, 'unshare', '-m', 'sh', '-c', FURNISH];
    const pause = await this.#run(name, 'pause', command, { POD: files, RESOLV }, 'furnished');
    this.#pauses.set(name, pause.pid as number);
  }

  #environment({ name, addresses, dataPlane = 'topsail', env }: PodAsk): Readonly<Record<string, string>> {
    return {
      POD_NAME: name,
      POD_NAMESPACE: 'default',
      INSTANCE_IP: addresses[0] ?? '',
      SERVICE_ACCOUNT: name,
      ISTIO_META_WORKLOAD_NAME: name,
      ISTIO_META_DNS_CAPTURE: dataPlane === 'envoy' ? 'false' : 'true',
      TOPSAIL_DATA_PLANE: dataPlane,
      PILOT_CERT_PROVIDER: 'istiod',
      PROXY_CONFIG: JSON.stringify({ discoveryAddress: `localhost:${DISCOVERY_PORT}`, concurrency: 1 }),
      ...env,
    };
  }

  async #child(
    pod: string,
    what: string,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
    ready = 'ready',
  ): Promise<void> {
    await this.#run(pod, what, ['nsenter', ...this.#enter(pod), ...command], { TOPSAIL_ROOT: root, ...env }, ready);
  }

  /** Into a file: a program may open /dev/stdout. */
  async #run(
    pod: string,
    what: string,
    [program = '', ...args]: readonly string[],
    env: Readonly<Record<string, string>>,
    ready: string,
  ): Promise<ChildProcess> {
    const log = join(this.#folder, `${pod}.${what}.log`);
    const fd = openSync(log, 'a');
    const child = spawn(program, args, { env: { ...cleanEnv(), ...env }, stdio: ['ignore', fd, fd] });
    closeSync(fd);
    this.#children.push(child);
    if (what === 'agent') this.#agents.set(pod, child);
    const said = (): string => readFileSync(log, 'utf8');
    await until(
      () => `${what} of ${pod}: ${said()}`,
      () => said().includes(ready),
    );
    return child;
  }

  #enter(pod: string): readonly string[] {
    return ['-t', String(this.#pauses.get(pod)), '-m', '-n', '--'];
  }

  #namespace(suffix: string): void {
    execFileSync('ip', ['netns', 'add', this.#name(suffix)]);
    this.#namespaces.push(this.#name(suffix));
  }

  #name(suffix: string): string {
    return `${this.#id}-${suffix}`;
  }
}

export interface Called {
  readonly host: string;
  readonly from: string;
  readonly at: string;
  readonly forwarded?: string;
  readonly peer?: string;
}

function ip(namespace: string, batch: string, family: readonly string[] = []): void {
  execFileSync('ip', [...family, '-netns', namespace, '-batch', '-'], {
    input: batch,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}
