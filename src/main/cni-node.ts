// `topsail cni node`: the agent of the CNI plugin on a node. Brings the plugin there, keeps it in the network's configuration and
// its credentials fresh, repairs pods that came before it, and takes everything away when it is uninstalled.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Logger, LogLevel, StreamedHandler } from '#base';
import { ANNOTATIONS_CAPABILITY, ConfFolder } from '#cni';
import { type CniAgentConfig, CNI_METRICS_PORT, CNI_MOUNTS, CNI_READY_PORT, CNI_RUN_FOLDER } from '#controllers';
import { createLogger, serveAdminHttp, SystemClock, SystemFs, SystemRandom } from '#io';
import { inClusterAccess, type KubeAccess, type KubeClient, type ResourceType } from '#kube';
import { installHostFiles, removeHostFiles } from './cni-host-files.ts';
import { CniRepair, type RepairCount } from './cni-repair.ts';
import { makeKubeClient } from './kube-access.ts';
import { onShutdown } from './supervised.ts';
import { allAddresses } from './own-addresses.ts';

/** For file systems without notices, and for the token, which the kubelet renews within the hour. */
const LOOK_MS = 5_000;
const KUBECONFIG = join(CNI_RUN_FOLDER, 'kubeconfig');
const DAEMON_SETS: ResourceType = {
  group: 'apps',
  version: 'v1',
  plural: 'daemonsets',
  kind: 'DaemonSet',
  namespaced: true,
};

export async function runCniNode(flags: Readonly<Record<string, unknown>>): Promise<number> {
  const log = createLogger({ level: (flags['logLevel'] as LogLevel | undefined) ?? 'info' });
  const namespace = process.env['POD_NAMESPACE'] ?? '';
  const node = process.env['NODE_NAME'] ?? '';
  const given = process.env['TOPSAIL_CNI'];
  const access = inClusterAccess(process.env, namespace);
  if (access === undefined || given === undefined || node === '') {
    process.stderr.write('error: this runs as DaemonSet istio-cni-node: "topsail install" or the chart cni make it\n');
    return 1;
  }
  await new CniNode({ config: JSON.parse(given) as CniAgentConfig, access, namespace, node, log }).run();
  return 0;
}

interface NodeParts {
  readonly config: CniAgentConfig;
  readonly access: KubeAccess;
  readonly namespace: string;
  readonly node: string;
  readonly log: Logger;
}

