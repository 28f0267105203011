// A configuration object as every later stage sees it: parsed once, validated, deep-frozen, with its place in the text.

import type { ObjectRef } from '#base';

export interface ObjectMeta {
  readonly name: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch; age decides between equals (oldest wins). 0 when unknown. */
  readonly creationTimestampMs: number;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly uid?: string;
}

/** Where an object was read; lines start at 1, documents of a file at 0. */
export interface ObjectSource {
  readonly file: string;
  readonly line: number;
  readonly document: number;
}

export interface ConfigObject<S = unknown> {
  /** As written, for example networking.istio.io/v1beta1. */
  readonly apiVersion: string;
  /** The kind's name in this program; the manifest's own except where two groups share one (KubernetesGateway). */
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: S;
  readonly source: ObjectSource;
  /** `objectKey(kind, namespace, name)`. */
  readonly key: string;
  /** Set when the document's present text is bad: this is its last good version, or what stands in for it (design 7). */
  readonly standIn?: 'lastGood' | 'deny';
}

export function objectKey(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

export function refOf(object: ConfigObject): ObjectRef {
  return { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
}

/** Istio's order where several objects apply: older first, then name, then namespace. */
export function byAge(a: ConfigObject, b: ConfigObject): number {
  const age = a.metadata.creationTimestampMs - b.metadata.creationTimestampMs;
  if (age !== 0) return age;
  if (a.metadata.name !== b.metadata.name) return a.metadata.name < b.metadata.name ? -1 : 1;
  if (a.metadata.namespace === b.metadata.namespace) return 0;
  return a.metadata.namespace < b.metadata.namespace ? -1 : 1;
}
