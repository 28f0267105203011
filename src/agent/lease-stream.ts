// Carries what the threads of this proxy ask of limits that all proxies share to the control plane, over topsail.ratelimit.v1, and what it grants back.
import type { Clock, Timer } from '#base';
import { ANSWER_MS, type Ask, type Grant, type Reply, type Share } from '#leases';
import { ProtoReader, ProtoWriter } from '#proto/light.ts';
import { type ClientCall, GRPC_STATUS, type GrpcChannel, type Metadata } from '#wire/grpc';

const PATH = '/topsail.ratelimit.v1.RateLimitService/Draw';
const AGAIN_MS = 250;
/** A control plane that has no such service (Istio's) is asked again at this pace: another may take its place. */
const UNKNOWN_AGAIN_MS = 300_000;
/** Asked and not answered: beyond it nothing more is asked on this stream. */
const UNANSWERED_MAX = 65_536;

/** A thread that draws. */
export interface LeaseTaker {
  take(reply: Reply): void;
  /** There is no way to the control plane. */
  lost(): void;
}

export interface LeaseLine {
  draw(asks: readonly Ask[]): void;
  close(): void;
}

export interface LeaseLines {
  open(taker: LeaseTaker): LeaseLine;
}

export interface LeaseStreamOptions {
  readonly clock: Clock;
  readonly channel: GrpcChannel;
  /** Says who we are where no certificate does. */
  readonly metadata: () => Metadata;
  readonly nodeId: string;
  /** That draw. */
  readonly threads: number;
}

interface Early {
  readonly taker: LeaseTaker;
  readonly asks: readonly Ask[];
  readonly atMs: number;
}

export class LeaseStream implements LeaseLines {
  readonly #options: LeaseStreamOptions;
  readonly #takers = new Set<LeaseTaker>();
  readonly #shares = new Map<string, Share>();
  /** The oldest first: it is answered first. */
  readonly #asked = new Map<number, { readonly taker: LeaseTaker; readonly id: number; readonly atMs: number }>();
  /** Asked before the control plane has said on this stream that it is there. */
  #early: Early[] = [];
  #heard = false;
  #nextId = 1;
  #call: ClientCall | undefined;
  #timer: Timer | undefined;
  #started = false;
  #closed = false;

  constructor(options: LeaseStreamOptions) {
    this.#options = options;
  }

  /** Before, nothing is carried: a mesh without such limits pays for no stream. */
  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    this.#open();
  }

  open(taker: LeaseTaker): LeaseLine {
    this.#takers.add(taker);
    if (this.#shares.size > 0) taker.take({ grants: [], shares: [...this.#shares.values()] });
    return {
      draw: (asks) => this.#draw({ taker, asks, atMs: this.#options.clock.now() }),
      close: () => void this.#takers.delete(taker),
    };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#call?.cancel();
  }

  /** Only what can be answered while somebody still waits for it: tokens that are granted later are lost to the limit. */
  #draw(early: Early): void {
    const call = this.#call;
    if (call?.open !== true || this.#asked.size > UNANSWERED_MAX) return;
    const isFresh = ({ atMs }: { readonly atMs: number }): boolean => this.#options.clock.now() - atMs < ANSWER_MS;
    if (!this.#heard) {
      this.#early = [...this.#early.filter(isFresh), early];
      return;
    }
    const [oldest] = this.#asked.values();
    if (!isFresh(oldest ?? early)) return;
    const { taker, asks, atMs } = early;
    const own = asks.map(({ id, limit, key, tokens }) => {
      const ownId = this.#nextId++ >>> 0;
      this.#asked.set(ownId, { taker, id, atMs });
      return { id: ownId, limit, key, tokens };
    });
    call.send(encodeAsks(own));
  }

  #open(): void {
    const { channel, clock, metadata, nodeId, threads } = this.#options;
    const call = channel.openStream(
      PATH,
      {
        onMessage: (bytes) => this.#take(bytes),
        onStatus: ({ code }) => {
          this.#asked.clear();
          this.#early = [];
          this.#heard = false;
          for (const taker of this.#takers) taker.lost();
          if (this.#closed) return;
          const laterMs = code === GRPC_STATUS.unimplemented ? UNKNOWN_AGAIN_MS : AGAIN_MS;
          this.#timer = clock.setTimer(laterMs, () => this.#open(), { unref: true });
        },
      },
      { waitForReady: true, metadata: metadata() },
    );
    this.#call = call;
    call.send(new ProtoWriter(64).stringField(1, nodeId).tag(2, 0).varint(threads).finish());
  }

  #take(bytes: Uint8Array): void {
    let reply: Reply;
    try {
      reply = decodeReply(bytes);
    } catch {
      // No reply of ours: another stream may bring better ones.
      return this.#call?.cancel();
    }
    if (!this.#heard) {
      this.#heard = true;
      for (const early of this.#early.splice(0)) this.#draw(early);
    }
    for (const share of reply.shares) this.#shares.set(share.limit, share);
    const byTaker = new Map<LeaseTaker, Grant[]>();
    for (const grant of reply.grants) {
      const asked = this.#asked.get(grant.id);
      if (asked === undefined) continue;
      this.#asked.delete(grant.id);
      const grants = byTaker.get(asked.taker) ?? [];
      grants.push({ ...grant, id: asked.id });
      byTaker.set(asked.taker, grants);
    }
    for (const taker of this.#takers) {
      const grants = byTaker.get(taker);
      // Every reply says that somebody is there.
      if (grants !== undefined || reply.shares.length > 0 || reply.grants.length === 0)
        taker.take({ grants: grants ?? [], shares: reply.shares });
    }
  }
}

function encodeAsks(asks: readonly Ask[]): Uint8Array {
  const writer = new ProtoWriter(64 * asks.length);
  for (const { id, limit, key, tokens } of asks)
    writer.message(3, (w) => {
      w.tag(1, 0).varint(id).stringField(2, limit).stringField(3, key).tag(4, 0).varint(tokens);
    });
  return writer.finish();
}

function decodeReply(bytes: Uint8Array): Reply {
  const grants: Grant[] = [];
  const shares: Share[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) grants.push(readGrant(reader.sub()));
    else if (reader.field === 2) shares.push(readShare(reader.sub()));
    else reader.skip();
  }
  return { grants, shares };
}

function readGrant(reader: ProtoReader): Grant {
  const grant = { id: 0, tokens: 0, againMs: 0 };
  while (reader.next()) {
    if (reader.field === 1) grant.id = reader.uint32();
    else if (reader.field === 2) grant.tokens = reader.uint32();
    else if (reader.field === 3) grant.againMs = reader.uint32();
    else reader.skip();
  }
  return grant;
}

function readShare(reader: ProtoReader): Share {
  const share = { limit: '', drawers: 0 };
  while (reader.next()) {
    if (reader.field === 1) share.limit = reader.string();
    else if (reader.field === 2) share.drawers = reader.uint32();
    else reader.skip();
  }
  return share;
}
