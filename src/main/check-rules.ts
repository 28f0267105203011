// The rules that Envoy's messages carry with their fields (protoc-gen-validate), held against a message and all that is in it, extensions
// too. Read by reflection: it stands where a bootstrap is read, in a process that ends with it.

import { type DescField, type DescMessage, fromBinary, getOption, hasOption, type Registry } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import type { Any, Duration } from '@bufbuild/protobuf/wkt';
import { disabled, type FieldRules, KnownRegex, required, rules } from '#proto/validate/validate_pb.ts';
import { MEANINGS } from './check-meanings.ts';

type Rules = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 64;
/** Rules that Envoy 1.40 has no more. */
const DROPPED: ReadonlySet<string> = new Set(['envoy.type.v3.TokenBucket.max_tokens']);
/** Beyond it Envoy can't count in milliseconds. */
const MAX_SECONDS = 315_576_000_000n;

/** The first rule that is broken, as a sentence with the field's path; undefined: none is. */
export function brokenRule(
  schema: DescMessage,
  message: unknown,
  registry: Registry,
  path: string,
  depth = 0,
): string | undefined {
  if (depth > MAX_DEPTH) return `${path}: is nested too deeply`;
  return checkMessage(reflect(schema, message as never), registry, path, depth);
}

function checkMessage(message: ReflectMessage, registry: Registry, path: string, depth: number): string | undefined {
  const { desc } = message;
  if (desc.typeName === 'google.protobuf.Any') return checkAny(message.message as Any, registry, path, depth);
  if (desc.typeName.startsWith('google.protobuf.')) return undefined;
  if (hasOption(desc, disabled) && getOption(desc, disabled)) return undefined;
  const beyond = MEANINGS[desc.typeName]?.(message.message as never);
  if (beyond !== undefined) return `${path}${beyond}`;
  for (const oneof of desc.oneofs)
    if (getOption(oneof, required) && message.oneofCase(oneof) === undefined)
      return `${path}.${oneof.name}: is required, one of ${oneof.fields.map(({ name }) => name).join(', ')}`;
  for (const field of desc.fields) {
    const at = `${path}.${field.name}`;
    const found = checkField(message, field, registry, at, depth);
    if (found !== undefined) return found;
  }
  return undefined;
}

function checkAny(any: Any, registry: Registry, path: string, depth: number): string | undefined {
  const schema = registry.getMessage(any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1));
  if (schema === undefined) return undefined;
  return brokenRule(schema, fromBinary(schema, any.value), registry, path, depth + 1);
}

function checkField(
  message: ReflectMessage,
  field: DescField,
  registry: Registry,
  at: string,
  depth: number,
): string | undefined {
  const ruled = hasOption(field, rules) && !DROPPED.has(`${field.parent.typeName}.${field.name}`);
  const own = ruled ? getOption(field, rules) : undefined;
  const set = message.isSet(field);
  if (field.oneof !== undefined && !set) return undefined;
  if (field.fieldKind === 'list') return checkList(message.get(field) as ReflectList, own, registry, at, depth);
  if (field.fieldKind === 'map') return checkMap(message.get(field) as ReflectMap, own, registry, at, depth);
  if (field.fieldKind === 'message') {
    if (!set) return isRequired(own) ? `${at}: is required` : undefined;
    return checkValue(message.get(field), own, registry, at, depth);
  }
  // A proto3 field with presence that is absent has no value to be judged.
  if (!set && field.presence !== IMPLICIT) return undefined;
  const value: unknown = message.get(field);
  if (field.fieldKind === 'enum' && own?.type.case === 'enum' && own.type.value.definedOnly === true)
    if (field.enum.value[Number(value)] === undefined) return `${at}: ${String(value)} has no meaning`;
  return checkValue(value, own, registry, at, depth);
}

/** protobuf-es' FeatureSet.FieldPresence. */
const IMPLICIT = 2;

function isRequired(own: FieldRules | undefined): boolean {
  if (own?.message?.required === true) return true;
  const { type } = own ?? {};
  return (
    (type?.case === 'duration' || type?.case === 'any' || type?.case === 'timestamp') && type.value.required === true
  );
}

function checkList(
  list: ReflectList,
  own: FieldRules | undefined,
  registry: Registry,
  at: string,
  depth: number,
): string | undefined {
  // Of proto2 messages the defaults stand in the prototype: only what was written counts.
  const given = own?.type.case === 'repeated' ? { ...own.type.value } : undefined;
  if (given?.minItems !== undefined && list.size < given.minItems)
    return `${at}: needs at least ${given.minItems} items`;
  if (given?.maxItems !== undefined && list.size > given.maxItems)
    return `${at}: has more than ${given.maxItems} items`;
  if (given?.unique === true && new Set(list).size < list.size) return `${at}: has an item twice`;
  let i = 0;
  for (const item of list) {
    const found = checkValue(item, given?.items, registry, `${at}[${i++}]`, depth);
    if (found !== undefined) return found;
  }
  return undefined;
}

function checkMap(
  map: ReflectMap,
  own: FieldRules | undefined,
  registry: Registry,
  at: string,
  depth: number,
): string | undefined {
  const given = own?.type.case === 'map' ? { ...own.type.value } : undefined;
  if (given?.minPairs !== undefined && map.size < given.minPairs)
    return `${at}: needs at least ${given.minPairs} entries`;
  if (given?.maxPairs !== undefined && map.size > given.maxPairs)
    return `${at}: has more than ${given.maxPairs} entries`;
  for (const [key, value] of map) {
    const here = `${at}[${JSON.stringify(key)}]`;
    const found =
      checkValue(key, given?.keys, registry, here, depth) ?? checkValue(value, given?.values, registry, here, depth);
    if (found !== undefined) return found;
  }
  return undefined;
}

