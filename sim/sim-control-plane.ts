// The real control plane in simulated surroundings: configuration, joined workloads, snapshots, translation, the xDS
// server and the authority. What a real one keeps on disk survives its death here.
import { ok, type Random, silentLogger } from '#base';
import { ConfigStore, parseText } from '#config';
import { CertificateAuthority } from '#identity';
import { MemoryFs } from '../src/identity/testing/make-peer.ts';
import type { DiscoveryIdentity } from '../src/main/discovery-identity.ts';
import { makeTranslation } from '../src/main/discovery-translate.ts';
import { DiscoveryBackend } from '../src/main/discovery-xds.ts';
import { type Joined, JoinedConfig } from '../src/main/joined-config.ts';
import { Pusher, readRetained, retainedText, type Snapshot } from '#push';
import { type ProxySync, XdsServer } from '#xds';
import { type GrpcPeer, GrpcServer, type MemoryLink, memoryLink, type ServerTransportStream } from '#wire/grpc';
import type { MachineClock, SimClock } from './sim-clock.ts';

const DOMAIN = 'cluster.local';
/** Certificates live short: several renewals happen in a run. */
export const LEAF_TTL_MS = 60_000;

interface Running {
  readonly clock: MachineClock;
  readonly grpc: GrpcServer;
  readonly xds: XdsServer;
  readonly pusher: Pusher;
  readonly joined: JoinedConfig;
  readonly store: ConfigStore;
  readonly authority: CertificateAuthority;
}

export class SimControlPlane {
  readonly #world: SimClock;
  readonly #random: Random;
  readonly #files = new Map<string, string>();
  readonly #state = new MemoryFs();
  readonly #links = new Set<MemoryLink>();
  #joined: readonly Joined[] = [];
  #retained = '';
  #running: Running | undefined;
  /** Called after every acknowledgement. */
  progressed = (): void => {};
  /** Called with every snapshot that is made. */
  published = (_snapshot: Snapshot): void => {};
  readonly rejections: string[] = [];

  constructor(world: SimClock, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  get snapshot(): number {
    return this.#running?.pusher.snapshot?.number ?? 0;
  }

  /** Receivers still take what senders did before a mode narrowed. */
  get settling(): boolean {
    return this.#running?.pusher.settling !== undefined;
  }

  get codes(): readonly string[] {
    return (this.#running?.pusher.snapshot?.conditions ?? []).map((one) => one.code);
  }

  status(): readonly ProxySync[] {
    return this.#running?.xds.status() ?? [];
  }

  /** Undefined text: the file goes. */
  edit(file: string, text: string | undefined): void {
    if (text === undefined) this.#files.delete(file);
    else this.#files.set(file, text);
    const store = this.#running?.store;
    if (store === undefined) return;
    this.#read(store, file);
    store.commit();
  }

  #read(store: ConfigStore, file: string): void {
    const text = this.#files.get(file);
    if (text === undefined) store.removeFile(file);
    else store.setFile(file, parseText(file, text, { defaultNamespace: 'default', createdMs: 1 }));
  }

  async start(): Promise<void> {
    const clock = this.#world.machine();
    const log = silentLogger;
    const opened = await CertificateAuthority.start({
      fs: this.#state,
      clock,
      log,
      folder: '/ca',
      trustDomain: DOMAIN,
      leafTtlMs: LEAF_TTL_MS,
    });
    if (!opened.ok) throw opened.error;
    const pusher = new Pusher({ clock, domain: DOMAIN, cluster: 'Kubernetes', retained: readRetained(this.#retained) });
    const joined = new JoinedConfig({
      clock,
      log,
      changed: (view, diff) => pusher.configChanged(view, diff),
      save: (all) => (this.#joined = all),
      restored: this.#joined,
    });
    const backend = new DiscoveryBackend({
      clock,
      log,
      identity: { caller: async (peer: GrpcPeer) => ok(callerOf(peer)) } as unknown as DiscoveryIdentity,
      pusher,
      joined,
      translation: makeTranslation(),
      rejected: (one) => void this.rejections.push(`${one.node.id}: ${one.detail}`),
    });
    pusher.subscribe((snapshot, diff) => {
      if (clock.stopped) return;
      if (diff.configuration) this.#retained = retainedText(snapshot);
      this.published(snapshot);
    });
    const xds = new XdsServer({ backend, clock });
    xds.onProgress(() => {
      if (clock.stopped) return;
      if (pusher.settling)
        pusher.sendersAcknowledged(
          Math.min(pusher.snapshot?.number ?? 0, ...xds.status().map(({ watermark }) => watermark)),
        );
      this.progressed();
    });
    const store = new ConfigStore();
    store.subscribe((view, diff) => joined.baseChanged(view, diff));
    const grpc = new GrpcServer({ clock, log });
    xds.register(grpc);
    this.#running = { clock, grpc, xds, pusher, joined, store, authority: opened.value };
    for (const file of this.#files.keys()) this.#read(store, file);
    store.commit();
    for (const link of this.#links) link.refuse = false;
  }

  /** kill -9 */
  stop(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.clock.stopped = true;
    for (const link of this.#links) {
      link.refuse = true;
      link.cut('the control plane died');
    }
  }

  /** The way of one proxy to here. */
  link(spiffeId: string): MemoryLink {
    const delay = { value: 1 + this.#random.float() * 4 };
    const made = memoryLink({
      clock: this.#world,
      accept: (stream: ServerTransportStream) => {
        if (this.#running === undefined) stream.reset(7);
        else this.#running.grpc.accept(stream);
      },
      peer: peerOf(spiffeId),
      delayMs: delay.value,
    });
    made.refuse = this.#running === undefined;
    this.#links.add(made);
    return made;
  }

  /** One of them loses its connection; it may come back at once. */
  cut(link: MemoryLink): void {
    link.cut('the link was cut');
  }

  unlink(link: MemoryLink): void {
    link.refuse = true;
    link.cut('the proxy is gone');
    this.#links.delete(link);
  }

  /** As the certificate service signs; undefined when nobody answers. */
  issue(spki: Uint8Array, spiffeId: string): readonly string[] | undefined {
    const running = this.#running;
    return running?.authority.issue({ spki, uris: [spiffeId], ttlMs: 0, keyEncipherment: false }, spiffeId).chain;
  }
}

function peerOf(spiffeId: string): GrpcPeer {
  return {
    kind: 'tls',
    address: 'sim',
    verdict: {
      kind: 'verified',
      uriSans: [spiffeId],
      dnsSans: [],
      spiffeId,
      notAfterMs: Number.POSITIVE_INFINITY,
      serial: '',
      subject: '',
    },
  };
}

function callerOf(peer: GrpcPeer) {
  const spiffeId = peer.verdict.kind === 'verified' ? peer.verdict.spiffeId : '';
  const [, namespace = '', serviceAccount = ''] = /\/ns\/([^/]+)\/sa\/([^/]+)/.exec(spiffeId) ?? [];
  return { spiffeId, namespace, serviceAccount, workload: undefined };
}
