// google.protobuf.Any, packed with the type URL prefix that Envoy uses.
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';

export function typeUrlOf(schema: DescMessage): string {
  return `type.googleapis.com/${schema.typeName}`;
}

export function packAny<D extends DescMessage>(schema: D, message: MessageShape<D>): Any {
  return create(AnySchema, { typeUrl: typeUrlOf(schema), value: toBinary(schema, message) });
}

/** Undefined when `any` holds another type. Throws on bytes that are no such message. */
export function unpackAny<D extends DescMessage>(schema: D, any: Any): MessageShape<D> | undefined {
  const slash = any.typeUrl.lastIndexOf('/');
  if (any.typeUrl.slice(slash + 1) !== schema.typeName) return undefined;
  return fromBinary(schema, any.value);
}
