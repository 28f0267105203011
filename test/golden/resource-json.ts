// Resources as sorted JSON, with every Any opened.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRegistry, type DescFile, fromBinary, type JsonValue, type Registry, toJson } from '@bufbuild/protobuf';
import { file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';
import type { ResourceSet, XdsResource } from '#base';

const GENERATED = join(import.meta.dirname, '../../src/proto/gen');
const PARTS = ['envoy/config', 'envoy/extensions', 'envoy/type', 'io', 'istio', 'topsail'];

export async function protoRegistry(): Promise<Registry> {
  const files: DescFile[] = [file_google_protobuf_wrappers];
  for (const part of PARTS) {
    for (const entry of readdirSync(join(GENERATED, part), { recursive: true, encoding: 'utf8' })) {
      if (!entry.endsWith('_pb.ts')) continue;
      const module = (await import(join(GENERATED, part, entry))) as Record<string, unknown>;
      for (const [name, value] of Object.entries(module)) if (name.startsWith('file_')) files.push(value as DescFile);
    }
  }
  return createRegistry(...files);
}

export function resourceJson(resource: XdsResource, registry: Registry): JsonValue {
  const schema = registry.getMessage(resource.typeUrl.slice(resource.typeUrl.lastIndexOf('/') + 1));
  if (schema === undefined) throw new Error(`no schema for ${resource.typeUrl}`);
  return toJson(schema, fromBinary(schema, resource.bytes), { registry });
}

/** Type (its last word) -> name -> JSON, all keys sorted. */
export function setJson(set: ResourceSet, registry: Registry): string {
  const types: Record<string, Record<string, JsonValue>> = {};
  for (const [typeUrl, resources] of set) {
    if (resources.size === 0) continue;
    const short = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
    types[short] = Object.fromEntries(
      [...resources].map(([name, resource]) => [name, resourceJson(resource, registry)]),
    );
  }
  return `${JSON.stringify(sorted(types), undefined, 1)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