class CniNode {
  readonly #parts: NodeParts;
  readonly #fs = new SystemFs();
  readonly #folder: ConfFolder;
  readonly #repairs: Record<string, number> = {};
  /** Undefined: the next pod is captured. */
  #missing: string | undefined = 'not looked yet';
  #kubeconfig = '';
  #looking = false;
  #again = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    const { config, namespace } = parts;
    this.#folder = new ConfFolder({
      fs: this.#fs,
      folder: CNI_MOUNTS.conf,
      file: config.confFile,
      chained: config.chained,
      entry: {
        kubeconfig: KUBECONFIG,
        excludeNamespaces: config.excludeNamespaces,
        agentNamespace: namespace,
        capabilities: { [ANNOTATIONS_CAPABILITY]: true },
      },
    });
  }

  async run(): Promise<void> {
    const { config, access, namespace, node, log } = this.#parts;
    const quit = Promise.withResolvers<string>();
    onShutdown((reason) => quit.resolve(reason));
    const { client } = makeKubeClient(access, 'topsail-cni');
    const failed = (error: unknown): void => log.error('an answer failed', { error: String(error) });
    const servers = await Promise.all(
      [CNI_READY_PORT, CNI_METRICS_PORT].map((port) =>
        serveAdminHttp({ host: allAddresses(), port }, this.#handler, failed),
      ),
    );
    installHostFiles(CNI_MOUNTS.bin, config.binDir);
    log.info('the plugin is on the node', { folder: config.binDir });
    const watch = this.#fs.watch(CNI_MOUNTS.conf, () => void this.#look());
    const timer = setInterval(() => void this.#look(), LOOK_MS);
    await this.#look();
    const repair = config.repair.enabled
      ? new CniRepair({
          client,
          clock: new SystemClock(),
          random: new SystemRandom(),
          log: log.scope('repair'),
          node,
          repair: config.repair,
          counted: (count) => this.#count(count),
        })
      : undefined;
    void repair?.start();
    log.info('stopping', { reason: await quit.promise });
    clearInterval(timer);
    watch.close();
    repair?.stop();
    if (await isUninstalled(client, namespace, log)) await this.#leave();
    for (const server of servers) server.close();
    process.exit(0);
  }

  /** One look at a time; what changes meanwhile is looked at after it. */
  async #look(): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#again) {
      this.#again = false;
      let missing: string | undefined;
      try {
        await this.#writeCredentials();
        missing = await this.#folder.install();
      } catch (error) {
        missing = (error as Error).message;
      }
      if (missing !== this.#missing)
        if (missing === undefined) this.#parts.log.info('pods of this node are captured from now on');
        else this.#parts.log.warn('the plugin is not in place', { why: missing });
      this.#missing = missing;
    }
    this.#looking = false;
  }

  /** For runtimes that do not hand a pod's annotations over; containerd's does. */
  async #writeCredentials(): Promise<void> {
    const { access } = this.#parts;
    const text = kubeconfigOf(access);
    if (text === this.#kubeconfig && existsSync(KUBECONFIG)) return;
    await this.#fs.writeText(KUBECONFIG, text, { mode: 0o600 });
    this.#kubeconfig = text;
  }

  /** The configuration first: a runtime that still finds us there needs the program. */
  async #leave(): Promise<void> {
    await this.#folder.remove();
    removeHostFiles(CNI_MOUNTS.bin);
    await this.#fs.remove(KUBECONFIG);
    this.#parts.log.info('the plugin is taken off the node');
  }

  #count({ kind, ok }: RepairCount): void {
    const key = `type="${kind}",result="${ok ? 'SUCCESS' : 'FAIL'}"`;
    this.#repairs[key] = (this.#repairs[key] ?? 0) + 1;
  }

  readonly #handler: StreamedHandler = async (_method, path) => {
    const plain = (status: number, body: string): { status: number; contentType: string; body: string } => ({
      status,
      contentType: 'text/plain; charset=utf-8',
      body,
    });
    if (path === '/healthz') return plain(200, 'OK\n');
    if (path === '/readyz') return this.#missing === undefined ? plain(200, 'OK\n') : plain(503, `${this.#missing}\n`);
    if (path !== '/metrics') return plain(404, `no ${path} here\n`);
    const repairs = Object.entries(this.#repairs).map(
      ([labels, count]) => `istio_cni_repair_pods_repaired_total{${labels}} ${count}\n`,
    );
    return plain(
      200,
      `# TYPE istio_cni_install_ready gauge\nistio_cni_install_ready ${this.#missing === undefined ? 1 : 0}\n` +
        `# TYPE istio_cni_repair_pods_repaired_total counter\n${repairs.join('')}`,
    );
  };
}

/** Of an agent that is only replaced, everything stays: pods start meanwhile, too. */
async function isUninstalled(client: KubeClient, namespace: string, log: Logger): Promise<boolean> {
  const found = await client.get(DAEMON_SETS, { namespace, name: 'istio-cni-node' });
  if (found.ok) return found.value.metadata.deletionTimestamp !== undefined;
  // Our own rights may have gone before us.
  if (['kube_not_found', 'kube_forbidden', 'kube_unauthorized'].includes(found.error.code)) return true;
  log.warn('the API server does not say whether this is an uninstallation: the plugin stays', {
    error: found.error.message,
  });
  return false;
}

function kubeconfigOf({ server, caPem, token }: KubeAccess): string {
  const read = (one: KubeAccess['caPem']): string =>
    one === undefined ? '' : 'file' in one ? readFileSync(one.file, 'utf8') : one.text;
  const ca = Buffer.from(read(caPem)).toString('base64');
  const name = 'topsail-cni';
  return `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name, user: { token: read(token).trim() } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  })}\n`;
}
