// The control plane in a cluster: state and configuration in the API server, identity by TokenReview, webhooks, writers behind one lease.
import { existsSync } from 'node:fs';
import process from 'node:process';
import { type HttpRoute, jsonAnswer, type Logger, type TlsContext } from '#base';
import { type ConfigView, readKubeObject, viewOf } from '#config';
import {
  AUTHORITY_SECRET,
  type GatewayApiController,
  CaRootMaps,
  type HostAddress,
  reviewValidation,
  SecretFs,
  KubernetesSigner,
  NodeUntaint,
  signerSettings,
  StatusWriter,
  TokenReviews,
  UNTAINT_VARIABLE,
  WebhookBundle,
} from '#controllers';
import { CertificateAuthority } from '#identity';
import { servePod, SystemRandom } from '#io';
import { type KubeClient, KubeError, LeaderElection, RESOURCES } from '#kube';
import type { Service } from '#registry';
import { authorityElsewhere } from './authority-elsewhere.ts';
import { type KubeConfig, meshConfigMapOf, openKubeConfig } from './discovery-kube-config.ts';
import { type DiscoveryIdentity, makeDiscoveryIdentity } from './discovery-identity.ts';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';
import type { Platform, PlatformParts } from './discovery-platform.ts';
import { leafLives } from './leaf-lives.ts';
import { Injection } from './discovery-kube-inject.ts';
import { isGenerated, startGatewayApi } from './discovery-kube-gateways.ts';
import { Replicas } from './discovery-kube-replicas.ts';
import { findKubeAccess, makeKubeClient } from './kube-access.ts';
import { allAddresses, ownAddresses } from './own-addresses.ts';
import { trustDomainOf } from './trust-domain.ts';
import { VERSION } from './version.ts';

/** A drained node takes pods along with the control plane: its proxies hear that from it, before they look for another. */
const LEAVE_MS = 4_000;
const ALL_ADDRESSES = allAddresses();
const START_ATTEMPTS = 5;
/** Names of this pod; the contract of docs/designs/kubernetes.md. */
export interface PodFacts {
  readonly namespace: string;
  readonly revision: string;
  readonly pod: string;
  readonly cluster: string;
  /** `istiod`, or `istiod-REVISION`. */
  readonly service: string;
}

