// Envoy bootstrap files, JSON or YAML, taken apart into encoded resources. It loads protobuf-es and every type:
// a proxy has it done by another process (bootstrap-process.ts), so that none of it stays.

import { fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { parse, type YAMLParseError } from 'yaml';
import { loadTypes } from '#proto';
import { type Bootstrap, BootstrapSchema } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ApiConfigSource_ApiType } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { Node } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { NamedResource, StreamReset } from '#proxy';
import { jsonFault } from './bootstrap-fault.ts';
import { plainJson } from './bootstrap-json.ts';
import { checkBootstrap } from './check-bootstrap.ts';
import { readOverload } from './read-overload.ts';

export interface BootstrapParts {
  readonly clusters: readonly NamedResource[];
  readonly listeners: readonly NamedResource[];
  /** The aggregated stream that dynamic resources come by. */
  readonly ads: { readonly cluster: string; readonly delta: boolean } | undefined;
  /** Which streams are reset when memory is short, where it says. */
  readonly streamReset: StreamReset | undefined;
  /** What stands in it and means nothing to this proxy. */
  readonly without: readonly string[];
  /** All of it, encoded, for config_dump. */
  readonly bytes: Uint8Array;
  readonly node: {
    readonly id: string;
    readonly cluster: string;
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  };
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
}

/** Later texts are merged over earlier ones, as protobuf merges. Throws an Error that begins with the path of the field that is wrong. */
export async function readBootstrap(...texts: readonly string[]): Promise<BootstrapParts> {
  const registry = await loadTypes();
  const encoded = texts.map((text) => {
    const value = parsed(text) as never;
    refuseObjects(value);
    const plain = plainJson(value, BootstrapSchema, registry);
    try {
      return toBinary(BootstrapSchema, fromJson(BootstrapSchema, plain, { registry }));
    } catch (error) {
      throw new Error(jsonFault(plain, BootstrapSchema, registry) ?? (error as Error).message);
    }
  });
  // Encodings in a row are their merger.
  const message = fromBinary(BootstrapSchema, Buffer.concat(encoded));
  const without = checkBootstrap(message, registry);
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
    ads: readAds(dynamicResources),
    streamReset: readOverload(message).streamReset,
    without,
    bytes: toBinary(BootstrapSchema, message),
    node: {
      id: node?.id ?? '',
      cluster: node?.cluster ?? '',
      metadata: node?.metadata ?? {},
      locality: localityOf(node),
    },
    adminAddress:
      at?.case === 'socketAddress'
        ? {
            host: at.value.address,
            port: at.value.portSpecifier.case === 'portValue' ? at.value.portSpecifier.value : 0,
          }
        : undefined,
  };
}

/** Throws an Error that begins with the line's number. */
function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const { linePos, message } = error as YAMLParseError;
    throw new Error(`${linePos?.[0].line ?? 1}: ${message.replace(/ at line [^]*$/, '')}: correct the YAML`);
  }
}

/** A bootstrap has neither field; what has both is meant for a mesh. */
function refuseObjects(value: { readonly apiVersion?: unknown; readonly kind?: unknown } | null): void {
  if (typeof value?.apiVersion === 'string' && typeof value.kind === 'string')
    throw new Error(`this is no Envoy bootstrap but a ${value.kind}: give it to a mesh with "topsail apply -f"`);
}

/** Listeners and clusters come by ADS or not at all; nothing that is asked for is left out silently. */
function readAds(dynamic: Bootstrap['dynamicResources']): BootstrapParts['ads'] {
  if (dynamic === undefined) return undefined;
  for (const [field, source] of [
    ['lds_config', dynamic.ldsConfig],
    ['cds_config', dynamic.cdsConfig],
  ] as const) {
    if (source !== undefined && source.configSourceSpecifier.case !== 'ads')
      throw new Error(`dynamic_resources.${field}: this proxy takes resources over ads_config only: give { ads: {} }`);
  }
  const ads = dynamic.adsConfig;
  if (ads === undefined) throw new Error('dynamic_resources.ads_config is missing');
  const service = ads.grpcServices[0]?.targetSpecifier;
  if (service?.case !== 'envoyGrpc')
    throw new Error('dynamic_resources.ads_config.grpc_services: name a static cluster by envoy_grpc.cluster_name');
  const { GRPC, DELTA_GRPC } = ApiConfigSource_ApiType;
  if (ads.apiType !== GRPC && ads.apiType !== DELTA_GRPC)
    throw new Error('dynamic_resources.ads_config.api_type: give GRPC or DELTA_GRPC');
  return { cluster: service.value.clusterName, delta: ads.apiType === DELTA_GRPC };
}

function localityOf(node: Node | undefined): BootstrapParts['node']['locality'] {
  const { region = '', zone = '', subZone = '' } = node?.locality ?? {};
  return { region, zone, subZone };
}
