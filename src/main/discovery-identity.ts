// The control plane's identity side: the authority, tokens over a Unix socket, its own serving certificate, CSRs.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import {
  type Clock,
  type Fs,
  type HttpRoute,
  jsonAnswer,
  type Logger,
  type PeerCheck,
  type Timer,
  type TlsContext,
} from '#base';
import {
  authenticateCaller,
  type Caller,
  CertificateAuthority,
  CREATE_CERTIFICATE_PATH,
  type DomainRoots,
  type ElsewhereFiles,
  type ExternalSigner,
  generateKeyPair,
  IdentityError,
  Intermediates,
  makeCertificateService,
  makePeerCheck,
  privateKeyPem,
  type TokenVerifier,
  wholeBundles,
  WorkloadTokens,
} from '#identity';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '#proto/istio/v1/auth/ca_pb.ts';
import {
  GRPC_STATUS,
  GrpcError,
  type GrpcPeer,
  type GrpcServer,
  type Metadata,
  metadataValue,
  unaryMethod,
} from '#wire/grpc';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';

const NAMESPACE = 'istio-system';
/** Names under which agents expect the control plane. */
export const DISCOVERY_NAMES = [
  'istiod.istio-system.svc',
  `istiod.istio-system.svc.${CLUSTER_DOMAIN}`,
  'istiod',
  'localhost',
];
const SERVING_TTL_MS = 24 * 3_600_000;
/** A question for trust stays open so long. */
const TRUST_PATIENCE_MS = 25_000;

export interface DiscoveryIdentity {
  readonly authority: CertificateAuthority;
  /** A fresh serving context with its check; made anew by `onServing`. */
  serving(): { readonly context: TlsContext; readonly check: PeerCheck };
  /** Calls `changed` whenever the serving certificate was renewed. */
  onServing(changed: (context: TlsContext) => void): void;
  caller(peer: GrpcPeer, metadata: Metadata): ReturnType<typeof authenticateCaller>;
  registerMethods(server: GrpcServer): void;
  /** MeshConfig `trustDomainAliases`: callers with certificates of these are ours too. */
  setTrustAliases(aliases: readonly string[]): void;
  readonly counts: CertificateCounts;
  /** Routes of the Unix socket: whoever can open it operates this mesh. */
  readonly tokenRoutes: readonly HttpRoute[];
  readonly gatewayFault?: GatewayFault;
}

/** What keeps a caller from being the gateway that it says it is; absent where nobody knows better than the caller. */
export type GatewayFault = (caller: Caller, gateway: ClaimedGateway) => string | undefined;

export interface ClaimedGateway {
  readonly workload: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface CertificateCounts {
  readonly requests: number;
  readonly issued: number;
  readonly unauthenticated: number;
  rootExpirySeconds(): number;
}

export interface DiscoveryIdentityOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly authority: CertificateAuthority;
  readonly tokens: TokenVerifier;
  /** Names under which agents, and the API server, expect us. */
  readonly names: readonly string[];
  readonly tokenRoutes: readonly HttpRoute[];
  readonly gatewayFault?: GatewayFault;
  /** Signs workloads' certificates in place of the authority. */
  readonly signer?: ExternalSigner | undefined;
}

/** How long leaves live: unless something else is asked for, and at most. */
export interface LeafLives {
  readonly leafTtlMs?: number;
  readonly leafTtlMaxMs?: number;
}

/** Standalone: authority and token key in files, tokens over the Unix socket. */
export async function startFolderIdentity(options: {
  readonly clock: Clock;
  readonly fs: Fs;
  readonly log: Logger;
  readonly stateFolder: string;
  /** Istio's `cacerts` files; a self-signed root is made when there are none. */
  readonly cacertsFolder: string;
  readonly trustDomain: string;
  readonly lives: LeafLives;
  /** Somebody else signs. */
  readonly elsewhere?: ElsewhereFiles | undefined;
}): Promise<DiscoveryIdentity> {
  const { clock, fs, log, stateFolder, cacertsFolder } = options;
  const started = await CertificateAuthority.start({
    fs,
    clock,
    log,
    folder: join(stateFolder, 'ca'),
    cacertsFolder,
    trustDomain: options.trustDomain,
    elsewhere: options.elsewhere,
    ...options.lives,
  });
  if (!started.ok) throw started.error;
  const authority = started.value;
  const tokensStarted = await WorkloadTokens.start({ fs, clock, folder: join(stateFolder, 'ca') });
  if (!tokensStarted.ok) throw tokensStarted.error;
  const tokens = tokensStarted.value;
  return makeDiscoveryIdentity({
    clock,
    log,
    authority,
    tokens,
    names: DISCOVERY_NAMES,
    tokenRoutes: [tokenRoute(tokens, authority), trustRoute(authority, clock)],
  });
}

