// Reads LbEndpoints that say no more than most do (address, port, metadata, weight, health) straight from their bytes
// into host specs: a part of the time and the garbage of decoding the messages, of which a push brings thousands.

import type { LbEndpoint } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { decodeLight, ProtoReader, WIRE_TYPE } from '#proto/light.ts';
import { type GroupFacts, readMetadata, socketKey, statusOf } from './assignment.ts';
import { hashBytes, sameBytes } from './byte-range.ts';
import type { HostSpec } from './host.ts';

const ENDPOINT = 'envoy.config.endpoint.v3.LbEndpoint';
/** Field numbers of LbEndpoint. */
const FIELD = { endpoint: 1, healthStatus: 2, metadata: 3, weight: 4 } as const;
const FIELD_MAX = 4;

interface KnownMetadata {
  readonly start: number;
  readonly end: number;
  readonly metadata: HostSpec['metadata'];
}

/** Of one group in the bytes of its assignment. */
export class PlainEndpoints {
  readonly #bytes: Uint8Array;
  readonly #facts: GroupFacts;
  readonly #reader: ProtoReader;
  /** A service's endpoints are alike: by hash of their bytes. */
  readonly #metadata = new Map<number, KnownMetadata>();
  #address = '';
  #port = 0;

  constructor(bytes: Uint8Array, facts: GroupFacts) {
    this.#bytes = bytes;
    this.#facts = facts;
    this.#reader = new ProtoReader(bytes);
  }

  /**
   * Undefined: it says something else, or something twice, and is to be decoded as a whole, which also finds the words
   * for what is wrong with it. Throws MalformedProtobuf.
   */
  read(start: number, end: number): HostSpec | undefined {
    const reader = this.#reader;
    const { locality, priority, localityWeight } = this.#facts;
    let seen = 0;
    let weight = 1;
    let status = 0;
    let metadata = readMetadata(undefined);
    reader.pos = start;
    reader.end = end;
    for (let at = start; reader.next(); at = reader.pos) {
      const { field } = reader;
      if (field > FIELD_MAX || (seen & (1 << field)) !== 0) return undefined;
      seen |= 1 << field;
      if (field === FIELD.endpoint) {
        if (!this.#readAddress(reader)) return undefined;
      } else if (field === FIELD.metadata) {
        reader.enter();
        metadata = this.#metadataOf(at, reader.pos);
      } else if (field === FIELD.healthStatus) {
        if (reader.wire !== WIRE_TYPE.varint) return undefined;
        status = reader.uint32();
      } else {
        weight = readWeight(reader);
        if (weight < 0) return undefined;
      }
    }
    if ((seen & (1 << FIELD.endpoint)) === 0) return undefined;
    return {
      key: socketKey(this.#address, this.#port),
      address: this.#address,
      port: this.#port,
      internalListener: '',
      internalEndpointId: '',
      hostname: '',
      priority,
      locality,
      weight: Math.max(1, weight),
      localityWeight,
      status: statusOf(status),
      metadata,
      healthCheckPort: 0,
      healthCheckDisabled: false,
    };
  }

  /** endpoint { address { socket_address { address, port_value } } } and nothing beside it. */
  #readAddress(reader: ProtoReader): boolean {
    const outerEnd = step(reader);
    if (!stepIntoOnly(reader, 1) || !stepIntoOnly(reader, 1)) return false;
    this.#address = '';
    this.#port = 0;
    let seen = 0;
    while (reader.next()) {
      const { field } = reader;
      if ((field !== 2 && field !== 3) || (seen & (1 << field)) !== 0) return false;
      seen |= 1 << field;
      if (field === 2) this.#address = reader.string();
      else if (reader.wire === WIRE_TYPE.varint) this.#port = reader.uint32();
      else return false;
    }
    reader.end = outerEnd;
    return true;
  }

  /** `start`: of the field with its tag. */
  #metadataOf(start: number, end: number): HostSpec['metadata'] {
    const bytes = this.#bytes;
    const hash = hashBytes(bytes, start, end);
    const known = this.#metadata.get(hash);
    if (known !== undefined && sameBytes(bytes, known.start, known.end, bytes, start, end)) return known.metadata;
    const { metadata } = decodeLight(ENDPOINT, bytes.subarray(start, end)) as LbEndpoint;
    const made = { start, end, metadata: readMetadata(metadata) };
    this.#metadata.set(hash, made);
    return made.metadata;
  }
}

/** Into the message that was found; gives the end of the one around it. */
function step(reader: ProtoReader): number {
  const outerEnd = reader.end;
  const start = reader.enter();
  reader.end = reader.pos;
  reader.pos = start;
  return outerEnd;
}

/** Into the field, when it is all that is there. */
function stepIntoOnly(reader: ProtoReader, field: number): boolean {
  if (!reader.next() || reader.field !== field) return false;
  const start = reader.enter();
  if (reader.pos !== reader.end) return false;
  reader.pos = start;
  return true;
}

/** A UInt32Value; below 0 when there is more to it. */
function readWeight(reader: ProtoReader): number {
  const outerEnd = step(reader);
  let value = 0;
  while (reader.next()) {
    if (reader.field !== 1 || reader.wire !== WIRE_TYPE.varint) return -1;
    value = reader.uint32();
  }
  reader.end = outerEnd;
  return value;
}
