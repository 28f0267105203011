// `topsail agent`: the agent of a pod with the proxy in this very process (design 15), as injection or a gateway's Deployment starts it.
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import {
  CAPTURE_PORTS,
  CaptureWatch,
  MeshNames,
  mergeMetrics,
  type PodEnvironment,
  PROMETHEUS_TYPE,
  readPodEnvironment,
  TelemetryReporter,
} from '#agent';
import {
  type Clock,
  formatNodeId,
  type Logger,
  type LogLevel,
  type Net,
  type Random,
  type StreamedAnswer,
  type StreamedHandler,
} from '#base';
import { PODINFO_FOLDER, ROOT_CERT_FOLDER, STATUS_PORT, TOKEN_FOLDER, METRICS_PORT } from '#controllers';
import { callHttp, createLogger, serveAdminHttp, SystemClock, SystemNet, SystemRandom } from '#io';
import { allAddresses, ownAddresses } from './own-addresses.ts';
import { connectIdentity } from './agent-identity.ts';
import { type AgentProxy, type AgentProxyOptions, startAgentProxy } from './agent-proxy.ts';
import { askApp, readAppProbers } from './app-probers.ts';
import { serveDns } from './capture-dns.ts';
import { podConcurrency } from './concurrency.ts';
import { externalCa } from './external-ca.ts';
import { findEnvoy } from './find-envoy.ts';
import { PodTokens } from './pod-tokens.ts';
import { onShutdown } from './supervised.ts';
import { trimHeap } from './trim-heap.ts';
import { VERSION } from './version.ts';

const LOOPBACK6 = '::1';
const LOOPBACK = '127.0.0.1';
const ADMIN_PORT = 15000;
/** What is open may end by itself: Istio's terminationDrainDuration. */
const DRAIN_MS = 5000;
const WAIT_LIMIT_MS = 60_000;
const WAIT_LOOK_MS = 100;

type Flags = Readonly<Record<string, unknown>>;

export async function runPodAgent(role: string, flags: Flags): Promise<number> {
  if (role === 'wait') return await waitForProxy();
  const pod = readPodEnvironment(role === 'router' ? 'router' : 'sidecar', process.env, {
    labels: readText(`${PODINFO_FOLDER}/labels`),
    annotations: readText(`${PODINFO_FOLDER}/annotations`),
    domain: String(flags['domain'] ?? ''),
    addresses: ownAddresses(),
  });
  if (typeof pod === 'string') {
    process.stderr.write(`error: ${pod}\n`);
    return 1;
  }
  await run(pod, levelOf(String(flags['logLevel'] ?? 'info')));
  return 0;
}

