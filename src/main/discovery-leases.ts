// Serves topsail.ratelimit.v1 on 15012: counts the limits that all proxies share, and grants each proxy tokens of those that select it.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock, Logger, ProxyNode, Random, Timer } from '#base';
import { LeaseDesk } from '#leases';
import { type DrawRequest, DrawReplySchema, DrawRequestSchema } from '#proto/topsail/ratelimit/v1/ratelimit_pb.ts';
import type { Snapshot } from '#push';
import { sharedLimits, sharedLimitsOf } from '#registry';
import { GRPC_STATUS, type GrpcServer, type ServerCall } from '#wire/grpc';
import { type DiscoveryIdentity, nodeFits } from './discovery-identity.ts';

const PATH = '/topsail.ratelimit.v1.RateLimitService/Draw';
/** Numbers of proxies that changed are told at most so often. */
const TELL_MS = 500;
/** In one message. */
const ASKS_MAX = 65_536;
/** Of a key: what proxies send is shorter, or a digest. */
const KEY_CHARS_MAX = 1024;
const THREADS_MAX = 64;
/** Before the verdict on who asks. */
const WAITING_MAX = 16;
/** Nothing comes of asking for that again soon. */
const NOT_YOURS_MS = 5000;
/** While it is not known how many control planes there are. */
const AGAIN_MS = 250;

export interface DiscoveryLeasesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly snapshot: () => Snapshot | undefined;
  /** Connected, and authorized. */
  readonly nodes: () => Iterable<ProxyNode>;
  /** Control planes that count: each grants its part. Undefined: not known yet, nothing is granted. */
  readonly replicas: () => number | undefined;
}

/** A proxy that draws. */
interface Drawing {
  readonly call: ServerCall;
  readonly node: ProxyNode;
  readonly threads: number;
  /** Of the limits that select it, as of the last snapshot that changed configuration. */
  mine: ReadonlySet<string>;
  told: string;
}

export class DiscoveryLeases {
  readonly #options: DiscoveryLeasesOptions;
  readonly #log: Logger;
  readonly #desk: LeaseDesk;
  readonly #drawing = new Set<Drawing>();
  #timer: Timer | undefined;

  constructor(options: DiscoveryLeasesOptions) {
    this.#options = options;
    this.#log = options.log.scope('leases');
    this.#desk = new LeaseDesk(options.random);
  }

  register(server: GrpcServer, identity: DiscoveryIdentity): void {
    server.register(PATH, (call) => {
      let drawing: Drawing | undefined;
      let isKnown = false;
      const waiting: Uint8Array[] = [];
      let caller: Awaited<ReturnType<DiscoveryIdentity['caller']>> | undefined;
      const take = (bytes: Uint8Array): void => {
        const request = fromBinary(DrawRequestSchema, bytes);
        if (drawing !== undefined) return this.#answer(drawing, request);
        if (caller?.ok !== true) return;
        const node = this.#nodeOf(request.nodeId, caller.value);
        // It may have come here before its discovery stream: it asks again.
        if (typeof node === 'string') return call.end({ code: GRPC_STATUS.unavailable, message: node });
        drawing = {
          call,
          node,
          threads: Math.max(1, Math.min(THREADS_MAX, request.threads)),
          mine: this.#limitsOf(node),
          told: '',
        };
        this.#drawing.add(drawing);
        this.#tell(drawing);
        this.#tellLater();
      };
      void identity.caller(call.peer, call.metadata).then((verdict) => {
        if (!verdict.ok) return call.end({ code: GRPC_STATUS.unauthenticated, message: verdict.error.message });
        caller = verdict;
        isKnown = true;
        if (call.open) for (const bytes of waiting.splice(0)) take(bytes);
      });
      return {
        onMessage: (bytes) => {
          if (isKnown) take(bytes);
          else if (waiting.length < WAITING_MAX) waiting.push(bytes);
        },
        onHalfClose: () => call.end(),
        onClosed: () => {
          if (drawing !== undefined && this.#drawing.delete(drawing)) this.#tellLater();
        },
      };
    });
  }

  /** Configuration changed. */
  snapshotMade({ config }: Snapshot): void {
    this.#desk.setLimits(sharedLimits(config));
    for (const drawing of this.#drawing) drawing.mine = this.#limitsOf(drawing.node);
    this.#tellLater();
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** The connected node of that name, if the caller is it; else why not. */
  #nodeOf(id: string, caller: Parameters<typeof nodeFits>[0]): ProxyNode | string {
    for (const node of this.#options.nodes()) {
      if (node.id !== id || node.principal !== caller.spiffeId) continue;
      const { metadata, parsed } = node;
      const misfit = nodeFits(caller, { namespace: metadata.NAMESPACE ?? '', workload: parsed?.workload ?? '' });
      return misfit === undefined ? node : misfit.message;
    }
    return `${caller.spiffeId} has no discovery stream here as ${JSON.stringify(id.slice(0, 200))}`;
  }

  #limitsOf({ metadata, parsed }: ProxyNode): ReadonlySet<string> {
    const snapshot = this.#options.snapshot();
    if (snapshot === undefined) return new Set();
    const proxy = { namespace: metadata.NAMESPACE ?? parsed?.namespace ?? '', labels: metadata.LABELS ?? {} };
    return new Set(sharedLimitsOf(snapshot.config, proxy, snapshot.mesh.rootNamespace).map(({ id }) => id));
  }

  #answer(drawing: Drawing, { asks }: DrawRequest): void {
    const { call, mine, node } = drawing;
    if (asks.length > ASKS_MAX)
      return call.end({ code: GRPC_STATUS.resourceExhausted, message: `more than ${ASKS_MAX} asks in a message` });
    const nowMs = this.#options.clock.now();
    const replicas = this.#options.replicas();
    const grants = asks.map(({ id, limit, key, tokens }) => {
      if (!mine.has(limit) || key.length > KEY_CHARS_MAX) {
        this.#log.debug('a proxy asked for what is not its own', { node: node.id, limit });
        return { id, tokens: 0, againMs: NOT_YOURS_MS };
      }
      if (replicas === undefined) return { id, tokens: 0, againMs: AGAIN_MS };
      const { tokens: granted, againMs } = this.#desk.draw({ limit, key, tokens }, drawing, replicas, nowMs);
      return { id, tokens: granted, againMs: Math.ceil(againMs) };
    });
    if (call.open) call.send(toBinary(DrawReplySchema, create(DrawReplySchema, { grants })));
  }

  #tellLater(): void {
    this.#timer ??= this.#options.clock.setTimer(
      TELL_MS,
      () => {
        this.#timer = undefined;
        const counts = this.#counts();
        for (const drawing of this.#drawing) this.#tell(drawing, counts);
      },
      { unref: true },
    );
  }

  #counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { mine, threads } of this.#drawing)
      for (const limit of mine) counts.set(limit, (counts.get(limit) ?? 0) + threads);
    return counts;
  }

  /** The first time always: it says that we are here. */
  #tell(drawing: Drawing, counts = this.#counts()): void {
    const replicas = this.#options.replicas() ?? 1;
    // A share is of the whole limit: the proxies of other replicas are taken to be as many.
    const shares = [...drawing.mine].map((limit) => ({ limit, drawers: (counts.get(limit) ?? 0) * replicas }));
    const words = JSON.stringify(shares);
    if (words === drawing.told) return;
    drawing.told = words;
    if (drawing.call.open) drawing.call.send(toBinary(DrawReplySchema, create(DrawReplySchema, { shares })));
  }
}
