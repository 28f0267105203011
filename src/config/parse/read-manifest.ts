// One manifest, already plain data, becomes a ConfigObject or problems: identity, metadata, spec, Istio's rules.

import { forceOf, KIND_FORCE } from '../model/force.ts';
import { insteadOf } from '../model/instead.ts';
import { isKind, type KindInfo, KINDS, type KindName, SCHEMAS } from '../model/kinds.ts';
import { MetadataSchema } from '../model/metadata.ts';
import { type ConfigObject, objectKey, type ObjectMeta, type ObjectSource } from '../model/object.ts';
import type { Spec } from '../model/schema.ts';
import { shapeOf } from '../model/shape.ts';
import type { Path, Problems } from '../problem.ts';
import { validateObject } from '../validate/validate-object.ts';
import { identify } from './identify.ts';
import { judgeUnread } from './judge-unread.ts';
import { isMapping, readBySchema } from './read-by-schema.ts';

export interface ManifestOptions {
  readonly defaultNamespace: string;
  /** Age of objects that do not say it themselves. */
  readonly createdMs: number;
}

export interface ReadManifest {
  /** What could be read of the object's identity; undefined when it could not. */
  readonly kind?: KindName;
  readonly namespace?: string;
  readonly name?: string;
  readonly object?: ConfigObject;
}

const NOT_THE_BODY = new Set(['apiVersion', 'kind', 'metadata', 'status']);
const metadataShape = shapeOf(MetadataSchema);

export function readManifest(
  manifest: Readonly<Record<string, unknown>>,
  source: ObjectSource,
  problems: Problems,
  options: ManifestOptions,
): ReadManifest {
  const identity = identify(manifest, problems);
  if (!identity.known) return looseIdentity(manifest, options.defaultNamespace);
  const { kind, info } = identity;
  const read = readMetadata(manifest['metadata'], info, problems, options);
  const metadata = read ?? { ...UNREAD, namespace: info.namespaced ? options.defaultNamespace : '' };
  const found =
    read === undefined
      ? looseIdentity(manifest, options.defaultNamespace)
      : { kind, namespace: read.namespace, name: read.name };
  if (KIND_FORCE[kind] === 'refused')
    problems.say('TS-CFG-0203', ['kind'], { kind: info.manifest, instead: insteadOf(kind, manifest) });
  const spec = readSpec(manifest, kind, info, problems);
  if (spec === undefined) return found;
  const object: ConfigObject = Object.freeze({
    apiVersion: manifest['apiVersion'] as string,
    kind,
    metadata,
    spec: kind === 'Secret' ? mergeStringData(spec as Spec<(typeof SCHEMAS)['Secret']>) : spec,
    source,
    key: objectKey(kind, metadata.namespace, metadata.name),
  });
  const path = info.body === 'spec' ? ['spec'] : [];
  if (problems.failed) judgeUnread(object, manifest, problems, path);
  else validateObject(object, problems, path);
  return problems.failed || read === undefined ? found : { ...found, object };
}

/** Who a bad manifest claims to be: so that its last good version, or a denial, can stand in for it. */
function looseIdentity(manifest: Readonly<Record<string, unknown>>, defaultNamespace: string): ReadManifest {
  const kind = manifest['kind'];
  const metadata = manifest['metadata'];
  if (typeof kind !== 'string' || !isKind(kind) || !isMapping(metadata)) return {};
  const { name, namespace } = metadata as { name?: unknown; namespace?: unknown };
  if (typeof name !== 'string' || !DNS_SUBDOMAIN.test(name)) return { kind };
  const place = typeof namespace === 'string' && DNS_LABEL.test(namespace) ? namespace : defaultNamespace;
  return { kind, name, namespace: KINDS[kind].namespaced ? place : '' };
}

