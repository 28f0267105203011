// Who the peer is, as Istio's proxies tell each other: x-envoy-peer-metadata is base64 of a
// google.protobuf.Struct, x-envoy-peer-metadata-id its node id. What it says is for telemetry only,
// never for authorization (design §3d): whoever calls decides whether to believe it.

import { type NodeMetadata, parseNodeId } from '#base';
import { type JsonValue, ProtoReader, ProtoWriter, readStruct, writeStruct } from '#proto/light.ts';
import { type PeerInfo, UNKNOWN_PEER } from '../stream-record.ts';
import { MAX_CACHED_PEERS, MAX_FIELD_CHARS, MAX_METADATA_CHARS } from './limits.ts';

export const PEER_METADATA_HEADER = 'x-envoy-peer-metadata';
export const PEER_METADATA_ID_HEADER = 'x-envoy-peer-metadata-id';

const CANONICAL_NAME = 'service.istio.io/canonical-name';
const CANONICAL_REVISION = 'service.istio.io/canonical-revision';

/** What a proxy says of itself; headers and TCP exchanges carry it. */
export function encodePeerMetadata(peer: PeerInfo): string {
  const labels: Record<string, string> = {};
  if (peer.app !== '') labels['app'] = peer.app;
  if (peer.version !== '') labels['version'] = peer.version;
  if (peer.canonicalService !== '') labels[CANONICAL_NAME] = peer.canonicalService;
  if (peer.canonicalRevision !== '') labels[CANONICAL_REVISION] = peer.canonicalRevision;
  const writer = new ProtoWriter(512);
  writeStruct(writer, {
    NAME: peer.workload,
    NAMESPACE: peer.namespace,
    WORKLOAD_NAME: peer.workload,
    CLUSTER_ID: peer.cluster,
    LABELS: labels,
  });
  return Buffer.from(writer.finish()).toString('base64');
}

/** Undefined when the text is no such metadata. */
export function decodePeerMetadata(text: string): PeerInfo | undefined {
  if (text.length === 0 || text.length > MAX_METADATA_CHARS || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  let fields: Record<string, JsonValue>;
  try {
    fields = readStruct(new ProtoReader(Buffer.from(text, 'base64')), {});
  } catch {
    return undefined;
  }
  const labels = fields['LABELS'];
  const label = (name: string): string => (isRecord(labels) ? textOf(labels[name]) : '');
  const workload = textOf(fields['WORKLOAD_NAME']) || textOf(fields['NAME']);
  const app = label('app');
  return {
    workload,
    namespace: textOf(fields['NAMESPACE']),
    canonicalService: label(CANONICAL_NAME) || app || workload,
    canonicalRevision: label(CANONICAL_REVISION) || label('version') || 'latest',
    app,
    version: label('version'),
    cluster: textOf(fields['CLUSTER_ID']),
  };
}

/** The peer's facts from a node id alone ("sidecar~10.0.0.1~reviews-v1-abc.default~default.svc.cluster.local"). */
export function peerFromNodeId(id: string): PeerInfo | undefined {
  const node = id.length > MAX_METADATA_CHARS ? undefined : parseNodeId(id);
  if (node === undefined) return undefined;
  return { ...UNKNOWN_PEER, workload: cut(node.workload), namespace: cut(node.namespace) };
}

/** The endpoint metadata `filter_metadata.istio.workload`: "workload;namespace;service;revision;cluster". */
export function decodeEndpointWorkload(text: string): PeerInfo {
  const [workload = '', namespace = '', canonicalService = '', canonicalRevision = '', cluster = ''] = text.split(';');
  return {
    workload,
    namespace,
    canonicalService,
    canonicalRevision,
    app: canonicalService,
    version: canonicalRevision,
    cluster,
  };
}

export function encodeEndpointWorkload(peer: PeerInfo): string {
  return [peer.workload, peer.namespace, peer.canonicalService, peer.canonicalRevision, peer.cluster].join(';');
}

/** What a proxy with this node metadata is, to itself. */
export function localPeer(metadata: Partial<NodeMetadata>): PeerInfo {
  const labels = metadata.LABELS ?? {};
  const app = labels['app'] ?? '';
  const workload = metadata.WORKLOAD_NAME ?? '';
  return {
    workload,
    namespace: metadata.NAMESPACE ?? '',
    canonicalService: labels[CANONICAL_NAME] ?? (app || workload),
    canonicalRevision: labels[CANONICAL_REVISION] ?? labels['version'] ?? 'latest',
    app,
    version: labels['version'] ?? '',
    cluster: metadata.CLUSTER_ID ?? '',
  };
}

/** Decoded metadata by its text, so that equal peers are one object (metrics find their series by it). Bounded: the oldest goes. */
export class PeerCache {
  readonly #byText = new Map<string, PeerInfo>();
  readonly #byEndpoint = new Map<string, PeerInfo>();
  readonly #max: number;

  constructor(max: number = MAX_CACHED_PEERS) {
    this.#max = max;
  }

  /** UNKNOWN_PEER when the text says nothing. */
  decode(text: string): PeerInfo {
    const found = this.#byText.get(text);
    if (found !== undefined) return found;
    const peer = decodePeerMetadata(text);
    if (peer === undefined) return UNKNOWN_PEER;
    if (this.#byText.size >= this.#max) this.#byText.delete(this.#byText.keys().next().value as string);
    this.#byText.set(text, peer);
    return peer;
  }

  /** The same for an endpoint's `istio.workload` text; '' is nobody. */
  endpoint(text: string): PeerInfo {
    if (text === '') return UNKNOWN_PEER;
    const found = this.#byEndpoint.get(text);
    if (found !== undefined) return found;
    if (this.#byEndpoint.size >= this.#max) this.#byEndpoint.clear();
    const peer = decodeEndpointWorkload(text);
    this.#byEndpoint.set(text, peer);
    return peer;
  }

  get size(): number {
    return this.#byText.size;
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? cut(value) : '';
}

function cut(text: string): string {
  return text.length > MAX_FIELD_CHARS ? text.slice(0, MAX_FIELD_CHARS) : text;
}

function isRecord(value: JsonValue | undefined): value is Record<string, JsonValue> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
