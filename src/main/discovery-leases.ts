// Serves topsail.ratelimit.v1 on 15012: counts the limits that all proxies share, and grants each proxy tokens of those that select it.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock, Logger, ProxyNode, Random, Timer } from '#base';
import { LeaseDesk } from '#leases';
import type { Caller } from '#identity';
import { type DrawRequest, DrawReplySchema, DrawRequestSchema } from '#proto/topsail/ratelimit/v1/ratelimit_pb.ts';
import type { Snapshot } from '#push';
import { type SharedRule, sharedLimits, sharedLimitsOf } from '#registry';
import { GRPC_STATUS, type GrpcServer, type GrpcStatus, type ServerCall } from '#wire/grpc';
import { type DiscoveryIdentity, nodeFits } from './discovery-identity.ts';
import { verifiedMethod } from './verified-method.ts';

const PATH = '/topsail.ratelimit.v1.RateLimitService/Draw';
/** Numbers of proxies that changed are told at most so often. */
const TELL_MS = 500;
/** In one message. */
const ASKS_MAX = 65_536;
/** Of a key: what proxies send is shorter, or a digest. */
const KEY_CHARS_MAX = 1024;
const THREADS_MAX = 64;
/** Streams of one node: two while one proxy takes over from another, and what ends late. */
const STREAMS_MAX = 4;
/** A limit that is gone, or selects a proxy no more, is counted on for those that had it: their connections still count by it for a moment. */
const LEAVING_MS = 30_000;
/** Nothing comes of asking for that again soon. */
const NOT_YOURS_MS = 5000;
/** While it is not known how many control planes there are. */
const AGAIN_MS = 250;

export interface DiscoveryLeasesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly snapshot: () => Snapshot | undefined;
  /** Authorized. The same array until a proxy comes or goes. */
  readonly connected: () => readonly { readonly node: ProxyNode }[];
  /** Control planes that count: each grants its part. Undefined: not known yet, nothing is granted. */
  readonly replicas: () => number | undefined;
}

/** A proxy that draws. */
interface Drawing {
  readonly call: ServerCall;
  node: ProxyNode;
  readonly threads: number;
  /** Of the limits that select it, as of the last snapshot that changed configuration. */
  mine: ReadonlySet<string>;
  /** Those that did, and until when it may draw on them. */
  readonly former: Map<string, number>;
  told: string;
  /** Of asks for what is not its own, an operator is told once. */
  warned: boolean;
}

export class DiscoveryLeases {
  readonly #options: DiscoveryLeasesOptions;
  readonly #log: Logger;
  readonly #desk: LeaseDesk;
  readonly #drawing = new Set<Drawing>();
  /** Limit -> threads that draw on it. */
  readonly #drawers = new Map<string, number>();
  /** What `#byId` was made of. */
  #connected: readonly { readonly node: ProxyNode }[] | undefined;
  #byId: ReadonlyMap<string, readonly ProxyNode[]> = new Map();
  #limits: readonly SharedRule[] = [];
  readonly #leaving = new Map<string, { readonly limit: SharedRule; readonly untilMs: number }>();
  #timer: Timer | undefined;
  #leavingTimer: Timer | undefined;

  constructor(options: DiscoveryLeasesOptions) {
    this.#options = options;
    this.#log = options.log.scope('leases');
    this.#desk = new LeaseDesk(options.random);
  }

  register(server: GrpcServer, identity: DiscoveryIdentity): void {
    server.register(
      PATH,
      verifiedMethod(identity, this.#log, (call, caller) => {
        let drawing: Drawing | undefined;
        return {
          onMessage: (bytes) => {
            const request = fromBinary(DrawRequestSchema, bytes);
            if (drawing === undefined) drawing = this.#begin(call, caller, request);
            else this.#answer(drawing, request);
          },
          onHalfClose: () => call.end(),
          onDrain: () => {
            call.resume();
            if (drawing !== undefined) this.#tell(drawing);
          },
          onClosed: () => {
            if (drawing === undefined || !this.#drawing.delete(drawing)) return;
            this.#count(drawing, -1);
            this.#tellLater();
          },
        };
      }),
    );
  }

