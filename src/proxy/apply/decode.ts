// The one place where configuration bytes become messages: typed by the generated shapes, decoded
// without protobuf-es, whose descriptors a proxy should not have to load.

import type { Any } from '@bufbuild/protobuf/wkt';
import type { Steps } from '#base';
import { decodeLight, decodeMessageInSteps, LIGHT_TABLE } from '#proto/light.ts';
import { ConfigError } from '../errors.ts';

/** The type's full name behind the last '/' of a type URL. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

/** Throws a ConfigError for bytes that are no such message. */
export function decodeMessage<T>(typeUrl: string, bytes: Uint8Array, field: string): T {
  try {
    return decodeLight(typeNameOf(typeUrl), bytes) as T;
  } catch (error) {
    throw undecodable(typeUrl, field, error as Error);
  }
}

/** As `decodeMessage`, pausing in large messages. */
export function* decodeInSteps<T>(typeUrl: string, bytes: Uint8Array, field: string): Steps<T> {
  try {
    return (yield* decodeMessageInSteps(LIGHT_TABLE, typeNameOf(typeUrl), bytes)) as T;
  } catch (error) {
    throw undecodable(typeUrl, field, error as Error);
  }
}

/** What to say of bytes that are no such message. */
export function undecodable(typeUrl: string, field: string, error: Error): ConfigError {
  return new ConfigError('proxy.field-invalid', field, `is no ${typeNameOf(typeUrl)}: ${error.message}`);
}

/** The message inside, when it has the wanted type. */
export function unpack<T>(any: Any | undefined, typeName: string, field: string): T | undefined {
  if (any === undefined || typeNameOf(any.typeUrl) !== typeName) return undefined;
  return decodeMessage<T>(any.typeUrl, any.value, field);
}
