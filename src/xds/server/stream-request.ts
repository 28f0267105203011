// Brings requests of both protocol variants to one form.
import { MalformedProtobuf } from '#proto/light.ts';
import type { ErrorDetail, XdsNode } from '../codec/messages.ts';
import { decodeDeltaRequest, decodeDiscoveryRequest } from '../codec/request.ts';
import type { RepeatedNames } from '../codec/repeated-names.ts';
import type { XdsVariant } from '../codec/response.ts';
import { XDS_ERRORS, xdsError } from '../errors.ts';
import { foldDelta, foldSotw, type Subscription, type SubscriptionChange } from './subscription.ts';

export interface StreamRequest {
  readonly node: XdsNode | undefined;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly error: ErrorDetail | undefined;
  /** What a client that reconnects still holds; delta only. */
  readonly initialVersions: ReadonlyMap<string, string> | undefined;
  readonly fold: (typeUrl: string, before: Subscription | undefined) => SubscriptionChange;
}

/** Throws a GrpcError that ends the stream when the bytes are no request. */
export function readStreamRequest(variant: XdsVariant, bytes: Uint8Array, repeated: RepeatedNames): StreamRequest {
  try {
    return variant === 'delta' ? readDelta(bytes, repeated) : readSotw(bytes);
  } catch (error) {
    if (error instanceof MalformedProtobuf) throw xdsError(XDS_ERRORS.malformed, error.message);
    throw error;
  }
}

function readDelta(bytes: Uint8Array, repeated: RepeatedNames): StreamRequest {
  const r = decodeDeltaRequest(bytes, repeated);
  return {
    node: r.node,
    typeUrl: r.typeUrl,
    nonce: r.responseNonce,
    error: r.errorDetail,
    initialVersions: r.initialVersions,
    fold: (typeUrl, before) => foldDelta(typeUrl, before, r.subscribe, r.unsubscribe),
  };
}

function readSotw(bytes: Uint8Array): StreamRequest {
  const r = decodeDiscoveryRequest(bytes);
  return {
    node: r.node,
    typeUrl: r.typeUrl,
    nonce: r.responseNonce,
    error: r.errorDetail,
    initialVersions: undefined,
    fold: (typeUrl, before) => foldSotw(typeUrl, before, r.resourceNames),
  };
}
