// What stands in for a bad security policy that has no good version: it denies, demands an impossible token, or is STRICT, for what its readable selector covers, else for its namespace (design 7).

import type { KindName } from '../model/kinds.ts';
import { type ConfigObject, objectKey } from '../model/object.ts';
import type { ParsedDocument } from '../parse/parse-text.ts';
import { isMapping } from '../parse/read-by-schema.ts';

export interface StandIn {
  readonly object: ConfigObject;
  /** In words, for the warning. */
  readonly effect: string;
}

const API: Partial<Record<KindName, string>> = {
  AuthorizationPolicy: 'security.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
};

export function standInFor(document: ParsedDocument, file: string, createdMs: number): StandIn | undefined {
  const { kind, namespace, name } = document;
  if (kind === undefined || namespace === undefined || name === undefined) return undefined;
  const apiVersion = API[kind];
  if (apiVersion === undefined) return undefined;
  const selector = readableSelector(document.value);
  const strict = kind === 'PeerAuthentication';
  const rule = strict
    ? { mtls: Object.freeze({ mode: 'STRICT' }) }
    : kind === 'RequestAuthentication'
      ? { jwtRules: Object.freeze([IMPOSSIBLE]) }
      : { action: 'DENY', rules: Object.freeze([Object.freeze({})]) };
  const spec = Object.freeze({ ...(selector === undefined ? {} : { selector }), ...rule });
  const object: ConfigObject = Object.freeze({
    apiVersion,
    kind,
    metadata: Object.freeze({
      name,
      namespace,
      labels: EMPTY,
      annotations: EMPTY,
      creationTimestampMs: createdMs,
      generation: 0,
      resourceVersion: '',
    }),
    spec,
    source: Object.freeze({ file, line: document.line, document: document.document }),
    key: objectKey(kind, namespace, name),
    standIn: 'deny' as const,
  });
  const scope =
    selector === undefined
      ? `all of namespace ${namespace}`
      : `workloads with ${Object.entries(selector.matchLabels)
          .map(([k, v]) => `${k}=${v}`)
          .join(', ')} in namespace ${namespace}`;
  return { object, effect: strict ? `${scope} takes mutual TLS only` : `every request to ${scope} is denied` };
}

/** Nobody has a key of this issuer: every request is answered with 401. */
const IMPOSSIBLE = Object.freeze({ issuer: 'urn:topsail:refused', jwks: '{"keys":[]}', presence: 'REQUIRED' as const });

const EMPTY: Readonly<Record<string, string>> = Object.freeze({});

function readableSelector(manifest: unknown): { readonly matchLabels: Readonly<Record<string, string>> } | undefined {
  const spec = isMapping(manifest) ? manifest['spec'] : undefined;
  const selector = isMapping(spec) ? spec['selector'] : undefined;
  const labels = isMapping(selector) ? selector['matchLabels'] : undefined;
  if (!isMapping(labels)) return undefined;
  const entries = Object.entries(labels);
  const plain =
    entries.length > 0 &&
    entries.every(
      ([key, value]) => key !== '' && key !== '__proto__' && typeof value === 'string' && !/\*/.test(key + value),
    );
  return plain
    ? Object.freeze({ matchLabels: Object.freeze(Object.fromEntries(entries) as Record<string, string>) })
    : undefined;
}
