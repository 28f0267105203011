// Reads a ClusterLoadAssignment from its bytes. An endpoint whose bytes are in the assignment before it keeps its
// spec: an update of thousands costs what has changed, in time and in garbage.

import type { Steps } from '#base';
import type { LbEndpoint, LocalityLbEndpoints } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { decodeLight, ProtoReader } from '#proto/light.ts';
import {
  type Assignment,
  assignmentOf,
  type GroupFacts,
  groupField,
  readEndpoint,
  readLocality,
} from './assignment.ts';
import { hashBytes, sameBytes } from './byte-range.ts';
import type { HostSpec, Locality } from './host.ts';
import { PlainEndpoints } from './plain-endpoint.ts';

const ASSIGNMENT = 'envoy.config.endpoint.v3.ClusterLoadAssignment';
const GROUP = 'envoy.config.endpoint.v3.LocalityLbEndpoints';
const ENDPOINT = 'envoy.config.endpoint.v3.LbEndpoint';
/** The field number of `endpoints` in an assignment, and of `lb_endpoints` in one of those. */
const LIST = 2;
/** Some 0.05 ms. */
const ITEMS_PER_STEP = 200;
/** Some 0.1 ms. */
const DECODED_PER_STEP = 50;

export interface KeptAssignment extends Assignment {
  readonly groups: readonly KeptGroup[];
}

/** Endpoints of one locality as they came: where each begins and ends in `bytes`, and its spec. */
interface KeptGroup {
  readonly bytes: Uint8Array;
  readonly places: Uint32Array;
  readonly specs: readonly HostSpec[];
  readonly priority: number;
  readonly weight: number;
  readonly locality: Locality;
}

/** Throws MalformedProtobuf, and a ConfigError for what it says. */
export function* readKeptAssignment(bytes: Uint8Array, before: KeptAssignment | undefined): Steps<KeptAssignment> {
  const { places, rest } = yield* takeApart(bytes, 0, bytes.length);
  const message = decodeLight(ASSIGNMENT, rest) as ClusterLoadAssignment;
  const groups: KeptGroup[] = [];
  for (let i = 0; i < places.length; i += 2) {
    const field = groupField(message, i / 2);
    const part = yield* takeApart(bytes, places[i] as number, places[i + 1] as number);
    groups.push(yield* readGroup(bytes, part, field, before?.groups[i / 2]));
  }
  const specs = new Map<string, HostSpec>();
  for (const group of groups)
    for (let from = 0; from < group.specs.length; from += ITEMS_PER_STEP) {
      addFirst(specs, group.specs, from);
      yield;
    }
  return { ...assignmentOf(message, specs), groups };
}

/** Of endpoints with one address the first counts. */
function addFirst(specs: Map<string, HostSpec>, more: readonly HostSpec[], from: number): void {
  const end = Math.min(more.length, from + ITEMS_PER_STEP);
  for (let i = from; i < end; i++) {
    const spec = more[i] as HostSpec;
    if (!specs.has(spec.key)) specs.set(spec.key, spec);
  }
}

function* readGroup(
  bytes: Uint8Array,
  { places, rest }: Parts,
  field: string,
  before: KeptGroup | undefined,
): Steps<KeptGroup> {
  const message = decodeLight(GROUP, rest) as LocalityLbEndpoints;
  const said = readLocality(message, field);
  const weight = message.loadBalancingWeight ?? 0;
  const former = before !== undefined && isSame(before, message.priority, weight, said) ? before : undefined;
  const locality = former?.locality ?? said;
  const facts = { locality, priority: message.priority, localityWeight: weight };
  const group = new GroupReader(bytes, places, facts, former);
  for (;;) {
    const next = group.some();
    if (next === 'whole') break;
    if (next === 'index') group.index = yield* indexOf(former as KeptGroup);
    else if (next === 'message') {
      const at = group.count;
      const part = bytes.subarray(places[2 * at], places[2 * at + 1]);
      const endpoint = decodeLight(ENDPOINT, part) as LbEndpoint;
      group.add(readEndpoint(endpoint, message, locality, `${field}.lb_endpoints[${at}]`));
    } else yield;
  }
  return { bytes, places, specs: group.specs, priority: message.priority, weight, locality };
}

