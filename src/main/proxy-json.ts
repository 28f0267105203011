// Shows a connected proxy's sync state, and what it was sent, as the API's JSON.
import { fromBinary, toJson } from '@bufbuild/protobuf';
import type { ProxyJson } from '#api';
import { type Clock, TYPE_URL } from '#base';
import { loadTypes } from '#proto';
import { appendMessages } from '#proto/light.ts';
import type { DumpedResource, ProxySync, TypeSync } from '#xds';

const SHORT: Readonly<Record<string, string>> = {
  [TYPE_URL.cluster]: 'CDS',
  [TYPE_URL.listener]: 'LDS',
  [TYPE_URL.endpoint]: 'EDS',
  [TYPE_URL.route]: 'RDS',
  [TYPE_URL.secret]: 'SDS',
  [TYPE_URL.extensionConfig]: 'ECDS',
  [TYPE_URL.virtualHost]: 'VHDS',
  [TYPE_URL.nameTable]: 'NDS',
};
const PARTS: Readonly<Record<string, string>> = {
  [TYPE_URL.listener]: 'listeners',
  [TYPE_URL.route]: 'routes',
  [TYPE_URL.cluster]: 'clusters',
  [TYPE_URL.endpoint]: 'endpoints',
  [TYPE_URL.secret]: 'secrets',
};

export function proxyJson(sync: ProxySync, clock: Clock): ProxyJson {
  const { node } = sync;
  const { metadata } = node;
  const types: Record<string, ProxyJson['types'][string]> = {};
  for (const type of sync.types) types[SHORT[type.typeUrl] ?? type.typeUrl] = stateOf(type);
  return {
    id: node.id,
    name: node.parsed?.workload ?? node.id,
    namespace: node.parsed?.namespace ?? metadata.NAMESPACE ?? '',
    type: node.parsed?.type ?? 'grpc',
    version: node.userAgent.split('/')[1] ?? metadata.ISTIO_VERSION ?? '',
    dataPlane: metadata.TOPSAIL_DATA_PLANE ?? node.userAgent.split('/')[0] ?? 'unknown',
    capture: metadata.TOPSAIL_CAPTURE ?? '',
    adminPort: metadata.TOPSAIL_ADMIN_PORT ?? 0,
    connectedMs: clock.wallTime() - sync.connectedAtMs,
    principal: node.principal,
    types,
    watermark: sync.watermark,
    lastError: sync.rejects.map((one) => `${one.name}: ${one.detail}`).join('; '),
  };
}

function stateOf(type: TypeSync): ProxyJson['types'][string] {
  if (type.error !== '') return 'REJECTED';
  // A client that came back with what it held is in sync though nothing was sent.
  if (type.versionSent === '' && type.held === 0 && type.subscribed > 0) return 'NOT SENT';
  return type.outstanding > 0 ? 'STALE' : 'SYNCED';
}

/** envoy.config.route.v3.RouteConfiguration.virtual_hosts */
const VIRTUAL_HOSTS = 2;

/** By part; private keys are left out. */
export async function dumpProxy(
  dump: ReadonlyMap<string, readonly DumpedResource[]>,
): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const registry = await loadTypes();
  const parts: Record<string, unknown[]> = { listeners: [], routes: [], clusters: [], endpoints: [], secrets: [] };
  for (const [typeUrl, resources] of dump) {
    const part = parts[PARTS[typeUrl] ?? ''];
    const schema = registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
    if (part === undefined || schema === undefined) continue;
    for (const { resource } of resources) {
      // A proxy that takes virtual hosts by themselves has a table's there.
      const hosts = typeUrl === TYPE_URL.route ? hostsOf(dump, resource.name) : [];
      const bytes = hosts.length === 0 ? resource.bytes : appendMessages(resource.bytes, VIRTUAL_HOSTS, hosts);
      part.push(withoutKeys(toJson(schema, fromBinary(schema, bytes), { registry })));
    }
  }
  return parts;
}

function hostsOf(dump: ReadonlyMap<string, readonly DumpedResource[]>, table: string): readonly Uint8Array[] {
  return (dump.get(TYPE_URL.virtualHost) ?? [])
    .filter(({ resource }) => resource.name.startsWith(`${table}/`))
    .map(({ resource }) => resource.bytes);
}

function withoutKeys(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || !('tlsCertificate' in json)) return json;
  return { ...json, tlsCertificate: { ...(json.tlsCertificate as object), privateKey: '[redacted]' } };
}