export function makeDiscoveryIdentity(options: DiscoveryIdentityOptions): DiscoveryIdentity {
  const { clock, log, authority, tokens, names } = options;
  let aliases: readonly string[] = [];
  const service = makeCertificateService({ authority, clock, log, signer: options.signer });
  const caller = (peer: GrpcPeer, metadata: Metadata) =>
    authenticateCaller(
      { authorization: metadataValue(metadata, 'authorization'), peer: peer.verdict },
      tokens,
      authority.trustDomain,
      aliases,
    );

  const counts = {
    requests: 0,
    issued: 0,
    unauthenticated: 0,
    rootExpirySeconds: () => Math.floor((authority.status().roots[0]?.notAfterMs ?? 0) / 1000),
  };
  let version = 0;
  let renewal: Timer | undefined;
  const makeServing = (): TlsContext => {
    const { context, notAfterMs } = servingContext(authority, names, ++version);
    renewal?.cancel();
    // Given files are renewed by whoever gave them.
    if (authority.served !== undefined) return context;
    renewal = clock.setTimer((notAfterMs - clock.wallTime()) / 2, renew, { unref: true });
    return context;
  };
  const serving = () => ({ context: makeServing(), check: servingCheck(authority, () => aliases, clock) });
  const watchers: ((context: TlsContext) => void)[] = [];
  const renew = (): void => {
    const context = makeServing();
    for (const changed of watchers) changed(context);
  };
  authority.onTrustChange(renew);

  return {
    authority,
    counts,
    serving,
    caller,
    onServing: (changed) => void watchers.push(changed),
    setTrustAliases: (given) => {
      aliases = given;
    },
    registerMethods: (server) => {
      server.register(CREATE_CERTIFICATE_PATH, (call) =>
        unaryMethod(async (bytes) => {
          const who = await caller(call.peer, call.metadata);
          counts.requests++;
          if (!who.ok) counts.unauthenticated++;
          if (!who.ok) throw new GrpcError(GRPC_STATUS.unauthenticated, who.error.message);
          const answer = await service(fromBinary(IstioCertificateRequestSchema, bytes), who.value);
          if (!answer.ok)
            throw new GrpcError(
              answer.error.code === 'csr_rate_limited' ? GRPC_STATUS.resourceExhausted : GRPC_STATUS.permissionDenied,
              answer.error.message,
            );
          counts.issued++;
          return toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, answer.value));
        })(call),
      );
    },
    tokenRoutes: options.tokenRoutes,
    ...(options.gatewayFault === undefined ? {} : { gatewayFault: options.gatewayFault }),
  };
}

/** What an agent asks for when it starts, and each time before its token runs out. */
export interface TokenAsk {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly workload: string;
}

export interface TokenAnswer {
  readonly token: string;
  readonly rootsPem: string;
  readonly trustDomain: string;
}

export interface TrustAnswer {
  readonly rootsPem: string;
  readonly crlPem: string;
  readonly bound?: readonly DomainRoots[];
  readonly trustDomain: string;
  /** Changes with them. */
  readonly version: string;
}

