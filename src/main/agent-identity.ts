// An agent's way to the control plane: a token over the Unix socket, one mTLS channel, certificates that renew themselves.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { type Clock, type Logger, type Random, type TlsClientOptions, type TlsContext } from '#base';
import { CONTROL_PLANE_BACKOFF, makeSignCsr, type WorkloadSpec } from '#agent';
import {
  CertificateManager,
  Intermediates,
  makePeerCheck,
  MESH_ROOTS,
  type DomainRoots,
  type SecretSource,
  type TrustSecret,
  WORKLOAD_CERTIFICATE,
} from '#identity';
import { callHttp, grpcDialer, gunzip } from '#io';
import { GrpcChannel, type Metadata } from '#wire/grpc';
import type { TokenAnswer, TrustAnswer } from './discovery-identity.ts';
import { caChannel, type ExternalCa, externalCa } from './external-ca.ts';
import { workloadKeyKind } from './workload-key-kind.ts';

/** A token lives an hour. */
const TOKEN_RENEW_MS = 45 * 60_000;
const TOKEN_RETRY_MS = 5000;
const FIRST_RETRY_MS = 500;
const TOKEN_TIMEOUT_MS = 5000;
/** The control plane answers when its trust changes, and after its own patience anyway; then it is asked again. */
const TRUST_TIMEOUT_MS = 60_000;
const TRUST_RETRY_MS = 1000;
/** Istio's key: a control plane of several clusters asks the right one about the token. */
const CLUSTER_ID_KEY = 'clusterid';
const DISCOVERY_NAME = 'istiod.istio-system.svc';

export interface AgentIdentityOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly spec: WorkloadSpec;
  readonly tokenSocket: string;
  readonly xds: { readonly host: string; readonly port: number };
  readonly version: string;
}

export interface AgentIdentity {
  readonly channel: GrpcChannel;
  readonly secrets: SecretSource;
  readonly trustDomain: string;
  /** For every stream to the control plane: proves the workload's name, which no certificate holds. */
  metadata(): Metadata;
  close(): void;
}

export interface TrustNews {
  /** Undefined: what came with our certificate is as new. */
  readonly rootsPem?: string;
  readonly crlPem: string;
  /** Further roots, each for one trust domain. */
  readonly bound?: readonly DomainRoots[];
  /** Undefined: it cannot change while we run. */
  readonly trustDomain?: string;
}

/** Where tokens and the first trust come from: the control plane's socket, or a pod's projected files. */
export interface TokenSource {
  /** Resolves when there is an answer. */
  start(): Promise<void>;
  readonly answer: TokenAnswer;
  /** Calls with the roots and revocation lists that the control plane has now, and with every later ones. */
  onTrust(changed: (news: TrustNews) => void): void;
  close(): void;
}

export interface ConnectOptions extends Pick<AgentIdentityOptions, 'clock' | 'random' | 'log' | 'xds' | 'version'> {
  readonly spec: Pick<WorkloadSpec, 'namespace' | 'serviceAccount'>;
  readonly tokens: TokenSource;
  /** The name in the control plane's certificate. */
  readonly discoveryName: string;
  /** Its certificate leads to these roots; undefined: to those of the mesh. */
  readonly discoveryRootsFile?: string | undefined;
  /** The Kubernetes cluster whose tokens we show; absent where there is none. */
  readonly clusterId?: string;
  /** The signer of the cluster that the control plane is to ask for us; '' leaves it to that. */
  readonly certSigner?: string;
  /** Signs in place of the control plane. */
  readonly ca?: ExternalCa | undefined;
}

/** Resolves when the first certificate is in force. */
export function startAgentIdentity(options: AgentIdentityOptions): Promise<AgentIdentity> {
  return connectIdentity({
    ...options,
    tokens: new TokenHolder(options),
    discoveryName: DISCOVERY_NAME,
    ca: externalCa(process.env),
  });
}

