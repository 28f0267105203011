// A control plane as a process against a real API server, and sidecars that speak to it as agents do: token, roots, xDS.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { silentLogger, TYPE_URL, type TlsClientOptions } from '#base';
import { grpcDialer, gunzip, SystemClock, SystemRandom } from '#io';
import { type KubeClient, RESOURCES } from '#kube';
import { makePeerCheck } from '#identity';
import { GrpcChannel } from '#wire/grpc';
import { DiscoveryClient, type ReceivedResource } from '#xds';
import { testPorts } from '../../mesh/test-ports.ts';
import { type ApiServer, must, resourceOf, until } from './api-server.ts';

export interface ControlPlane {
  readonly xdsPort: number;
  readonly httpsPort: number;
  readonly output: () => string;
  stop(): Promise<void>;
  /** Without a word to anybody, as a node that loses its power. */
  kill(): Promise<void>;
}

const clock = new SystemClock();
const random = new SystemRandom();

export async function startControlPlane(
  api: ApiServer,
  name = 'istiod-0',
  more: Readonly<Record<string, string>> = {},
  moreFlags: readonly string[] = [],
): Promise<ControlPlane> {
  const [xdsPort = 0, httpsPort = 0, readyPort = 0, monitoringPort = 0, port = 0] = await testPorts(5);
  const root = join(import.meta.dirname, '../../..');
  const flags = {
    'xds-port': xdsPort,
    'https-port': httpsPort,
    'ready-port': readyPort,
    'monitoring-port': monitoringPort,
    port,
  };
  const args = [
    'discovery',
    '--kubernetes',
    '--kubeconfig',
    api.kubeconfig,
    '--log-level',
    'debug',
    ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
    ...moreFlags,
  ];
  const env = { ...process.env, TOPSAIL_HOME: join(api.folder, name), POD_NAME: name, ...more };
  const child: ChildProcess = spawn(process.execPath, [join(root, 'src/main/cli.ts'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const ready = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`the control plane ended:\n${output}`);
    return fetch(`http://127.0.0.1:${readyPort}/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
  };
  await until('the control plane', 120_000, ready);
  const end = (signal: 'SIGTERM' | 'SIGKILL') => (): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill(signal);
    });
  return { xdsPort, httpsPort, output: () => output, stop: end('SIGTERM'), kill: end('SIGKILL') };
}

/** Makes pod `app-1` of account `app` in namespace `shop`, which nothing starts; answers its token. */
export async function shopToken(client: KubeClient): Promise<string> {
  must(await client.create(resourceOf('ServiceAccount'), { metadata: { name: 'app', namespace: 'shop' } }));
  const pod = must(
    await client.create(RESOURCES.pods, {
      metadata: { name: 'app-1', namespace: 'shop' },
      spec: {
        serviceAccountName: 'app',
        automountServiceAccountToken: false,
        containers: [{ name: 'a', image: 'a' }],
      },
    }),
  );
  const { uid } = pod.metadata as { readonly uid: string };
  return await podToken(client, { namespace: 'shop', name: 'app-1', serviceAccount: 'app', uid });
}

/** As the kubelet mounts it: for one audience, bound to a pod that exists. */
export async function podToken(
  client: KubeClient,
  pod: { readonly namespace: string; readonly name: string; readonly serviceAccount: string; readonly uid: string },
  audience = 'istio-ca',
): Promise<string> {
  const path = `/api/v1/namespaces/${pod.namespace}/serviceaccounts/${pod.serviceAccount}/token`;
  const spec = {
    audiences: [audience],
    expirationSeconds: 3600,
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: pod.name, uid: pod.uid },
  };
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec });
  const answer = await client.transport.call({
    method: 'POST',
    path,
    body,
    contentType: 'application/json',
    timeoutMs: 30_000,
  });
  const { status } = JSON.parse(answer?.body ?? '{}') as { status?: { token?: string } };
  if (status?.token === undefined) throw new Error(`no token: ${answer?.body}`);
  return status.token;
}

export async function meshRoots(client: KubeClient, namespace: string): Promise<string> {
  let roots = '';
  await until('istio-ca-root-cert', 60_000, async () => {
    const map = await client.get(
      { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true },
      { namespace, name: 'istio-ca-root-cert' },
    );
    roots = map.ok ? ((map.value['data'] as Record<string, string> | undefined)?.['root-cert.pem'] ?? '') : '';
    return roots !== '';
  });
  return roots;
}

export class Sidecar {
  /** By type, then name. */
  readonly held = new Map<string, Map<string, ReceivedResource>>();
  readonly channel: GrpcChannel;
  readonly #client: DiscoveryClient;

  constructor(options: {
    readonly port: number;
    readonly token: string;
    readonly roots: string;
    readonly id: string;
    readonly metadata: Record<string, unknown>;
    /** What this proxy cannot use. */
    readonly refuses?: (name: string) => boolean;
  }) {
    this.channel = new GrpcChannel({
      clock,
      random,
      gunzip,
      userAgent: 'test',
      dialer: grpcDialer({ host: '127.0.0.1', port: options.port, authority: SERVER, tls: () => tlsOf(options.roots) }),
    });
    this.#client = new DiscoveryClient({
      channel: this.channel,
      clock,
      random,
      log: silentLogger,
      node: () =>
        ({
          id: options.id,
          cluster: '',
          metadata: options.metadata,
          locality: { region: '', zone: '', subZone: '' },
          userAgent: 'test',
        }) as never,
      metadata: () => ({ authorization: `Bearer ${options.token}` }),
      apply: ({ typeUrl, added, removed }) => {
        const type = this.held.get(typeUrl) ?? new Map<string, ReceivedResource>();
        this.held.set(typeUrl, type);
        for (const one of added) type.set(one.name, one);
        for (const name of removed) type.delete(name);
        if (typeUrl === TYPE_URL.cluster)
          this.#client.subscribe(
            TYPE_URL.endpoint,
            new Set([...type.keys()].filter((name) => name.startsWith('outbound|'))),
          );
        const refused = added.filter(({ name }) => options.refuses?.(name) === true);
        return refused.map(({ name }) => ({ name, detail: 'this proxy cannot use it' }));
      },
    });
    this.#client.subscribeAll(TYPE_URL.cluster);
    this.#client.subscribeAll(TYPE_URL.listener);
    this.#client.start();
  }

  get lastError(): string {
    return this.#client.status.lastError;
  }

  get connected(): boolean {
    return this.#client.status.connected;
  }

  subscribe(typeUrl: string, names: readonly string[]): void {
    this.#client.subscribe(typeUrl, new Set(names));
  }

  text(typeUrl: string, name: string): string {
    const bytes = this.held.get(typeUrl)?.get(name)?.bytes;
    return bytes === undefined ? '' : Buffer.from(bytes).toString('latin1');
  }

  close(): void {
    this.#client.close();
    this.channel.close();
  }
}

const SERVER = 'istiod.istio-system.svc';

export function tlsOf(roots: string, mine?: { readonly chain: string; readonly key: string }): TlsClientOptions {
  const check = makePeerCheck({
    roots,
    crl: '',
    sanMatchers: [{ san: 'dns', how: { kind: 'exact', value: SERVER } }],
    trustDomains: undefined,
    required: true,
    peerIs: 'server',
    clock,
  });
  return {
    context: {
      rootsPem: roots,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      version: `test-${roots.length}`,
      ...(mine === undefined ? {} : { certChainPem: mine.chain, privateKeyPem: mine.key }),
    },
    alpn: ['h2'],
    sni: SERVER,
    check,
    checkKey: SERVER,
  };
}
