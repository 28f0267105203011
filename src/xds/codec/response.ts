// Writes discovery responses from cached resource bytes, and reads them on the client's side.
//
// A resource is encoded once for all streams. A response is a small head and runs of entries; streams whose lists
// hold the same run at about the same time share its bytes, also where the rest of their lists differs (field order is
// free in protobuf).
import type { Clock, XdsResource } from '#base';
import { ProtoReader, ProtoWriter } from '#proto/light.ts';
import type { DiscoveryResponse } from './messages.ts';
import { SharedRuns } from './shared-runs.ts';

export type XdsVariant = 'sotw' | 'delta';

/** Entries of a run: long enough for few writes, short enough that one resource of a proxy's own spoils little. */
const RUN_ENTRIES = 64;
/** A resource of so many bytes is written as it is, not copied into a run: large ones are often one proxy's own. */
const LARGE_BYTES = 4096;

export class ResponseEncoder {
  readonly #runs: Readonly<Record<XdsVariant, SharedRuns>>;

  constructor(clock: Clock) {
    this.#runs = { sotw: new SharedRuns(clock), delta: new SharedRuns(clock) };
  }

  stop(): void {
    for (const runs of Object.values(this.#runs)) runs.stop();
  }

  /** The parts of one message, to be sent one after the other. */
  encode(
    variant: XdsVariant,
    head: { typeUrl: string; version: string; nonce: string },
    list: readonly XdsResource[],
    removed: readonly string[],
  ): readonly Uint8Array[] {
    const writer = new ProtoWriter(128);
    writer.stringField(1, head.version).stringField(4, head.typeUrl).stringField(5, head.nonce);
    if (variant === 'delta') for (const name of removed) writer.tag(6, 2).string(name);
    const parts = [writer.finish()];
    for (let from = 0; from < list.length; from += RUN_ENTRIES)
      parts.push(
        ...this.#runs[variant].of(list, from, Math.min(list.length, from + RUN_ENTRIES), (run) =>
          encodeRun(variant, run),
        ),
      );
    return parts;
  }
}

function encodeRun(variant: XdsVariant, resources: readonly XdsResource[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const parts: Uint8Array[] = [];
  const gather = (): void => {
    if (pieces.length > 0) parts.push(joined(pieces.splice(0)));
  };
  for (const resource of resources) {
    pieces.push(entryHead(variant, resource));
    if (resource.bytes.length < LARGE_BYTES) pieces.push(resource.bytes);
    else {
      gather();
      parts.push(resource.bytes);
    }
  }
  gather();
  return parts;
}

/** All of an entry but the resource's own bytes, which end it. */
function entryHead(variant: XdsVariant, { name, version, typeUrl, bytes }: XdsResource): Uint8Array {
  const any = new ProtoWriter(typeUrl.length + 16).stringField(1, typeUrl).tag(2, 2).varint(bytes.length).finish();
  const whole = new ProtoWriter(name.length + version.length + any.length + 32);
  if (variant === 'sotw') {
    return whole
      .tag(2, 2)
      .varint(any.length + bytes.length)
      .raw(any)
      .finish();
  }
  const before = new ProtoWriter(name.length + version.length + 16)
    .stringField(1, version)
    .stringField(3, name)
    .tag(2, 2)
    .varint(any.length + bytes.length)
    .finish();
  const length = before.length + any.length + bytes.length;
  return whole.tag(2, 2).varint(length).raw(before).raw(any).finish();
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

type Resource = DiscoveryResponse['resources'][number];
const WRAPPER = 'type.googleapis.com/envoy.service.discovery.v3.Resource';

export function decodeResponse(variant: XdsVariant, bytes: Uint8Array): DiscoveryResponse {
  const reader = new ProtoReader(bytes);
  const resources: Resource[] = [];
  const removed: string[] = [];
  let versionInfo = '';
  let typeUrl = '';
  let nonce = '';
  while (reader.next()) {
    if (reader.field === 1) versionInfo = reader.string();
    else if (reader.field === 2)
      resources.push(variant === 'delta' ? decodeResource(reader.sub()) : decodeAnyResource(reader.sub()));
    else if (reader.field === 4) typeUrl = reader.string();
    else if (reader.field === 5) nonce = reader.string();
    else if (reader.field === 6 && variant === 'delta') removed.push(reader.string());
    else if (reader.field === 8 && variant === 'delta') removed.push(firstString(reader.bytes()));
    else reader.skip();
  }
  // State of the world gives one version for all.
  const versioned =
    variant === 'delta' ? resources : resources.map((r) => (r.version === '' ? { ...r, version: versionInfo } : r));
  return { versionInfo, typeUrl, nonce, resources: versioned, removed };
}

function decodeResource(reader: ProtoReader): Resource {
  let name = '';
  let version = '';
  let any: { typeUrl: string; bytes: Uint8Array } = { typeUrl: '', bytes: new Uint8Array() };
  while (reader.next()) {
    if (reader.field === 1) version = reader.string();
    else if (reader.field === 2) any = decodeAny(reader.sub());
    else if (reader.field === 3) name = reader.string();
    else if (reader.field === 8 && name === '') name = firstString(reader.bytes());
    else reader.skip();
  }
  return { name, version, ...any };
}

/** Every xDS resource has its name in field 1; one may also come wrapped with name and version. */
function decodeAnyResource(reader: ProtoReader): Resource {
  const any = decodeAny(reader);
  if (any.typeUrl === WRAPPER) return decodeResource(new ProtoReader(any.bytes));
  return { name: firstString(any.bytes), version: '', ...any };
}

function decodeAny(reader: ProtoReader): { typeUrl: string; bytes: Uint8Array } {
  let typeUrl = '';
  let bytes: Uint8Array = new Uint8Array();
  while (reader.next()) {
    if (reader.field === 1) typeUrl = reader.string();
    else if (reader.field === 2) bytes = reader.bytes();
    else reader.skip();
  }
  return { typeUrl, bytes };
}

function firstString(bytes: Uint8Array): string {
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) return reader.string();
    reader.skip();
  }
  return '';
}