function readMetadata(
  value: unknown,
  info: KindInfo,
  problems: Problems,
  options: ManifestOptions,
): ObjectMeta | undefined {
  const before = problems.list.length;
  const read = readBySchema(metadataShape, value ?? {}, problems, { unknown: 'TS-CFG-0114' }, ['metadata']) as
    | Spec<typeof MetadataSchema>
    | undefined;
  if (read === undefined || problems.list.slice(before).some((p) => p.code !== 'TS-CFG-0114')) return undefined;
  const name = read.name ?? '';
  if (name === '') problems.say('TS-CFG-0103', ['metadata', 'name'], { field: 'name' }, { expected: 'text' });
  else if (!DNS_SUBDOMAIN.test(name)) problems.say('TS-CFG-0008', ['metadata', 'name'], { name, rule: 'DNS name' });
  if (!info.namespaced && read.namespace !== undefined) {
    problems.say('TS-CFG-0009', ['metadata', 'namespace'], {
      reason: `${info.manifest} objects belong to no namespace`,
    });
  }
  const namespace = info.namespaced ? (read.namespace ?? options.defaultNamespace) : '';
  if (info.namespaced && !DNS_LABEL.test(namespace)) {
    problems.say('TS-CFG-0009', ['metadata', 'namespace'], { reason: `${namespace} is no DNS label` });
  }
  if (problems.list.length > before && problems.failed) return undefined;
  const created = read.creationTimestamp === undefined ? Number.NaN : Date.parse(read.creationTimestamp);
  return Object.freeze({
    name,
    namespace,
    labels: read.labels ?? EMPTY,
    annotations: read.annotations ?? EMPTY,
    creationTimestampMs: Number.isNaN(created) ? options.createdMs : created,
    generation: read.generation ?? 0,
    resourceVersion: read.resourceVersion ?? '',
    ...(read.uid === undefined ? {} : { uid: read.uid }),
  });
}

const EMPTY: Readonly<Record<string, string>> = Object.freeze({});
/** Of an object that is judged without. */
const UNREAD: ObjectMeta = Object.freeze({
  ...{ name: '', namespace: '', labels: EMPTY, annotations: EMPTY, creationTimestampMs: 0, generation: 0 },
  resourceVersion: '',
});
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function readSpec(
  manifest: Readonly<Record<string, unknown>>,
  kind: KindName,
  info: KindInfo,
  problems: Problems,
): unknown {
  const shape = shapeOf(SCHEMAS[kind]);
  const lenient = info.origin !== 'crd';
  const force = KIND_FORCE[kind] === 'refused' ? undefined : forceOf(kind);
  const options = {
    unknown: lenient ? 'TS-CFG-0114' : 'TS-CFG-0101',
    ...(force === undefined ? {} : { force }),
  } as const;
  if (info.body === 'top') return readBySchema(shape, bodyOf(manifest), problems, options);
  for (const field of Object.keys(manifest)) {
    if (!NOT_THE_BODY.has(field) && field !== 'spec')
      problems.say(options.unknown, [field], { field }, { nearest: 'spec', atKey: true });
  }
  const body = manifest['spec'];
  if (body === undefined && info.specRequired) {
    problems.say('TS-CFG-0012', [], { kind: info.manifest });
    return undefined;
  }
  return readBySchema(shape, body ?? {}, problems, options, ['spec'] satisfies Path);
}

function bodyOf(manifest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(manifest).filter(([field]) => !NOT_THE_BODY.has(field)));
}

/** As Kubernetes does it: stringData is text and wins over data. */
function mergeStringData(spec: Spec<(typeof SCHEMAS)['Secret']>): Spec<(typeof SCHEMAS)['Secret']> {
  const { stringData, ...rest } = spec;
  if (stringData === undefined) return spec;
  const encoded = Object.entries(stringData).map(
    ([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')] as const,
  );
  return Object.freeze({ ...rest, data: Object.freeze({ ...rest.data, ...Object.fromEntries(encoded) }) });
}

/** The items of a `kind: List`, or undefined when it is none. */
export function itemsOf(manifest: unknown): readonly unknown[] | undefined {
  if (!isMapping(manifest) || typeof manifest['kind'] !== 'string' || !manifest['kind'].endsWith('List'))
    return undefined;
  const items = manifest['items'];
  return Array.isArray(items) ? items : undefined;
}
