// Taps of this workload's proxy: what finished is told to those who asked for its like, sampled; without anyone asking it costs a comparison.
// Each direction has its own share of a second: what a workload asks for ends before what it answers, and would take all.
import type { Clock } from '#base';
import { ProtoReader } from '#proto/light.ts';
import { type PeerInfo, type StreamRecord, tapRecord } from '#telemetry';

/** Subscriptions at once: each costs a few comparisons a request. */
const SUBSCRIPTIONS_MAX = 32;
const PER_SECOND_MAX = 1_000;
/** As a record is written by `tapRecord`; inside of a value its quotes would be escaped. */
const INBOUND = '"direction":"inbound"';

export interface TapAsk {
  readonly subscription: bigint;
  readonly pathPrefix: string;
  /** '', a code, or a class such as 5xx. */
  readonly status: string;
  readonly to: string;
  /** Of each direction. */
  readonly perSecondMax: number;
}

interface Subscription extends TapAsk {
  /** 5 for 5xx; 0 when one code is meant. */
  readonly statusClass: number;
  readonly statusCode: number;
  second: number;
  toldInbound: number;
  toldOutbound: number;
}

export interface TapStationOptions {
  readonly clock: Clock;
  readonly local: PeerInfo;
}

export class TapStation {
  readonly #options: TapStationOptions;
  readonly #subscriptions = new Map<bigint, Subscription>();
  /** Where records go; set by who can send them. */
  tell: (subscription: bigint, json: string) => void = () => {};
  /** Who is asked for changed: told to other threads of the proxy. */
  changed: (asks: readonly TapAsk[]) => void = () => {};

  constructor(options: TapStationOptions) {
    this.#options = options;
  }

  /** A message of the control plane: `topsail.telemetry.v1.AgentCommand`. */
  onCommand(bytes: Uint8Array): void {
    const reader = new ProtoReader(bytes);
    while (reader.next()) {
      if (reader.field === 1) this.#start(readStart(bytes, reader));
      else if (reader.field === 2) this.#subscriptions.delete(readStart(bytes, reader).subscription);
      else reader.skip();
    }
    this.changed([...this.#subscriptions.values()]);
  }

  /** Another thread's list in the place of this one's. */
  take(asks: readonly TapAsk[]): void {
    const known = new Set(asks.map(({ subscription }) => subscription));
    for (const subscription of this.#subscriptions.keys())
      if (!known.has(subscription)) this.#subscriptions.delete(subscription);
    for (const ask of asks) if (!this.#subscriptions.has(ask.subscription)) this.#start(ask);
  }

  /** What another thread tells of: all of them together stay within what was asked for. */
  relay(subscription: bigint, json: string): void {
    const one = this.#subscriptions.get(subscription);
    const inbound = json.includes(INBOUND);
    if (one === undefined || !hasRoom(one, inbound, Math.floor(this.#options.clock.now() / 1000))) return;
    count(one, inbound);
    this.tell(subscription, json);
  }

  /** The stream to the control plane ended, and with it all who asked. */
  clear(): void {
    this.#subscriptions.clear();
    this.changed([]);
  }

  /** `inbound`: the stream came for this workload, rather than from it. */
  add(record: StreamRecord, inbound: boolean): void {
    if (this.#subscriptions.size === 0) return;
    const { clock, local } = this.#options;
    const second = Math.floor(clock.now() / 1000);
    let json: string | undefined;
    for (const one of this.#subscriptions.values()) {
      // The cheapest question first: most requests come when their second is full.
      if (!hasRoom(one, inbound, second) || !fits(one, record)) continue;
      count(one, inbound);
      json ??= JSON.stringify(tapRecord(record, inbound, local));
      this.tell(one.subscription, json);
    }
  }

  #start(ask: TapAsk): void {
    if (this.#subscriptions.size >= SUBSCRIPTIONS_MAX) return;
    this.#subscriptions.set(ask.subscription, {
      ...ask,
      statusClass: ask.status.endsWith('xx') ? Number(ask.status.charAt(0)) : 0,
      statusCode: Number(ask.status),
      perSecondMax: Math.min(PER_SECOND_MAX, ask.perSecondMax || 1),
      second: 0,
      toldInbound: 0,
      toldOutbound: 0,
    });
  }
}

function hasRoom(one: Subscription, inbound: boolean, second: number): boolean {
  if (one.second !== second) {
    one.second = second;
    one.toldInbound = 0;
    one.toldOutbound = 0;
  }
  return (inbound ? one.toldInbound : one.toldOutbound) < one.perSecondMax;
}

function count(one: Subscription, inbound: boolean): void {
  if (inbound) one.toldInbound += 1;
  else one.toldOutbound += 1;
}

function fits(ask: Subscription, record: StreamRecord): boolean {
  if (ask.pathPrefix !== '' && !record.path.startsWith(ask.pathPrefix)) return false;
  if (
    ask.to !== '' &&
    record.destinationServiceName !== ask.to &&
    record.destination.workload !== ask.to &&
    record.destinationService !== ask.to
  )
    return false;
  if (ask.status === '') return true;
  return ask.statusClass > 0
    ? Math.floor(record.responseCode / 100) === ask.statusClass
    : record.responseCode === ask.statusCode;
}

function readStart(bytes: Uint8Array, outer: ProtoReader): TapAsk {
  const length = outer.uint32();
  const reader = new ProtoReader(bytes, outer.pos, outer.pos + length);
  outer.pos += length;
  const ask = { subscription: 0n, pathPrefix: '', status: '', to: '', perSecondMax: 0 };
  while (reader.next()) {
    if (reader.field === 1) ask.subscription = reader.uint64();
    else if (reader.field === 2) ask.pathPrefix = reader.string();
    else if (reader.field === 3) ask.status = reader.string();
    else if (reader.field === 4) ask.to = reader.string();
    else if (reader.field === 5) ask.perSecondMax = reader.uint32();
    else reader.skip();
  }
  return ask;
}