function tokenRoute(tokens: WorkloadTokens, authority: CertificateAuthority): HttpRoute {
  return {
    method: 'POST',
    path: '/token',
    answer: async ({ body }) => {
      const ask = JSON.parse(body) as Partial<TokenAsk>;
      const issued = await tokens.issue({
        namespace: ask.namespace ?? '',
        serviceAccount: ask.serviceAccount ?? '',
        workload: ask.workload ?? '',
      });
      if (!issued.ok) return jsonAnswer({ error: issued.error.message }, 400);
      return jsonAnswer({
        token: issued.value,
        rootsPem: authority.trust.rootsPem,
        trustDomain: authority.trustDomain,
      } satisfies TokenAnswer);
    },
  };
}

/** What agents trust: who has it already is answered when it changes, or after a while. */
function trustRoute(authority: CertificateAuthority, clock: Clock): HttpRoute {
  const answer = (): TrustAnswer => {
    const trust = { ...authority.trust, trustDomain: authority.trustDomain };
    return { ...trust, version: hash('sha256', JSON.stringify(trust), 'hex').slice(0, 16) };
  };
  return {
    method: 'GET',
    path: '/trust',
    answer: ({ query }) => {
      if (query.get('have') !== answer().version) return jsonAnswer(answer());
      return new Promise((resolve) => {
        const timer = clock.setTimer(TRUST_PATIENCE_MS, () => tell(), { unref: true });
        const forget = authority.onTrustChange(() => tell());
        const tell = (): void => {
          timer.cancel();
          forget();
          resolve(jsonAnswer(answer()));
        };
      });
    },
  };
}

function servingContext(
  authority: CertificateAuthority,
  names: readonly string[],
  version: number,
): { readonly context: TlsContext; readonly notAfterMs: number } {
  const { served, trust } = authority;
  if (served !== undefined) {
    const { certChainPem, privateKeyPem: servedKey, notAfterMs } = served;
    return { context: { certChainPem, privateKeyPem: servedKey, ...servingRules(trust, version) }, notAfterMs };
  }
  const key = generateKeyPair();
  const uris = [`spiffe://${authority.trustDomain}/ns/${NAMESPACE}/sa/istiod`];
  const issued = authority.issue(
    { spki: key.spki, uris, dns: names, ttlMs: SERVING_TTL_MS, keyEncipherment: false },
    'istiod',
    true,
  );
  const context: TlsContext = {
    certChainPem: issued.chain.slice(0, -1).join(''),
    privateKeyPem: privateKeyPem(key),
    ...servingRules(trust, version),
  };
  return { context, notAfterMs: issued.notAfterMs };
}

function servingRules(
  { rootsPem }: { readonly rootsPem: string },
  version: number,
): Pick<TlsContext, 'rootsPem' | 'minVersion' | 'maxVersion' | 'version'> {
  return { rootsPem, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', version: `serving-${version}` };
}

/** No certificate means anonymous (and a token is asked for); one that fails closes the connection. Roots, revocation lists and aliases are those of the moment. */
function servingCheck(authority: CertificateAuthority, aliases: () => readonly string[], clock: Clock): PeerCheck {
  let version = '';
  const intermediates = new Intermediates();
  let check: PeerCheck | undefined;
  return (peer) => {
    const { rootsPem, crlPem, bound } = authority.trust;
    const trustDomains = [authority.trustDomain, ...aliases()];
    const now = JSON.stringify([trustDomains, rootsPem, crlPem, bound]);
    if (check === undefined || now !== version) {
      version = now;
      check = makePeerCheck({
        roots: rootsPem,
        bundles: bound === undefined ? undefined : wholeBundles(rootsPem, bound),
        crl: crlPem,
        revocation: 'where-listed',
        intermediates,
        sanMatchers: [],
        trustDomains,
        required: false,
        peerIs: 'client',
        clock,
      });
    }
    return check(peer);
  };
}

/** A node may only be what its certificate and token say. */
export function nodeFits(
  caller: Caller,
  node: { readonly namespace: string; readonly workload: string },
): IdentityError | undefined {
  if (caller.namespace !== node.namespace)
    return new IdentityError('caller_unauthenticated', `${caller.spiffeId} says it is in namespace ${node.namespace}`);
  if (caller.workload !== undefined && caller.workload !== node.workload)
    return new IdentityError(
      'caller_unauthenticated',
      `the token is for workload ${caller.workload}, the node says ${node.workload}`,
    );
  return undefined;
}