function checkValue(
  value: unknown,
  own: FieldRules | undefined,
  registry: Registry,
  at: string,
  depth: number,
): string | undefined {
  if (own?.message?.skip === true) return undefined;
  if (isReflected(value)) {
    const { typeName } = value.desc;
    if (typeName === 'google.protobuf.Duration') return checkDuration(value.message as Duration, own, at);
    const wrapped = WRAPPERS.has(typeName) ? value.desc.fields[0] : undefined;
    if (wrapped !== undefined) return checkScalar(value.get(wrapped), own, at);
    if (depth > MAX_DEPTH) return `${at}: is nested too deeply`;
    return checkMessage(value, registry, at, depth + 1);
  }
  return checkScalar(value, own, at);
}

const WRAPPERS: ReadonlySet<string> = new Set(
  ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map(
    (kind) => `google.protobuf.${kind}Value`,
  ),
);

function isReflected(value: unknown): value is ReflectMessage {
  return typeof value === 'object' && value !== null && 'desc' in value && 'message' in value;
}

function checkDuration(value: Duration, own: FieldRules | undefined, at: string): string | undefined {
  const nanos = value.seconds * 1_000_000_000n + BigInt(value.nanos);
  if (value.seconds > MAX_SECONDS) return `${at}: is longer than Envoy can count`;
  const given = own?.type.case === 'duration' ? { ...own.type.value } : undefined;
  const of = (limit: Duration | undefined): bigint | undefined =>
    limit === undefined ? undefined : limit.seconds * 1_000_000_000n + BigInt(limit.nanos);
  const broken = outOf(nanos, { gt: of(given?.gt), gte: of(given?.gte), lt: of(given?.lt), lte: of(given?.lte) });
  if (broken !== undefined) return `${at}: must be ${broken} ns`;
  return nanos < 0n ? `${at}: must not be negative` : undefined;
}

function checkScalar(value: unknown, own: FieldRules | undefined, at: string): string | undefined {
  const { type } = own ?? {};
  if (type?.case === undefined) return undefined;
  const given: Rules = { ...type.value };
  if (given['ignoreEmpty'] === true && (value === '' || value === 0)) return undefined;
  const wanted = 'const' in given ? given['const'] : undefined;
  if (wanted !== undefined && value !== wanted) return `${at}: must be ${String(wanted)}`;
  const among = given['in'];
  if (Array.isArray(among) && among.length > 0 && !among.includes(value))
    return `${at}: must be one of ${among.join(', ')}`;
  const except = given['notIn'];
  if (Array.isArray(except) && except.includes(value)) return `${at}: must not be ${String(value)}`;
  if (type.case === 'string') return textRule(String(value), given, at);
  if (type.case === 'bytes') return lengthRule((value as Uint8Array).length, given, 'minLen', 'maxLen', at);
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const broken = outOf(value, given as Limits);
  return broken === undefined ? undefined : `${at}: must be ${broken}`;
}

interface Limits {
  readonly gt?: number | bigint | undefined;
  readonly gte?: number | bigint | undefined;
  readonly lt?: number | bigint | undefined;
  readonly lte?: number | bigint | undefined;
}

function outOf(value: number | bigint, { gt, gte, lt, lte }: Limits): string | undefined {
  if (gt !== undefined && value <= gt) return `above ${gt}`;
  if (gte !== undefined && value < gte) return `at least ${gte}`;
  if (lt !== undefined && value >= lt) return `below ${lt}`;
  return lte !== undefined && value > lte ? `at most ${lte}` : undefined;
}

function textRule(text: string, given: Rules, at: string): string | undefined {
  const broken =
    lengthRule([...text].length, given, 'minLen', 'maxLen', at) ??
    lengthRule(Buffer.byteLength(text), given, 'minBytes', 'maxBytes', at);
  if (broken !== undefined) return broken;
  const { prefix, suffix, contains, pattern, notContains } = given as Readonly<Record<string, string | undefined>>;
  if (prefix !== undefined && !text.startsWith(prefix)) return `${at}: must begin with ${prefix}`;
  if (suffix !== undefined && !text.endsWith(suffix)) return `${at}: must end with ${suffix}`;
  if (contains !== undefined && !text.includes(contains)) return `${at}: must contain ${contains}`;
  if (notContains !== undefined && text.includes(notContains)) return `${at}: must not contain ${notContains}`;
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(text)) return `${at}: must match ${pattern}`;
  const known = given['wellKnown'] as { readonly case?: string; readonly value?: unknown } | undefined;
  if (known?.case !== 'wellKnownRegex') return undefined;
  const strict = given['strict'] !== false;
  const name = known.value === KnownRegex.HTTP_HEADER_NAME;
  const allowed = !strict ? ANY_TEXT : name ? HEADER_NAME : HEADER_VALUE;
  return allowed.test(text) ? undefined : `${at}: is no ${name ? 'name' : 'value'} of a header`;
}

const HEADER_NAME = /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const HEADER_VALUE = /^[^\u0000-\u0008\n-\u001f\u007f]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const ANY_TEXT = /^[^\u0000\n\r]*$/;

function lengthRule(length: number, given: Rules, least: string, most: string, at: string): string | undefined {
  const [from, to] = [given[least] as bigint | undefined, given[most] as bigint | undefined];
  if (from !== undefined && length < from) return `${at}: must have at least ${from} characters`;
  return to !== undefined && length > to ? `${at}: must have at most ${to} characters` : undefined;
}