  /** Configuration changed. */
  snapshotMade({ config }: Snapshot): void {
    const untilMs = this.#options.clock.now() + LEAVING_MS;
    const limits = sharedLimits(config);
    const ids = new Set(limits.map(({ id }) => id));
    for (const limit of this.#limits) if (!ids.has(limit.id)) this.#leaving.set(limit.id, { limit, untilMs });
    for (const id of ids) this.#leaving.delete(id);
    this.#limits = limits;
    this.#setLimits();
    for (const drawing of this.#drawing) this.#place(drawing, drawing.node);
    this.#tellLater();
  }

  /** A proxy came or went, or acknowledged something. */
  progressed(): void {
    if (this.#drawing.size > 0) this.#tellLater();
  }

  close(): void {
    this.#timer?.cancel();
    this.#leavingTimer?.cancel();
  }

  #setLimits(): void {
    const { clock } = this.#options;
    const nowMs = clock.now();
    for (const [id, { untilMs }] of this.#leaving) if (untilMs <= nowMs) this.#leaving.delete(id);
    this.#desk.setLimits([...this.#limits, ...[...this.#leaving.values()].map(({ limit }) => limit)]);
    if (this.#leaving.size === 0) return;
    this.#leavingTimer ??= clock.setTimer(
      LEAVING_MS,
      () => {
        this.#leavingTimer = undefined;
        this.#setLimits();
      },
      { unref: true },
    );
  }

  #begin(call: ServerCall, caller: Caller, { nodeId, threads }: DrawRequest): Drawing | undefined {
    const nodes = this.#nodesOf(nodeId, caller.spiffeId);
    const node = nodes.at(-1);
    const refuse = (code: GrpcStatus['code'], message: string): undefined => {
      this.#log.debug('a proxy may not draw on limits', { reason: message });
      call.end({ code, message });
    };
    const shown = JSON.stringify(nodeId.slice(0, 200));
    // It may have come here before its discovery stream: it asks again.
    if (node === undefined)
      return refuse(GRPC_STATUS.unavailable, `${caller.spiffeId} has no discovery stream here as ${shown}`);
    const { metadata, parsed } = node;
    const misfit = nodeFits(caller, { namespace: metadata.NAMESPACE ?? '', workload: parsed?.workload ?? '' });
    if (misfit !== undefined) return refuse(GRPC_STATUS.unavailable, misfit.message);
    const streams = [...this.#drawing].filter((one) => one.node.id === nodeId).length;
    if (streams >= STREAMS_MAX)
      return refuse(GRPC_STATUS.resourceExhausted, `${shown} has ${streams} streams for limits already`);
    const drawing: Drawing = {
      call,
      node,
      threads: Math.max(1, Math.min(THREADS_MAX, threads)),
      mine: new Set(),
      former: new Map(),
      told: '',
      warned: false,
    };
    this.#drawing.add(drawing);
    this.#place(drawing, node);
    this.#tell(drawing);
    this.#tellLater();
    return drawing;
  }

  /** Connected ones of that name and identity, in the order in which they came. */
  #nodesOf(id: string, principal: string): readonly ProxyNode[] {
    const connected = this.#options.connected();
    if (connected !== this.#connected) {
      this.#connected = connected;
      this.#byId = Map.groupBy(
        connected.map(({ node }) => node),
        (node) => node.id,
      );
    }
    return (this.#byId.get(id) ?? []).filter((node) => node.principal === principal);
  }

  #limitsOf({ metadata, parsed }: ProxyNode): ReadonlySet<string> {
    const snapshot = this.#options.snapshot();
    if (snapshot === undefined) return new Set();
    const proxy = { namespace: metadata.NAMESPACE ?? parsed?.namespace ?? '', labels: metadata.LABELS ?? {} };
    return new Set(sharedLimitsOf(snapshot.config, proxy, snapshot.mesh.rootNamespace).map(({ id }) => id));
  }

  /** What selects it as that node. */
  #place(drawing: Drawing, node: ProxyNode): void {
    const nowMs = this.#options.clock.now();
    this.#count(drawing, -1);
    const { mine: before, former } = drawing;
    drawing.node = node;
    drawing.mine = this.#limitsOf(node);
    this.#count(drawing, 1);
    for (const [id, untilMs] of former) if (untilMs <= nowMs || drawing.mine.has(id)) former.delete(id);
    for (const id of before) if (!drawing.mine.has(id)) former.set(id, nowMs + LEAVING_MS);
  }

