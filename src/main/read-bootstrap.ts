// Envoy bootstrap files, JSON or YAML, taken apart into encoded resources. It loads protobuf-es and every type:
// a proxy has it done by another process (bootstrap-process.ts), so that none of it stays.

import { fromJson, toBinary } from '@bufbuild/protobuf';
import { parse } from 'yaml';
import { loadTypes } from '#proto';
import { BootstrapSchema } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { NamedResource } from '#proxy';

export interface BootstrapParts {
  readonly clusters: readonly NamedResource[];
  readonly listeners: readonly NamedResource[];
  /** ADS, or any other dynamic source, is configured. */
  readonly dynamic: boolean;
  /** All of it, encoded, for config_dump. */
  readonly bytes: Uint8Array;
  readonly node: {
    readonly id: string;
    readonly cluster: string;
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
}

/** Throws an Error that says where the text is no bootstrap. */
export async function readBootstrap(text: string): Promise<BootstrapParts> {
  const json: unknown = parse(text);
  const registry = await loadTypes();
  const message = fromJson(BootstrapSchema, json as never, { registry });
  const { staticResources, dynamicResources, admin, node } = message;
  const at = admin?.address?.address;
  return {
    clusters: (staticResources?.clusters ?? []).map((c) => ({
      name: c.name,
      bytes: toBinary(ClusterSchema, c),
      version: '',
    })),
    listeners: (staticResources?.listeners ?? []).map((l) => ({
      name: l.name,
      bytes: toBinary(ListenerSchema, l),
      version: '',
    })),
    dynamic: dynamicResources !== undefined,
    bytes: toBinary(BootstrapSchema, message),
    node: { id: node?.id ?? '', cluster: node?.cluster ?? '', metadata: node?.metadata ?? {} },
    adminAddress:
      at?.case === 'socketAddress'
        ? {
            host: at.value.address,
            port: at.value.portSpecifier.case === 'portValue' ? at.value.portSpecifier.value : 0,
          }
        : undefined,
  };
}
