// Envoy bootstrap files, JSON or YAML, as protobuf: protobuf-es and all types are loaded for this and for nothing else.

import { fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { loadTypes } from '#proto';
import { type Bootstrap, BootstrapSchema } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { NamedResource } from '#proxy';

/** Throws an Error that says where the text is no bootstrap. */
export async function readBootstrap(text: string): Promise<Uint8Array> {
  const { parse } = await import('yaml');
  const json: unknown = parse(text);
  const registry = await loadTypes();
  return toBinary(BootstrapSchema, fromJson(BootstrapSchema, json as never, { registry }));
}

export async function encodeBootstrapParts(bytes: Uint8Array): Promise<{ readonly message: Bootstrap; readonly clusters: NamedResource[]; readonly listeners: NamedResource[] }> {
  const message = fromBinary(BootstrapSchema, bytes);
  const clusters = (message.staticResources?.clusters ?? []).map((c) => ({ name: c.name, bytes: toBinary(ClusterSchema, c), version: '' }));
  const listeners = (message.staticResources?.listeners ?? []).map((l) => ({ name: l.name, bytes: toBinary(ListenerSchema, l), version: '' }));
  return { message, clusters, listeners };
}