/** A group in the making; in plain functions, which V8 compiles better than generators. */
class GroupReader {
  readonly specs: HostSpec[] = [];
  /** Made when the first endpoint does not stand where it stood. */
  index: ReadonlyMap<number, number> | undefined = undefined;
  readonly #bytes: Uint8Array;
  readonly #places: Uint32Array;
  readonly #plain: PlainEndpoints;
  readonly #former: KeptGroup | undefined;
  /** Where in the former group the next one is looked for first. */
  #at = 0;

  constructor(bytes: Uint8Array, places: Uint32Array, facts: GroupFacts, former: KeptGroup | undefined) {
    this.#bytes = bytes;
    this.#places = places;
    this.#plain = new PlainEndpoints(bytes, facts);
    this.#former = former;
  }

  get count(): number {
    return this.specs.length;
  }

  add(spec: HostSpec): void {
    this.specs.push(spec);
  }

  /** What it takes to go on: a pause, the index of the former group, the next endpoint's whole message; or nothing more. */
  some(): 'pause' | 'index' | 'message' | 'whole' {
    const places = this.#places;
    const bytes = this.#bytes;
    const former = this.#former;
    let decoded = 0;
    for (let i = this.count; 2 * i < places.length; i++) {
      const start = places[2 * i] as number;
      const end = places[2 * i + 1] as number;
      if (former !== undefined && !hasItem(former, this.#at, bytes, start, end)) {
        if (this.index === undefined) return 'index';
        this.#at = this.index.get(hashBytes(bytes, start, end)) ?? -1;
      }
      if (former !== undefined && hasItem(former, this.#at, bytes, start, end)) {
        this.add(former.specs[this.#at++] as HostSpec);
      } else {
        const spec = this.#plain.read(start, end);
        if (spec === undefined) return 'message';
        this.add(spec);
        if (++decoded === DECODED_PER_STEP) return 'pause';
      }
      if (this.count % ITEMS_PER_STEP === 0) return 'pause';
    }
    return 'whole';
  }
}

interface Parts {
  readonly places: Uint32Array;
  /** The message without the list. */
  readonly rest: Uint8Array;
}

function* takeApart(bytes: Uint8Array, start: number, end: number): Steps<Parts> {
  const reader = new ProtoReader(bytes, start, end);
  const places: number[] = [];
  const rest: Uint8Array[] = [];
  let from = start;
  for (let at = start; reader.next(); at = reader.pos) {
    if (reader.field !== LIST) {
      reader.skip();
      continue;
    }
    const itemStart = reader.enter();
    if (at > from) rest.push(bytes.subarray(from, at));
    from = reader.pos;
    places.push(itemStart, from);
    if (places.length % (2 * ITEMS_PER_STEP) === 0) yield;
  }
  if (end > from) rest.push(bytes.subarray(from, end));
  return { places: Uint32Array.from(places), rest: Buffer.concat(rest) };
}

function isSame(before: KeptGroup, priority: number, weight: number, { region, zone, subZone }: Locality): boolean {
  const { locality } = before;
  return (
    before.priority === priority &&
    before.weight === weight &&
    locality.region === region &&
    locality.zone === zone &&
    locality.subZone === subZone
  );
}

function hasItem(
  { specs, places, bytes: former }: KeptGroup,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (at < 0 || at >= specs.length) return false;
  return sameBytes(former, places[2 * at] as number, places[2 * at + 1] as number, bytes, start, end);
}

/** By hash of their bytes; of two with one hash the last. */
function* indexOf(group: KeptGroup): Steps<ReadonlyMap<number, number>> {
  const index = new Map<number, number>();
  for (let from = 0; from < group.specs.length; from += ITEMS_PER_STEP) {
    addToIndex(index, group, from);
    yield;
  }
  return index;
}

function addToIndex(index: Map<number, number>, { bytes, places, specs }: KeptGroup, from: number): void {
  const end = Math.min(specs.length, from + ITEMS_PER_STEP);
  for (let at = from; at < end; at++)
    index.set(hashBytes(bytes, places[2 * at] as number, places[2 * at + 1] as number), at);
}
