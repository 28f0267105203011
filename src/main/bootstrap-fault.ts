// What is wrong with a bootstrap's text, as `field.path: what, remedy`: the deepest field that protobuf's JSON reader does not take.

import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Registry,
} from '@bufbuild/protobuf';
import { nearest } from '#base';

const MAX_DEPTH = 100;

/** Undefined: the value can be read. */
export function jsonFault(
  value: JsonValue,
  desc: DescMessage,
  registry: Registry,
  path = '',
  depth = 0,
): string | undefined {
  if (reads(value, desc, registry)) return undefined;
  const at = path === '' ? 'the document' : path;
  if (depth > MAX_DEPTH) return `${at}: is nested too deeply: take levels out`;
  if (desc.typeName === 'google.protobuf.Any') return anyFault(value, registry, path, depth);
  if (desc.typeName === 'google.protobuf.Duration')
    return `${at}: ${shown(value)} is no duration: write seconds, for example 1.5s`;
  if (desc.typeName.startsWith('google.protobuf.')) return `${at}: ${shown(value)} is no ${short(desc.typeName)}`;
  if (!isObject(value)) return `${at}: ${shown(value)} is no ${short(desc.typeName)}: write its fields, as a mapping`;
  for (const [key, inner] of Object.entries(value)) {
    const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    const place = path === '' ? key : `${path}.${key}`;
    if (field === undefined) return `${place}: ${unknownField(key, desc)}`;
    if (!reads({ [key]: inner }, desc, registry)) return fieldFault(field, inner, registry, place, depth + 1);
  }
  return `${at}: its fields do not go together: of ${desc.oneofs.map(({ fields }) => fields.map(({ name }) => name).join(' or ')).join('; ')} give one`;
}

function unknownField(key: string, desc: DescMessage): string {
  const names = desc.fields.map(({ name }) => name);
  const close = nearest(key, names);
  return `${short(desc.typeName)} has no such field: ${close === undefined ? 'take it out' : `did you mean \`${close}\`?`}`;
}

function fieldFault(field: DescField, value: JsonValue, registry: Registry, path: string, depth: number): string {
  const one = (inner: JsonValue, place: string): string | undefined => {
    if (field.message !== undefined) return jsonFault(inner, field.message, registry, place, depth);
    const written = field.fieldKind === 'list' ? [inner] : field.fieldKind === 'map' ? { key: inner } : inner;
    return reads({ [field.name]: written }, field.parent, registry)
      ? undefined
      : `${place}: ${wrongValue(field, inner)}`;
  };
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return `${path}: ${shown(value)} is no list: write one`;
    for (const [i, inner] of value.entries()) {
      const found = one(inner, `${path}[${i}]`);
      if (found !== undefined) return found;
    }
  } else if (field.fieldKind === 'map') {
    if (!isObject(value)) return `${path}: ${shown(value)} is no mapping: write one`;
    for (const [key, inner] of Object.entries(value)) {
      const found = one(inner, `${path}.${key}`);
      if (found !== undefined) return found;
    }
  }
  return one(value, path) ?? `${path}: ${wrongValue(field, value)}`;
}

function wrongValue(field: DescField, value: JsonValue): string {
  if (field.enum !== undefined) {
    const names = field.enum.values.map(({ name }) => name);
    const close = typeof value === 'string' ? nearest(value, names) : undefined;
    return `${shown(value)} is none of ${names.join(', ')}: ${close === undefined ? 'write one of them' : `did you mean ${close}?`}`;
  }
  return `${shown(value)} does not fit the field: write a ${SCALARS[field.scalar ?? 0] ?? 'number'}`;
}

/** protobuf's ScalarType; all others are numbers. */
const SCALARS: Readonly<Record<number, string>> = { 8: 'true or false', 9: 'text', 12: 'text in base64' };

function anyFault(value: JsonValue, registry: Registry, path: string, depth: number): string {
  const { '@type': typeUrl, ...rest } = isObject(value) ? value : {};
  if (typeof typeUrl !== 'string')
    return `${path}: its @type is missing: write type.googleapis.com/ and the message's name`;
  const name = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const desc = registry.getMessage(name);
  if (desc === undefined)
    return `${path}: nothing here has the type "${name}": correct @type, or leave the extension out`;
  return jsonFault(rest, desc, registry, path, depth + 1) ?? `${path}: ${shown(value)} can not be read`;
}

function reads(value: JsonValue, desc: DescMessage, registry: Registry): boolean {
  try {
    fromJson(desc, value, { registry });
    return true;
  } catch {
    return false;
  }
}

const short = (typeName: string): string => typeName.slice(typeName.lastIndexOf('.') + 1);

function shown(value: JsonValue): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
