// Reads and writes discovery requests without protobuf-es: the proxy sends them, the server reads thousands.
import { ProtoReader, ProtoWriter, readStruct, writeStruct } from '#proto/light.ts';
import type { DeltaDiscoveryRequest, DiscoveryRequest, ErrorDetail, XdsNode } from './messages.ts';
import type { RepeatedNames } from './repeated-names.ts';

export function decodeDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  const reader = new ProtoReader(bytes);
  const resourceNames: string[] = [];
  let versionInfo = '';
  let node: XdsNode | undefined;
  let typeUrl = '';
  let responseNonce = '';
  let errorDetail: ErrorDetail | undefined;
  while (reader.next()) {
    if (reader.field === 1) versionInfo = reader.string();
    else if (reader.field === 2) node = decodeNode(reader.sub());
    else if (reader.field === 3) resourceNames.push(reader.string());
    else if (reader.field === 4) typeUrl = reader.string();
    else if (reader.field === 5) responseNonce = reader.string();
    else if (reader.field === 6) errorDetail = decodeError(reader.sub());
    else if (reader.field === 7) resourceNames.push(decodeLocator(reader.sub()));
    else reader.skip();
  }
  return { versionInfo, node, resourceNames, typeUrl, responseNonce, errorDetail };
}

export function encodeDiscoveryRequest(request: DiscoveryRequest): Uint8Array {
  const writer = new ProtoWriter();
  writer.stringField(1, request.versionInfo);
  const { node, errorDetail } = request;
  if (node !== undefined) writer.message(2, (w) => encodeNode(w, node));
  for (const name of request.resourceNames) writer.tag(3, 2).string(name);
  writer.stringField(4, request.typeUrl).stringField(5, request.responseNonce);
  if (errorDetail !== undefined) writer.message(6, (w) => encodeError(w, errorDetail));
  return writer.finish();
}

/** `repeated`: lists of names that other clients sent. */
export function decodeDeltaRequest(bytes: Uint8Array, repeated?: RepeatedNames): DeltaDiscoveryRequest {
  const reader = new ProtoReader(bytes);
  let subscribe: readonly string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  let node: XdsNode | undefined;
  let typeUrl = '';
  let responseNonce = '';
  let errorDetail: ErrorDetail | undefined;
  while (reader.next()) {
    if (reader.field === 1) node = decodeNode(reader.sub());
    else if (reader.field === 2) typeUrl = reader.string();
    else if (reader.field === 3) subscribe = readSubscribed(reader, bytes, subscribe, repeated);
    else if (reader.field === 4) unsubscribe.push(reader.string());
    else if (reader.field === 5) decodeVersion(reader.sub(), initialVersions);
    else if (reader.field === 6) responseNonce = reader.string();
    else if (reader.field === 7) errorDetail = decodeError(reader.sub());
    else if (reader.field === 8) subscribe = [...subscribe, decodeLocator(reader.sub())];
    else if (reader.field === 9) unsubscribe.push(decodeLocator(reader.sub()));
    else reader.skip();
  }
  return { node, typeUrl, subscribe, unsubscribe, initialVersions, responseNonce, errorDetail };
}

/** All names that follow one another from here on. */
function readSubscribed(
  reader: ProtoReader,
  bytes: Uint8Array,
  before: readonly string[],
  repeated: RepeatedNames | undefined,
): readonly string[] {
  const start = reader.pos - 1;
  const known = before.length === 0 ? repeated?.find(bytes, start) : undefined;
  if (known !== undefined) {
    reader.pos = known.end;
    return known.names;
  }
  const names = [...before, reader.string()];
  while (bytes[reader.pos] === bytes[start] && reader.pos < reader.end) {
    reader.pos++;
    names.push(reader.string());
  }
  if (before.length === 0) repeated?.remember(bytes, start, reader.pos, names);
  return names;
}

export function encodeDeltaRequest(request: DeltaDiscoveryRequest): Uint8Array {
  const writer = new ProtoWriter();
  const { node, errorDetail } = request;
  if (node !== undefined) writer.message(1, (w) => encodeNode(w, node));
  writer.stringField(2, request.typeUrl);
  for (const name of request.subscribe) writer.tag(3, 2).string(name);
  for (const name of request.unsubscribe) writer.tag(4, 2).string(name);
  for (const [name, version] of request.initialVersions)
    writer.message(5, (w) => w.stringField(1, name).stringField(2, version));
  writer.stringField(6, request.responseNonce);
  if (errorDetail !== undefined) writer.message(7, (w) => encodeError(w, errorDetail));
  return writer.finish();
}

function decodeNode(reader: ProtoReader): XdsNode {
  let id = '';
  let cluster = '';
  let agent = '';
  let version = '';
  const metadata = {};
  const locality = { region: '', zone: '', subZone: '' };
  while (reader.next()) {
    if (reader.field === 1) id = reader.string();
    else if (reader.field === 2) cluster = reader.string();
    else if (reader.field === 3) readStruct(reader.sub(), metadata);
    else if (reader.field === 4) decodeLocality(reader.sub(), locality);
    else if (reader.field === 6) agent = reader.string();
    else if (reader.field === 7) version = reader.string();
    else if (reader.field === 8) version = decodeBuildVersion(reader.sub());
    else reader.skip();
  }
  return { id, cluster, metadata, locality, userAgent: version === '' ? agent : `${agent}/${version}` };
}

function encodeNode(writer: ProtoWriter, node: XdsNode): void {
  const { locality } = node;
  writer.stringField(1, node.id).stringField(2, node.cluster);
  writer.message(3, (w) => writeStruct(w, node.metadata));
  if (locality.region !== '' || locality.zone !== '' || locality.subZone !== '') {
    writer.message(4, (w) =>
      w.stringField(1, locality.region).stringField(2, locality.zone).stringField(3, locality.subZone),
    );
  }
  const slash = node.userAgent.indexOf('/');
  writer.stringField(6, slash < 0 ? node.userAgent : node.userAgent.slice(0, slash));
  if (slash >= 0) writer.stringField(7, node.userAgent.slice(slash + 1));
}

function decodeLocality(reader: ProtoReader, into: { region: string; zone: string; subZone: string }): void {
  while (reader.next()) {
    if (reader.field === 1) into.region = reader.string();
    else if (reader.field === 2) into.zone = reader.string();
    else if (reader.field === 3) into.subZone = reader.string();
    else reader.skip();
  }
}

/** envoy.config.core.v3.BuildVersion as '1.40.0'. */
function decodeBuildVersion(reader: ProtoReader): string {
  const parts = [0, 0, 0];
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const semantic = reader.sub();
    while (semantic.next()) {
      if (semantic.field <= 3 && semantic.wire === 0) parts[semantic.field - 1] = semantic.uint32();
      else semantic.skip();
    }
  }
  return parts.join('.');
}

function decodeLocator(reader: ProtoReader): string {
  let name = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else reader.skip();
  }
  return name;
}

function decodeVersion(reader: ProtoReader, into: Map<string, string>): void {
  let name = '';
  let version = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) version = reader.string();
    else reader.skip();
  }
  into.set(name, version);
}

function decodeError(reader: ProtoReader): ErrorDetail {
  let code = 0;
  let message = '';
  while (reader.next()) {
    if (reader.field === 1 && reader.wire === 0) code = reader.int32();
    else if (reader.field === 2) message = reader.string();
    else reader.skip();
  }
  return { code, message };
}

function encodeError(writer: ProtoWriter, error: ErrorDetail): void {
  if (error.code !== 0) writer.tag(1, 0).int32(error.code);
  writer.stringField(2, error.message);
}