export async function openKubePlatform(parts: PlatformParts): Promise<Platform> {
  const { clock, log, options } = parts;
  const random = new SystemRandom();
  const facts = podFacts(process.env);
  const { client, close } = makeKubeClient(
    findKubeAccess({ kubeconfig: text(options['kubeconfig']) }),
    'topsail-discovery',
  );
  const fs = new SecretFs({ client, clock, random, log, namespace: facts.namespace });
  const authority = await startAuthority(fs, parts, () => configuredTrustDomain(client, facts));
  let config: KubeConfig | undefined;
  const signing = signerSettings(process.env);
  if (signing !== undefined) log.info('a signer of the cluster signs for workloads', signing);
  const tokens = new TokenReviews(client, tokenAudiences(process.env));
  const identity = makeDiscoveryIdentity({
    clock,
    log,
    authority,
    tokens,
    names: servingNames(facts),
    tokenRoutes: [],
    signer: signing && new KubernetesSigner({ client, clock, random, log: log.scope('ca'), ...signing }),
    gatewayFault: (caller, gateway) =>
      config === undefined ? 'the cluster is not read yet' : config.pods.gatewayFault(caller, gateway),
  });
  const roots = new CaRootMaps({ client, clock, random, log, trust: () => authority.trust });
  const service = { name: facts.service, namespace: facts.namespace };
  const webhooks = new WebhookBundle({ client, clock, random, log, service, rootsPem: () => authority.trust.rootsPem });
  const injection = new Injection({ client, clock, random, log, namespace: facts.namespace, revision: facts.revision });
  // Another authority keeps these ConfigMaps itself.
  const keepsRoots = authority.served === undefined;
  const writers: { setLeading(leading: boolean): void }[] = keepsRoots ? [roots] : [];
  const untaint = untaints(options)
    ? new NodeUntaint({ client, clock, random, log, namespace: text(options['cniNamespace']) ?? facts.namespace })
    : undefined;
  if (untaint !== undefined) writers.push(untaint);
  const election = new LeaderElection({
    client,
    clock,
    random,
    log,
    namespace: facts.namespace,
    lease: facts.revision === 'default' ? 'istio-leader' : `istio-leader-${facts.revision}`,
    identity: `${facts.pod}_${random.uuid()}`,
    changed: (leading) => {
      for (const writer of writers) writer.setLeading(leading);
    },
  });
  let status: StatusWriter | undefined;
  let replicas: Replicas | undefined;
  let gatewayApi: GatewayApiController | undefined;
  const servers: { close(): void }[] = [];
  return {
    identity,
    host: ALL_ADDRESSES,
    leaveMs: LEAVE_MS,
    replicas: () => replicas?.count,
    givenAddresses: () => config?.source.givenAddresses ?? new Map(),
    localityOf: (namespace, workload) => config?.pods.localityOf(namespace, workload),
    openConfig: async (podsChanged) => {
      log.info('reading the cluster', { namespace: facts.namespace, revision: facts.revision });
      const opened = await openKubeConfig({
        client,
        clock,
        random,
        log,
        rootNamespace: facts.namespace,
        revision: facts.revision,
        cluster: facts.cluster,
        podsChanged,
      });
      config = opened;
      gatewayApi = startGatewayApi(opened, { client, clock, random, log, revision: facts.revision });
      await gatewayApi.start();
      writers.push(gatewayApi);
      return opened;
    },
    serving: async ({ metrics, tracker, snapshot, findings, heeded }) => {
      const port = (name: string, otherwise: number): number => Number(options[name] ?? otherwise);
      const view = (): ConfigView => (config as KubeConfig).store.view;
      const httpsPort = port('httpsPort', 15017);
      replicas = new Replicas({
        client,
        clock,
        random,
        log,
        facts,
        address: addressOf(process.env['POD_IP'] ?? ownAddresses()[0] ?? '127.0.0.1', httpsPort),
        tokens,
        rootsPem: () => authority.trust.rootsPem,
        view,
        programmed: (id) => tracker.programmed([id]),
      });
      await Promise.all([injection.start(), untaint?.start()]);
      servers.push(...(await serveWebhooks(identity, httpsPort, [...injection.routes, replicas.route], log)));
      servers.push(
        ...(await servePlain(
          { ready: port('readyPort', 8080), monitoring: port('monitoringPort', 15014) },
          metrics,
          log,
        )),
      );
      await Promise.all([keepsRoots ? roots.start() : undefined, webhooks.start(), replicas.start()]);
      authority.onTrustChange(() => {
        roots.trustChanged();
        webhooks.setServing();
      });
      webhooks.setServing();
      status = new StatusWriter({
        client,
        clock,
        random,
        log,
        view,
        generated: (key) => isGenerated(config as KubeConfig, key),
        programmed: (asked) => (replicas as Replicas).programmed(asked),
        findings,
        heeded,
        addresses: (key) => givenTo(snapshot()?.services.byObject.get(key) ?? []),
        claimed: (key) => config?.source.givenAddressesOf(key) ?? new Map(),
      });
      config?.store.subscribe((_, diff) => status?.configChanged(diff));
      writers.push(status);
      election.start();
    },
    close: async () => {
      for (const server of servers) server.close();
      status?.stop();
      gatewayApi?.stop();
      roots.stop();
      webhooks.stop();
      injection.stop();
      untaint?.stop();
      config?.close();
      await Promise.all([election.close(), replicas?.close()]);
      close();
    },
  };
}

/** Two replicas may both find no Secret: one of them writes it, the other reads it then. */
async function startAuthority(
  secrets: SecretFs,
  { clock, log, fs, options }: PlatformParts,
  trustDomain: () => Promise<string>,
): Promise<CertificateAuthority> {
  const elsewhere = authorityElsewhere(process.env, options, existsSync);
  for (let attempt = 1; ; attempt++) {
    try {
      const started = await CertificateAuthority.start({
        fs: elsewhere === undefined ? secrets : fs,
        clock,
        log,
        folder: AUTHORITY_SECRET,
        cacertsFolder: 'cacerts',
        elsewhere,
        trustDomain: await trustDomain(),
        ...leafLives(),
      });
      if (started.ok) return started.value;
      throw started.error;
    } catch (error) {
      if (!(error instanceof KubeError) || attempt === START_ATTEMPTS) throw error;
      log.warn('the authority could not start; it is tried again', { reason: error.message });
      await new Promise<void>((resolve) => void clock.setTimer(1000 * attempt, resolve));
    }
  }
}

