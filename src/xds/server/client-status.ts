// Envoy's client status discovery (envoy/service/status/v3/csds.proto): what each connected proxy was sent and took.
//
// It shows configuration across tenants, so it is not registered with the discovery services: main
// adds it where callers are administrators. Secrets' contents are never shown.
import { TYPE_URL } from '#base';
import { ProtoReader, ProtoWriter } from '#proto/light.ts';
import { GRPC_STATUS, GrpcError, type GrpcServer, type ServerCall, unaryMethod } from '#wire/grpc';
import type { DumpedResource, XdsServer } from './server.ts';

const SERVICE = '/envoy.service.status.v3.ClientStatusDiscoveryService';
const CONFIG_STATUS = { acked: 1, sent: 3, rejected: 4 } as const;
const CLIENT_STATUS = { acked: 3, sent: 1, rejected: 4 } as const;

export function registerClientStatus(grpc: GrpcServer, xds: XdsServer, allowed: (call: ServerCall) => boolean): void {
  const answer = (request: Uint8Array, call: ServerCall): Uint8Array => {
    if (!allowed(call))
      throw new GrpcError(GRPC_STATUS.permissionDenied, 'client status is for administrators of the mesh');
    return clientStatus(xds, request);
  };
  grpc.register(`${SERVICE}/FetchClientStatus`, unaryMethod(answer));
  grpc.register(`${SERVICE}/StreamClientStatus`, (call) => ({
    onMessage: (bytes) => void call.send(answer(bytes, call)),
    onHalfClose: () => call.end(),
  }));
}

function clientStatus(xds: XdsServer, request: Uint8Array): Uint8Array {
  const { ids, bare } = readRequest(request);
  const writer = new ProtoWriter(4096);
  const seen = new Set<string>();
  for (const { id } of xds.proxies()) {
    if (seen.has(id) || (ids.size > 0 && !ids.has(id))) continue;
    seen.add(id);
    writer.message(1, (config) => {
      config.message(1, (node) => node.stringField(1, id));
      for (const [typeUrl, list] of xds.dump(id) ?? [])
        for (const entry of list) config.message(3, (w) => writeGeneric(w, typeUrl, entry, bare));
    });
  }
  return writer.finish();
}

function writeGeneric(writer: ProtoWriter, typeUrl: string, entry: DumpedResource, bare: boolean): void {
  const { resource, status, detail } = entry;
  writer.stringField(1, typeUrl).stringField(2, resource.name).stringField(3, resource.version);
  if (!bare && typeUrl !== TYPE_URL.secret)
    writer.message(4, (any) => any.stringField(1, typeUrl).bytesField(2, resource.bytes));
  writer.tag(6, 0).varint(CONFIG_STATUS[status]).tag(7, 0).varint(CLIENT_STATUS[status]);
  if (detail !== '') writer.message(8, (w) => w.stringField(3, detail).stringField(4, resource.version));
}

/** Node ids that are asked for by an exact matcher or by the node itself; none = all. Other matchers are refused, not ignored. */
function readRequest(bytes: Uint8Array): { readonly ids: ReadonlySet<string>; readonly bare: boolean } {
  const reader = new ProtoReader(bytes);
  const ids = new Set<string>();
  let bare = false;
  while (reader.next()) {
    if (reader.field === 1) ids.add(exactNodeId(reader.sub()));
    else if (reader.field === 3) bare = reader.bool();
    else reader.skip();
  }
  return { ids, bare };
}

function exactNodeId(matcher: ProtoReader): string {
  let id = '';
  while (matcher.next()) {
    if (matcher.field !== 1)
      throw new GrpcError(GRPC_STATUS.invalidArgument, 'node matchers: only node_id.exact is supported');
    const text = matcher.sub();
    while (text.next()) {
      if (text.field !== 1)
        throw new GrpcError(GRPC_STATUS.invalidArgument, 'node matchers: only node_id.exact is supported');
      id = text.string();
    }
  }
  return id;
}
