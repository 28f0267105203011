// Reads a ClusterLoadAssignment from its bytes. An endpoint whose bytes are in the assignment before it keeps its
// spec: an update of thousands costs what has changed, in time and in garbage.

import type { Steps } from '#base';
import type { LbEndpoint, LocalityLbEndpoints } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { decodeLight, ProtoReader } from '#proto/light.ts';
import { type Assignment, assignmentOf, groupField, readEndpoint, readLocality } from './assignment.ts';
import type { HostSpec, Locality } from './host.ts';

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
  let count = 0;
  for (const group of groups)
    for (const spec of group.specs) {
      if (!specs.has(spec.key)) specs.set(spec.key, spec);
      if (++count % ITEMS_PER_STEP === 0) yield;
    }
  return { ...assignmentOf(message, specs), groups };
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
  const specs: HostSpec[] = [];
  let index: ReadonlyMap<number, number> | undefined;
  let at = 0;
  let decoded = 0;
  for (let i = 0; i < places.length; i += 2) {
    const start = places[i] as number;
    const end = places[i + 1] as number;
    if (former !== undefined && !hasItem(former, at, bytes, start, end)) {
      index ??= yield* indexOf(former);
      at = index.get(hash(bytes, start, end)) ?? -1;
    }
    if (former !== undefined && hasItem(former, at, bytes, start, end)) specs.push(former.specs[at++] as HostSpec);
    else {
      const endpoint = decodeLight(ENDPOINT, bytes.subarray(start, end)) as LbEndpoint;
      specs.push(readEndpoint(endpoint, message, locality, `${field}.lb_endpoints[${i / 2}]`));
      if (++decoded % DECODED_PER_STEP === 0) yield;
    }
    if (specs.length % ITEMS_PER_STEP === 0) yield;
  }
  return { bytes, places, specs, priority: message.priority, weight, locality };
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

function hasItem(group: KeptGroup, at: number, bytes: Uint8Array, start: number, end: number): boolean {
  if (at < 0 || at >= group.specs.length) return false;
  const from = group.places[2 * at] as number;
  const length = end - start;
  if ((group.places[2 * at + 1] as number) - from !== length) return false;
  const former = group.bytes;
  for (let i = 0; i < length; i++) if (former[from + i] !== bytes[start + i]) return false;
  return true;
}

/** By hash of their bytes; of two with one hash the last. */
function* indexOf(group: KeptGroup): Steps<ReadonlyMap<number, number>> {
  const index = new Map<number, number>();
  for (let at = 0; at < group.specs.length; at++) {
    index.set(hash(group.bytes, group.places[2 * at] as number, group.places[2 * at + 1] as number), at);
    if (at % ITEMS_PER_STEP === ITEMS_PER_STEP - 1) yield;
  }
  return index;
}

/** FNV-1a, 31 bits: what is found by it is compared. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let i = start; i < end; i++) value = Math.imul(value ^ (bytes[i] as number), 0x01000193);
  return value & 0x3fffffff;
}
