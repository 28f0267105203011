// Writes a bootstrap as protobuf's JSON wants it, from what Envoy takes besides: durations as messages ({ seconds: 1 }), and a field
// in both its spellings, of which the later counts.

import type { DescMessage, JsonObject, JsonValue, Registry } from '@bufbuild/protobuf';

const MAX_DEPTH = 100;

/** Leaves alone what is no message: reading it says what is wrong. */
export function plainJson(value: JsonValue, desc: DescMessage, registry: Registry, depth = 0): JsonValue {
  if (!isObject(value) || depth > MAX_DEPTH) return value;
  if (desc.typeName === 'google.protobuf.Duration') return durationOf(value);
  if (desc.typeName === 'google.protobuf.Any') return plainAny(value, registry, depth);
  if (desc.typeName.startsWith('google.protobuf.')) return value;
  const out: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field === undefined) {
      out[key] = inner;
      continue;
    }
    const kind = field.message;
    const plain = (one: JsonValue): JsonValue => (kind === undefined ? one : plainJson(one, kind, registry, depth + 1));
    // A repeated spelling stands where it was last.
    delete out[field.name];
    if (field.fieldKind === 'map' && isObject(inner))
      out[field.name] = Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, plain(one)]));
    else out[field.name] = Array.isArray(inner) ? inner.map(plain) : plain(inner);
  }
  return out;
}

function plainAny(value: JsonObject, registry: Registry, depth: number): JsonValue {
  const { '@type': typeUrl, ...rest } = value;
  const desc =
    typeof typeUrl === 'string' ? registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) : undefined;
  if (desc === undefined || desc.typeName.startsWith('google.protobuf.')) return value;
  return { '@type': typeUrl as string, ...(plainJson(rest, desc, registry, depth + 1) as JsonObject) };
}

function durationOf(value: JsonObject): JsonValue {
  const { seconds = 0, nanos = 0, ...others } = value;
  const [whole, part] = [Number(seconds), Number(nanos)];
  if (Object.keys(others).length > 0 || !Number.isSafeInteger(whole) || !Number.isInteger(part)) return value;
  if (Math.abs(part) > 999_999_999 || whole * part < 0) return value;
  const sign = whole < 0 || part < 0 ? '-' : '';
  return `${sign}${Math.abs(whole)}.${String(Math.abs(part)).padStart(9, '0')}s`;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