async function run(pod: PodEnvironment, level: LogLevel): Promise<void> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const net = new SystemNet();
  const log = createLogger({ level });
  let proxy: AgentProxy | undefined;
  let stopping = false;
  const quit = Promise.withResolvers<string>();
  const failed = (error: unknown): void => log.error('an answer failed', { error: String(error) });
  onShutdown((reason) => quit.resolve(reason));
  const local = localHandler(
    () => proxy,
    (reason) => quit.resolve(reason),
  );
  const capture = new CaptureWatch({ clock, net, address: pod.ip, changed: (captured) => tellCapture(log, captured) });
  const status = statusHandler(
    pod,
    () =>
      stopping || proxy?.isReady() !== true
        ? 'the proxy has no whole configuration yet'
        : capture.lost
          ? CAPTURE_LOST
          : '',
    () => proxy,
  );
  // Loopback's listeners know the commands that end or drain; what the pod's address shows does not.
  const all = allAddresses();
  const loopbacks = loopbacksOf(pod);
  const servers = await Promise.all([
    ...pod.addresses
      .filter((host) => !loopbacks.includes(host))
      .map((host) => serveAdminHttp({ host, port: pod.statusPort }, status, failed)),
    ...loopbacks.map((host) => serveAdminHttp({ host, port: pod.statusPort }, local(status), failed)),
    serveAdminHttp({ host: all, port: STATUS_PORT }, status, failed),
    serveAdminHttp({ host: all, port: METRICS_PORT }, status, failed),
  ]);
  const tokens = new PodTokens({
    clock,
    log,
    tokenFile: `${TOKEN_FOLDER}/istio-token`,
    rootsFile: pod.roots.mesh ?? `${ROOT_CERT_FOLDER}/root-cert.pem`,
    listFile: `${ROOT_CERT_FOLDER}/ca-crl.pem`,
    boundFile: `${ROOT_CERT_FOLDER}/trust-domains.json`,
    trustDomain: pod.trustDomain,
  });
  const identity = await Promise.race([
    connectIdentity({
      clock,
      random,
      log,
      spec: pod,
      tokens,
      xds: pod.discovery,
      discoveryName: process.env['ISTIOD_SAN'] || pod.discovery.host,
      clusterId: pod.clusterId,
      discoveryRootsFile: pod.roots.discovery,
      ca: pod.authorityElsewhere ? externalCa(process.env) : undefined,
      certSigner: process.env['ISTIO_META_CERT_SIGNER'] ?? '',
      version: VERSION,
    }),
    quit.promise,
  ]);
  if (typeof identity === 'string') process.exit(0);
  const nodeId = formatNodeId({
    type: pod.role,
    ip: pod.ip,
    workload: pod.name,
    namespace: pod.namespace,
    domain: pod.domain,
  });
  const { metadata } = pod;
  const canonical = metadata.LABELS['service.istio.io/canonical-name'] ?? metadata.WORKLOAD_NAME;
  const dns = metadata.DNS_CAPTURE === 'true' ? await servePodDns(pod, { clock, random, log, net }) : undefined;
  const parts = {
    clock,
    random,
    net,
    log,
    identity,
    nodeId,
    cluster: `${canonical}.${pod.namespace}`,
    metadata,
    adminPort: ADMIN_PORT,
    concurrency: podConcurrency(pod.proxyConfig, availableParallelism()),
    ...(dns === undefined ? {} : { names: dns.names }),
  };
  proxy = metadata.TOPSAIL_DATA_PLANE === 'envoy' ? await startEnvoy(parts) : await startAgentProxy(parts);
  const reporter = new TelemetryReporter({
    clock,
    channel: identity.channel,
    aggregator: proxy.aggregator,
    taps: proxy.taps,
    health: () => (proxy as AgentProxy).health(),
    hello: {
      nodeId,
      workload: pod.name,
      namespace: pod.namespace,
      canonicalService: canonical,
      version: metadata.LABELS['version'] ?? '',
      proxyVersion: VERSION,
      capture: metadata.INTERCEPTION_MODE.toLowerCase(),
    },
  });
  const first = await Promise.race([proxy.ready, quit.promise]);
  if (first === undefined) {
    reporter.start();
    proxy.reportHealth(undefined);
    log.info('the pod is in the mesh', {
      identity: `spiffe://${pod.trustDomain}/ns/${pod.namespace}/sa/${pod.serviceAccount}`,
      role: pod.role,
    });
    if (pod.role === 'sidecar' && metadata.INTERCEPTION_MODE !== 'NONE') capture.start();
    trimHeap();
  }
  const reason = await quit.promise;
  stopping = true;
  log.info('stopping', { reason });
  if (reason !== QUIT_NOW) {
    // Of containers that end together the application may still call others, and be called by who has not heard of it.
    if (metadata.TOPSAIL_DATA_PLANE !== 'envoy' && pod.minimumDrainMs > 0)
      await new Promise<void>((resolve) => void clock.setTimer(pod.minimumDrainMs, resolve));
    await proxy.drain(DRAIN_MS);
  }
  capture.close();
  reporter.close();
  dns?.close();
  identity.close();
  for (const server of servers) server.close();
  process.exit(0);
}

const CAPTURE_LOST = 'the rules that redirect the traffic of this pod to its proxy were deleted';

/** A pod whose traffic goes past its proxy gets none from services; what could repair it, the proxy's container may not do. */
function tellCapture(log: Logger, captured: boolean): void {
  if (captured) log.info('the traffic of this pod goes to its proxy again');
  else log.error(CAPTURE_LOST, { remedy: 'restart the pod, and find out who may change rules in it (NET_ADMIN)' });
}

/** Loaded only where it is asked for: most pods have the proxy in this process. */
async function startEnvoy(options: AgentProxyOptions): Promise<AgentProxy> {
  const binary = findEnvoy();
  if (binary === undefined) throw new Error('the image has no Envoy: it is topsail-envoy that has');
  return (await import('./agent-envoy.ts')).startEnvoyProxy({ ...options, binary });
}

