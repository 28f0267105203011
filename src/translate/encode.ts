// Small constructors for the protobuf values that every generator needs, and the making of resources from messages.

import { createHash } from 'node:crypto';
import { create, type DescMessage, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Any, Duration } from '@bufbuild/protobuf/wkt';
import { AnySchema, DurationSchema } from '@bufbuild/protobuf/wkt';
import type { ObjectRef, XdsResource } from '#base';
import { typeUrlOf } from '#proto';
import type { Address, AddressSchema } from '#proto/envoy/config/core/v3/address_pb.ts';
import type { ConfigSourceSchema } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import { ApiConfigSource_ApiType, ApiVersion } from '#proto/envoy/config/core/v3/config_source_pb.ts';

/** The plain form of a message, without the finished one: so that parts can be spread into a whole. */
export type Init<D extends DescMessage> = Exclude<MessageInitShape<D>, Message>;
export type { Address };

export function duration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

export function any<D extends DescMessage>(schema: D, init: Init<D>): Any {
  return create(AnySchema, {
    typeUrl: typeUrlOf(schema),
    value: toBinary(schema, create(schema, init as MessageInitShape<D>)),
  });
}

/** A TypedExtensionConfig, an HttpFilter, a TransportSocket…: whatever has a name and a typedConfig. */
export function typed<D extends DescMessage>(name: string, schema: D, init: Init<D>) {
  return { name, configType: { case: 'typedConfig' as const, value: any(schema, init) } };
}

/** An IP address and port, or a Unix socket ("unix:///path", "unix://@name"). */
export function address(host: string, port: number): Init<typeof AddressSchema> {
  if (host.startsWith('unix://')) return { address: { case: 'pipe', value: { path: host.slice('unix://'.length) } } };
  return {
    address: { case: 'socketAddress', value: { address: host, portSpecifier: { case: 'portValue', value: port } } },
  };
}

export const ADS: Init<typeof ConfigSourceSchema> = {
  configSourceSpecifier: { case: 'ads', value: {} },
  resourceApiVersion: ApiVersion.V3,
  initialFetchTimeout: duration(0),
};

/** Secrets that the agent holds: certificates of the workload and files. */
export const AGENT_SDS: Init<typeof ConfigSourceSchema> = {
  configSourceSpecifier: {
    case: 'apiConfigSource',
    value: {
      apiType: ApiConfigSource_ApiType.GRPC,
      transportApiVersion: ApiVersion.V3,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: 'sds-grpc' } } }],
    },
  },
  resourceApiVersion: ApiVersion.V3,
  initialFetchTimeout: duration(0),
};

export function versionOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64url').slice(0, 16);
}

export function resource<D extends DescMessage>(
  schema: D,
  name: string,
  init: Init<D>,
  origins: readonly ObjectRef[],
): XdsResource {
  return resourceFromBytes(
    typeUrlOf(schema),
    name,
    toBinary(schema, create(schema, init as MessageInitShape<D>)),
    origins,
  );
}

export function resourceFromBytes(
  typeUrl: string,
  name: string,
  bytes: Uint8Array,
  origins: readonly ObjectRef[],
): XdsResource {
  return Object.freeze({ typeUrl, name, bytes, version: versionOf(bytes), origins: uniqueRefs(origins) });
}

export function uniqueRefs(refs: readonly ObjectRef[]): readonly ObjectRef[] {
  const seen = new Map<string, ObjectRef>();
  for (const ref of refs) seen.set(`${ref.kind}/${ref.namespace}/${ref.name}`, ref);
  return [...seen.values()];
}