  #count({ mine, threads }: Drawing, sign: 1 | -1): void {
    for (const limit of mine) {
      const drawers = (this.#drawers.get(limit) ?? 0) + sign * threads;
      if (drawers > 0) this.#drawers.set(limit, drawers);
      else this.#drawers.delete(limit);
    }
  }

  #mayDraw({ mine, former }: Drawing, limit: string, nowMs: number): boolean {
    return mine.has(limit) || (former.get(limit) ?? Number.NEGATIVE_INFINITY) > nowMs;
  }

  #answer(drawing: Drawing, { asks }: DrawRequest): void {
    const { call, node } = drawing;
    if (asks.length > ASKS_MAX)
      return call.end({ code: GRPC_STATUS.resourceExhausted, message: `more than ${ASKS_MAX} asks in a message` });
    const nowMs = this.#options.clock.now();
    const replicas = this.#options.replicas();
    const grants = asks.map(({ id, limit, key, tokens }) => {
      if (!this.#mayDraw(drawing, limit, nowMs) || key.length > KEY_CHARS_MAX) {
        if (!drawing.warned)
          this.#log.warn('a proxy asked for tokens that are not its own', {
            node: node.id,
            limit: limit.slice(0, 200),
          });
        drawing.warned = true;
        return { id, tokens: 0, againMs: NOT_YOURS_MS };
      }
      if (replicas === undefined) return { id, tokens: 0, againMs: AGAIN_MS };
      const { tokens: granted, againMs } = this.#desk.draw({ limit, key, tokens }, node.id, replicas, nowMs);
      return { id, tokens: granted, againMs: Math.ceil(againMs) };
    });
    // Who does not read what it asked for is not listened to meanwhile: nothing piles up.
    if (call.open && !call.send(toBinary(DrawReplySchema, create(DrawReplySchema, { grants })))) call.pause();
  }

  #tellLater(): void {
    this.#timer ??= this.#options.clock.setTimer(
      TELL_MS,
      () => {
        this.#timer = undefined;
        this.#followNodes();
        for (const drawing of this.#drawing) this.#tell(drawing);
      },
      { unref: true },
    );
  }

  /** Who has no discovery stream any more draws no more, and who says that it is something else now draws as that. */
  #followNodes(): void {
    if (this.#options.connected() === this.#connected) return;
    for (const drawing of [...this.#drawing]) {
      const { call, node } = drawing;
      const nodes = this.#nodesOf(node.id, node.principal);
      const latest = nodes.at(-1);
      if (latest === undefined) call.end({ code: GRPC_STATUS.unavailable, message: 'its discovery stream has ended' });
      else if (!nodes.includes(node)) this.#place(drawing, latest);
    }
  }

  /** The first time always: it says that we are here. */
  #tell(drawing: Drawing): void {
    if (!drawing.call.writable) return;
    const replicas = this.#options.replicas() ?? 1;
    // A share is of the whole limit: the proxies of other replicas are taken to be as many.
    const shares = [...drawing.mine].map((limit) => ({ limit, drawers: (this.#drawers.get(limit) ?? 0) * replicas }));
    const words = JSON.stringify(shares);
    if (words === drawing.told) return;
    drawing.told = words;
    drawing.call.send(toBinary(DrawReplySchema, create(DrawReplySchema, { shares })));
  }
}
