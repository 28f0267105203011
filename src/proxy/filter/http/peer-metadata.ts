// HTTP filter io.istio.http.peer_metadata: workloads tell each other who they are in x-envoy-peer-metadata(-id). Believed only from an mTLS peer whose namespace the metadata name (design §3d); for telemetry, never for authorization.

import { ProtoReader } from '#proto/light.ts';
import { PEER_METADATA_HEADER, PEER_METADATA_ID_HEADER, type PeerCache, type PeerInfo, UNKNOWN_PEER } from '#telemetry';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import { ConfigError } from '../../errors.ts';
import type {
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../http/filter.ts';

export const PEER_METADATA_TYPE = 'type.googleapis.com/io.istio.http.peer_metadata.Config';

/** What this proxy says of itself, encoded once. */
export interface LocalMetadata {
  readonly encoded: string;
  readonly nodeId: string;
}

interface Directions {
  /** Read the client's headers, and answer with ours. */
  readonly fromDownstream: boolean;
  readonly toDownstream: boolean;
  /** Send ours to the server, and read what it answers. */
  readonly fromUpstream: boolean;
  readonly toUpstream: boolean;
}

/** Fields 1 to 4 of the message are the lists of methods; that one is there is all that counts here. */
function readDirections(config: Uint8Array, field: string): Directions {
  const seen = new Set<number>();
  try {
    const reader = new ProtoReader(config);
    while (reader.next()) {
      seen.add(reader.field);
      reader.skip();
    }
  } catch (error) {
    throw new ConfigError('proxy.field-invalid', field, (error as Error).message);
  }
  return { fromDownstream: seen.has(1), fromUpstream: seen.has(2), toDownstream: seen.has(3), toUpstream: seen.has(4) };
}

class PeerMetadataFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #directions: Directions;
  readonly #local: LocalMetadata;
  readonly #peers: PeerCache;
  readonly #clusters: FilterContext['clusters'];
  #clientAsked = false;

  constructor(
    callbacks: FilterCallbacks,
    directions: Directions,
    local: LocalMetadata,
    peers: PeerCache,
    clusters: FilterContext['clusters'],
  ) {
    this.#clusters = clusters;
    this.#callbacks = callbacks;
    this.#directions = directions;
    this.#local = local;
    this.#peers = peers;
  }

  requestHead(head: RequestHead): FilterStatus {
    const { record, connection } = this.#callbacks;
    if (this.#directions.fromDownstream) {
      const text = take(head.headers);
      if (text !== undefined && connection.mtls) {
        this.#clientAsked = true;
        const peer = believed(this.#peers, text, connection.peerPrincipal);
        if (peer !== undefined) record.source = peer;
      }
    }
    if (this.#directions.toUpstream) {
      take(head.headers);
      // Who gets no certificate of ours has no use for it either: nothing leaves the mesh.
      if (this.#towardsMesh()) this.#put(head.headers);
    }
    return 'continue';
  }

  responseHead(head: ResponseHead): FilterStatus {
    const { record } = this.#callbacks;
    if (this.#directions.fromUpstream) {
      const text = take(head.headers);
      const peer =
        text !== undefined && record.upstreamMtls ? believed(this.#peers, text, record.upstreamPrincipal) : undefined;
      if (peer !== undefined) record.destination = peer;
    }
    if (this.#directions.toDownstream) {
      take(head.headers);
      // Only to a mesh peer that asked by sending its own.
      if (this.#clientAsked) this.#put(head.headers);
    }
    return 'continue';
  }

  #towardsMesh(): boolean {
    const { route } = this.#callbacks;
    return route !== undefined && this.#clusters.get(route.cluster)?.showsIdentity === true;
  }

  #put(headers: HeaderBlock): void {
    headers.push(PEER_METADATA_HEADER, PEER_METADATA_HEADER, this.#local.encoded);
    headers.push(PEER_METADATA_ID_HEADER, PEER_METADATA_ID_HEADER, this.#local.nodeId);
  }
}

/** Removes both headers; what a message says twice is not believed. */
function take(headers: HeaderBlock): string | undefined {
  const texts = headers.getAll(PEER_METADATA_HEADER);
  if (texts.length > 0) headers.remove(PEER_METADATA_HEADER);
  headers.remove(PEER_METADATA_ID_HEADER);
  return texts.length === 1 ? texts[0] : undefined;
}

function believed(peers: PeerCache, text: string, principal: string): PeerInfo | undefined {
  const namespace = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(principal)?.[1];
  if (namespace === undefined) return undefined;
  const peer = peers.decode(text);
  return peer !== UNKNOWN_PEER && peer.namespace === namespace ? peer : undefined;
}

/** Registered in place of the passive one once the proxy knows what it is. */
export function peerMetadataExtension(local: LocalMetadata, peers: PeerCache): HttpFilterExtension {
  return {
    name: 'istio.metadata_exchange',
    typeUrl: PEER_METADATA_TYPE,
    build: (config, { clusters }, filterName) => {
      const directions = readDirections(config, filterName);
      return {
        name: filterName,
        create: (callbacks) => new PeerMetadataFilter(callbacks, directions, local, peers, clusters),
      };
    },
  };
}