/** What capture redirects from port 53 is answered here: the mesh's names, else what the cluster's DNS says. */
async function servePodDns(
  pod: PodEnvironment,
  parts: { readonly clock: Clock; readonly random: Random; readonly log: Logger; readonly net: Net },
): Promise<{ readonly names: MeshNames; close(): void }> {
  const names = new MeshNames(pod.namespace, pod.domain);
  const hosts = loopbacksOf(pod);
  const dns = await Promise.all(hosts.map(bindDns));
  const server = await serveDns({ ...parts, names, namespace: { dns, hosts, net: parts.net } });
  return { names, close: () => server.close() };
}

function bindDns(host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host === LOOPBACK6 ? 'udp6' : 'udp4');
    socket.once('error', reject);
    socket.bind(CAPTURE_PORTS.dns, host, () => resolve(socket));
  });
}

/** Capture redirects to the loopback address of the same family. */
function loopbacksOf({ addresses }: PodEnvironment): readonly string[] {
  return addresses.some((one) => one.includes(':')) ? [LOOPBACK, LOOPBACK6] : [LOOPBACK];
}

const QUIT_NOW = 'asked to quit';

function statusHandler(
  pod: PodEnvironment,
  /** Why not; '' = ready. */
  unready: () => string,
  proxy: () => AgentProxy | undefined,
): StreamedHandler {
  const probers = readAppProbers(pod.appProbers);
  return async (_method, path) => {
    if (path === '/healthz/ready') {
      const reason = unready();
      return reason === '' ? plain(200, '') : plain(503, `${reason}\n`);
    }
    if (path === '/stats/prometheus' || path === '/metrics')
      return { status: 200, contentType: PROMETHEUS_TYPE, body: await mergedMetrics(pod, proxy()) };
    const prober = probers.get(path);
    if (prober === undefined) return plain(404, `no ${path} here\n`);
    const { status, body } = await askApp(prober, pod.ip);
    return plain(status, body);
  };
}

/** Proxy, agent and application on one page, as Istio's 15020 has it. */
async function mergedMetrics({ appMetrics }: PodEnvironment, proxy: AgentProxy | undefined): Promise<string> {
  const own = (await proxy?.prometheus()) ?? '';
  if (appMetrics === undefined) return own;
  const answer = await callHttp({
    target: { host: LOOPBACK, port: appMetrics.port },
    method: 'GET',
    path: appMetrics.path,
    timeoutMs: SCRAPE_MS,
  });
  return mergeMetrics(own, answer?.status === 200 ? answer.body : '');
}

const SCRAPE_MS = 3_000;

function localHandler(
  proxy: () => AgentProxy | undefined,
  quit: (reason: string) => void,
): (rest: StreamedHandler) => StreamedHandler {
  return (rest) => async (method, path, query, gone) => {
    if (method === 'POST' && path === '/quitquitquit') {
      quit(QUIT_NOW);
      return plain(200, 'OK\n');
    }
    if (method === 'POST' && path === '/drain') {
      void proxy()?.drain(DRAIN_MS);
      return plain(200, 'OK\n');
    }
    return await rest(method, path, query, gone);
  };
}

function plain(status: number, body: string): StreamedAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/** For a container's start hook: ends well as soon as the proxy is ready. */
async function waitForProxy(): Promise<number> {
  const clock = new SystemClock();
  const deadline = clock.now() + WAIT_LIMIT_MS;
  while (clock.now() < deadline) {
    const answer = await callHttp({
      target: { host: LOOPBACK, port: STATUS_PORT },
      method: 'GET',
      path: '/healthz/ready',
      timeoutMs: 1000,
    });
    if (answer?.status === 200) return 0;
    await new Promise<void>((resolve) => void clock.setTimer(WAIT_LOOK_MS, resolve));
  }
  process.stderr.write(`error: the proxy did not become ready within ${WAIT_LIMIT_MS / 1000} s\n`);
  return 1;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function levelOf(text: string): LogLevel {
  if (text === 'trace' || text === 'debug') return 'debug';
  if (text === 'warning' || text === 'warn') return 'warn';
  return text === 'error' || text === 'critical' || text === 'off' ? 'error' : 'info';
}
