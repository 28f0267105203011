// An object of the API server becomes documents: pruned to what the mesh reads, so that memory follows the mesh and not the cluster.

import type { KubeObject } from '#kube';
import { KINDS, type KindInfo, type KindName } from '../model/kinds.ts';
import { objectKey } from '../model/object.ts';
import { parseManifest } from '../parse/parse-manifest.ts';
import { MESH_CONFIG_MAP } from '../parse/mesh-config-map.ts';
import { type ParsedDocument, parseText } from '../parse/parse-text.ts';

/** Keys of Secrets that gateways are served from (inventory §1.3). */
const SECRET_KEYS = ['tls.crt', 'tls.key', 'ca.crt', 'ca.crl', 'cert', 'key', 'cacert', 'crl', '.dockerconfigjson'];
/** The authority's own keys are nobody's gateway certificate. */
const AUTHORITY_SECRETS: ReadonlySet<string> = new Set(['cacerts', 'istio-ca-secret']);
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const NO_FILE = Object.freeze({ file: '', line: 0, document: 0 });

/** Nothing when there is nothing for the mesh in it. */
export function readKubeObject(kind: KindName, object: KubeObject, meshConfigMap: string): readonly ParsedDocument[] {
  const manifest = prune(kind, object);
  if (manifest === undefined) return [];
  if (kind === 'ConfigMap') {
    // The ConfigMap of a revision means the same as the one without.
    const named = {
      ...manifest,
      metadata: {
        ...(manifest['metadata'] as object),
        name: object.metadata.name === meshConfigMap ? MESH_CONFIG_MAP : object.metadata.name,
      },
    };
    return parseText('', JSON.stringify(named));
  }
  const { namespace = '', name } = object.metadata;
  const { object: parsed, complaints } = parseManifest(manifest, { source: NO_FILE });
  const document: ParsedDocument = {
    document: 0,
    line: 0,
    text: '',
    kind,
    namespace,
    name,
    key: objectKey(kind, namespace, name),
    complaints,
    ...(parsed === undefined ? { value: manifest } : { object: parsed }),
  };
  return [document];
}

function prune(kind: KindName, object: KubeObject): Record<string, unknown> | undefined {
  const info: KindInfo = KINDS[kind];
  const { name, namespace, labels, annotations, creationTimestamp, generation, uid } = object.metadata;
  const kept = annotations?.[LAST_APPLIED] === undefined ? annotations : withoutLastApplied(annotations);
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(kept === undefined ? {} : { annotations: kept }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(generation === undefined ? {} : { generation }),
    ...(uid === undefined ? {} : { uid }),
  };
  // Items of a list carry neither.
  const apiVersion =
    object.apiVersion ?? (info.group === '' ? (info.versions[0] as string) : `${info.group}/${info.versions[0]}`);
  const head = { apiVersion, kind: info.manifest, metadata };
  if (kind === 'Secret') {
    const data = secretData(object);
    return data === undefined ? undefined : { ...head, type: object['type'], data };
  }
  if (kind === 'Namespace') return head;
  if (info.body === 'spec') return object['spec'] === undefined ? head : { ...head, spec: object['spec'] };
  const { apiVersion: _a, kind: _k, metadata: _m, status: _s, ...body } = object;
  return { ...head, ...body };
}

function withoutLastApplied(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const { [LAST_APPLIED]: _, ...rest } = annotations;
  return rest;
}

function secretData(object: KubeObject): Record<string, string> | undefined {
  if (AUTHORITY_SECRETS.has(object.metadata.name)) return undefined;
  const data = (object['data'] ?? {}) as Readonly<Record<string, string>>;
  const kept = SECRET_KEYS.filter((key) => data[key] !== undefined).map((key) => [key, data[key] as string] as const);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