/** The mesh's ConfigMap alone, before the cluster is read: the authority needs it first. */
async function configuredTrustDomain(client: KubeClient, { namespace, revision }: PodFacts): Promise<string> {
  const name = meshConfigMapOf(revision);
  const found = await client.get(RESOURCES.configMaps, { namespace, name });
  if (!found.ok && found.error.code !== 'kube_not_found') throw found.error;
  const documents = found.ok ? readKubeObject('ConfigMap', found.value, name) : [];
  return trustDomainOf(viewOf(documents.flatMap(({ object }) => object ?? [])));
}

async function serveWebhooks(
  identity: DiscoveryIdentity,
  port: number,
  more: readonly HttpRoute[],
  log: Logger,
): Promise<{ close(): void }[]> {
  const failed = (error: unknown): void => log.scope('webhooks').error('a review failed', { error: String(error) });
  const validate: HttpRoute = {
    method: 'POST',
    path: '/validate',
    answer: ({ body }) => {
      const review = reviewValidation(JSON.parse(body));
      return review === undefined
        ? jsonAnswer({ error: 'this is no AdmissionReview of admission.k8s.io/v1' }, 400)
        : jsonAnswer(review);
    },
  };
  const server = await servePod({
    host: ALL_ADDRESSES,
    port,
    tls: withoutClients(identity.serving().context),
    routes: [validate, ...more],
    failed,
  });
  identity.onServing((context) => server.setTls(withoutClients(context)));
  return [server];
}

/** The API server shows no certificate of ours. */
function withoutClients(context: TlsContext): TlsContext {
  const { rootsPem: _, ...rest } = context;
  return rest;
}

/** Debug pages stay on loopback, where `port-forward` reaches them: what all pods may see is here. */
async function servePlain(
  ports: { readonly ready: number; readonly monitoring: number },
  metrics: () => string,
  log: Logger,
): Promise<{ close(): void }[]> {
  const failed = (error: unknown): void => log.error('a request failed', { error: String(error) });
  const plain = (path: string, body: () => string): HttpRoute => ({
    method: 'GET',
    path,
    answer: () => ({ type: 'text/plain; charset=utf-8', body: body() }),
  });
  const open = [plain('/metrics', metrics), plain('/version', () => `${VERSION}\n`)];
  const servers = [
    await servePod({ host: ALL_ADDRESSES, port: ports.ready, routes: [plain('/ready', () => ''), ...open], failed }),
  ];
  for (const host of ownAddresses())
    servers.push(await servePod({ host, port: ports.monitoring, routes: open, failed }));
  return servers;
}

export function podFacts(env: Readonly<Record<string, string | undefined>>): PodFacts {
  const namespace = env['POD_NAMESPACE'] ?? 'istio-system';
  const revision = env['REVISION'] === undefined || env['REVISION'] === '' ? 'default' : env['REVISION'];
  return {
    namespace,
    revision,
    pod: env['POD_NAME'] ?? `istiod-${process.pid}`,
    cluster: env['CLUSTER_ID'] ?? 'Kubernetes',
    service: revision === 'default' ? 'istiod' : `istiod-${revision}`,
  };
}

/** What agents, webhooks and tools call us; the plain name is the default revision's. */
function servingNames({ namespace, revision, service }: PodFacts): readonly string[] {
  const own = [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.${CLUSTER_DOMAIN}`,
    `istiod-remote.${namespace}.svc`,
    `istio-pilot.${namespace}.svc`,
  ];
  return revision === 'default' ? [...own, 'istiod.istio-system.svc', 'localhost'] : [...own, 'localhost'];
}

function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Istio's variable: several, with commas. */
function tokenAudiences(env: Readonly<Record<string, string | undefined>>): readonly string[] | undefined {
  const named = (env['TOKEN_AUDIENCES'] ?? '').split(',').flatMap((one) => one.trim() || []);
  return named.length === 0 ? undefined : named;
}

function untaints(options: Readonly<Record<string, unknown>>): boolean {
  return options['untaintNodes'] === 'true' || process.env[UNTAINT_VARIABLE] === 'true';
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function givenTo(services: readonly Service[]): readonly HostAddress[] {
  return services
    .filter((service) => service.allocated)
    .flatMap(({ hostname: host, addresses }) => addresses.map((value) => ({ value, host })));
}