/** Resolves when the first certificate is in force. */
export async function connectIdentity(options: ConnectOptions): Promise<AgentIdentity> {
  const { clock, log, random, spec, tokens, discoveryName, discoveryRootsFile } = options;
  await tokens.start();
  let trustDomain = tokens.answer.trustDomain;
  let trust: TrustSecret | undefined;
  const intermediates = new Intermediates();
  const manager: CertificateManager = new CertificateManager({
    clock,
    random,
    log,
    spiffeId: `spiffe://${trustDomain}/ns/${spec.namespace}/sa/${spec.serviceAccount}`,
    keyKind: workloadKeyKind(process.env),
    issuerSaysTrust: options.ca === undefined,
    signCsr: (csr, ttlMs, current) =>
      makeSignCsr(signer ?? channel, async () => whoAsks(), options.certSigner)(csr, ttlMs, current),
  });
  const whoAsks = (): Metadata => ({
    authorization: `Bearer ${tokens.answer.token}`,
    ...(options.clusterId === undefined ? {} : { [CLUSTER_ID_KEY]: options.clusterId }),
  });
  const meshRoots = (): string => trust?.rootsPem ?? tokens.answer.rootsPem;
  const signer = options.ca === undefined ? undefined : caChannel(options.ca, meshRoots, options);
  const channel = new GrpcChannel({
    clock,
    random,
    gunzip,
    backoff: CONTROL_PLANE_BACKOFF,
    userAgent: `topsail/${options.version}`,
    dialer: grpcDialer({
      ...options.xds,
      authority: discoveryName,
      tls: () =>
        clientTls(
          manager,
          {
            rootsPem: discoveryRootsFile === undefined ? meshRoots() : readFileSync(discoveryRootsFile, 'utf8'),
            crlPem: trust?.crlPem ?? '',
            version: trust?.version ?? '',
            intermediates,
            trustDomain,
          },
          discoveryName,
          clock,
        ),
    }),
  });
  manager.subscribe(MESH_ROOTS, (value) => {
    if (value.kind === 'trust') trust = value;
  });
  if (options.ca !== undefined) manager.setTrust(tokens.answer.rootsPem);
  await new Promise<void>((resolve) => {
    const stop = manager.subscribe(WORKLOAD_CERTIFICATE, (value) => {
      if (value.kind !== 'certificate') return;
      queueMicrotask(() => stop());
      resolve();
    });
    manager.start();
  });
  tokens.onTrust(({ rootsPem, crlPem, bound, trustDomain: now = trustDomain }) => {
    if (rootsPem === undefined) manager.setBeside(crlPem, bound);
    else manager.setTrust(rootsPem, crlPem, bound);
    if (now === trustDomain) return;
    log.info("the mesh's trust domain changed", { former: trustDomain, now });
    trustDomain = now;
    // Until there is a certificate of the new one, the token alone says who we are.
    channel.reconnect();
    manager.renewSoon();
  });
  // The connection so far was anonymous.
  channel.reconnect();
  return {
    channel,
    secrets: manager,
    trustDomain,
    metadata: whoAsks,
    close: () => {
      tokens.close();
      manager.close();
      signer?.close();
      channel.close();
    },
  };
}

function clientTls(
  manager: CertificateManager,
  { rootsPem, crlPem, version, intermediates, trustDomain }: TrustAnswer & { readonly intermediates: Intermediates },
  name: string,
  clock: Clock,
): TlsClientOptions {
  // One that ran out (the machine slept), or is of a former trust domain, would be refused for ever; the token is enough.
  const held = manager.current;
  const good =
    (held?.notAfterMs ?? 0) > clock.wallTime() && held?.spiffeId.startsWith(`spiffe://${trustDomain}/`) === true;
  const current = good ? held : undefined;
  const context: TlsContext = {
    rootsPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    version: `${current?.version ?? 'anonymous'}/${version}`,
    ...(current === undefined ? {} : { certChainPem: current.certChainPem, privateKeyPem: current.privateKeyPem }),
  };
  const check = makePeerCheck({
    roots: rootsPem,
    crl: crlPem,
    revocation: 'where-listed',
    intermediates,
    sanMatchers: [{ san: 'dns', how: { kind: 'exact', value: name } }],
    trustDomains: undefined,
    required: true,
    peerIs: 'server',
    clock,
  });
  return { context, alpn: ['h2'], sni: name, check, checkKey: name };
}

/** Has a valid token at every moment, as far as the control plane answers. */
class TokenHolder implements TokenSource {
  readonly #options: AgentIdentityOptions;
  #answer: TokenAnswer | undefined;
  #timer: { cancel(): void } | undefined;
  #trustTimer: { cancel(): void } | undefined;
  #closed = false;

  constructor(options: AgentIdentityOptions) {
    this.#options = options;
  }

  get answer(): TokenAnswer {
    if (this.#answer === undefined) throw new Error('asked for a token before the first one came');
    return this.#answer;
  }

  async start(): Promise<void> {
    while (!(await this.#fetch()))
      await new Promise<void>((resolve) => void this.#options.clock.setTimer(FIRST_RETRY_MS, resolve));
    this.#later(TOKEN_RENEW_MS);
  }

  /** One question is always open: a new root or revocation list is known here at once. */
  onTrust(changed: (trust: TrustAnswer) => void): void {
    let have = '';
    const look = async (): Promise<void> => {
      const answer = await callHttp({
        target: { socket: this.#options.tokenSocket },
        method: 'GET',
        path: `/trust?have=${have}`,
        timeoutMs: TRUST_TIMEOUT_MS,
      });
      if (this.#closed) return;
      const trust = answer?.status === 200 ? (JSON.parse(answer.body) as TrustAnswer) : undefined;
      if (trust !== undefined && trust.version !== have) {
        have = trust.version;
        changed(trust);
      }
      const wait = trust === undefined ? TRUST_RETRY_MS : 0;
      this.#trustTimer = this.#options.clock.setTimer(wait, () => void look(), { unref: true });
    };
    void look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#trustTimer?.cancel();
  }

  async #fetch(): Promise<boolean> {
    const { spec, tokenSocket, log } = this.#options;
    const body = JSON.stringify({
      namespace: spec.namespace,
      serviceAccount: spec.serviceAccount,
      workload: spec.name,
    });
    const answer = await callHttp({
      target: { socket: tokenSocket },
      method: 'POST',
      path: '/token',
      body,
      timeoutMs: TOKEN_TIMEOUT_MS,
    });
    const good = answer?.status === 200;
    if (good) this.#answer = JSON.parse(answer.body) as TokenAnswer;
    else
      log.warn('no token from the control plane', { socket: tokenSocket, answer: answer?.body.trim() ?? 'no answer' });
    return good;
  }

  #later(ms: number): void {
    const turn = async (): Promise<void> => this.#later((await this.#fetch()) ? TOKEN_RENEW_MS : TOKEN_RETRY_MS);
    this.#timer = this.#options.clock.setTimer(ms, () => void turn(), { unref: true });
  }
}
