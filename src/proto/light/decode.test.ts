import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { TypedExtensionConfigSchema } from '#proto/envoy/config/core/v3/extension_pb.ts';
import { LocalityLbEndpointsSchema } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RBACSchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { HttpConnectionManagerSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { SecretSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { DownstreamTlsContextSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { StreamAccessLogsMessageSchema } from '#proto/envoy/service/accesslog/v3/als_pb.ts';
import { CheckRequestSchema } from '#proto/envoy/service/auth/v3/external_auth_pb.ts';
import { RateLimitRequestSchema } from '#proto/envoy/service/ratelimit/v3/rls_pb.ts';
import { NameTableSchema } from '#proto/istio/networking/nds/v1/nds_pb.ts';
import { decodeLight, decodeMessageInSteps, encodeLight, LIGHT_TABLE, MalformedProtobuf } from '#proto/light.ts';
import { randomMessage } from './testing/random-message.ts';

const seedsArbitrary = fc.array(fc.nat(0xffff), { minLength: 40, maxLength: 400 });

const schemas: readonly DescMessage[] = [
  ClusterSchema,
  TypedExtensionConfigSchema,
  ClusterLoadAssignmentSchema,
  ListenerSchema,
  RBACSchema,
  VirtualHostSchema,
  RouteConfigurationSchema,
  HttpConnectionManagerSchema,
  SecretSchema,
  DownstreamTlsContextSchema,
  NameTableSchema,
  StreamAccessLogsMessageSchema,
  CheckRequestSchema,
  RateLimitRequestSchema,
];

for (const schema of schemas) {
  test(`${schema.typeName} is encoded so that protobuf-es reads the same message`, () => {
    fc.assert(
      fc.property(seedsArbitrary, (seeds) => {
        const message = randomMessage(schema, seeds);
        const expected = fromBinary(schema, toBinary(schema, message));
        assert.deepStrictEqual(fromBinary(schema, encodeLight(schema.typeName, message)), expected);
      }),
      { numRuns: 60 },
    );
  });

  test(`${schema.typeName} decodes to what protobuf-es makes of the same bytes`, () => {
    fc.assert(
      fc.property(seedsArbitrary, (seeds) => {
        const bytes = toBinary(schema, randomMessage(schema, seeds));
        assert.deepStrictEqual(decodeLight(schema.typeName, bytes), fromBinary(schema, bytes));
      }),
      { numRuns: 60 },
    );
  });
}

test('two encodings one after the other merge as protobuf says', () => {
  for (const schema of schemas) {
    fc.assert(
      fc.property(seedsArbitrary, seedsArbitrary, (a, b) => {
        const bytes = new Uint8Array([
          ...toBinary(schema, randomMessage(schema, a)),
          ...toBinary(schema, randomMessage(schema, b)),
        ]);
        assert.deepStrictEqual(decodeLight(schema.typeName, bytes), fromBinary(schema, bytes));
      }),
      { numRuns: 15 },
    );
  }
});

/** The message and how often its reading paused. */
function inSteps(type: string, bytes: Uint8Array): { readonly message: unknown; readonly pauses: number } {
  const steps = decodeMessageInSteps(LIGHT_TABLE, type, bytes);
  for (let pauses = 0; ; pauses++) {
    const step = steps.next();
    if (step.done === true) return { message: step.value, pauses };
  }
}

test('decoded in steps a message is the same', () => {
  for (const schema of schemas) {
    fc.assert(
      fc.property(fc.array(seedsArbitrary, { minLength: 1, maxLength: 20 }), (parts) => {
        const bytes = new Uint8Array(parts.flatMap((seeds) => [...toBinary(schema, randomMessage(schema, seeds))]));
        assert.deepStrictEqual(inSteps(schema.typeName, bytes).message, fromBinary(schema, bytes));
      }),
      { numRuns: 10 },
    );
  }
});

test('a large list is read with pauses', () => {
  const bytes = toBinary(ClusterLoadAssignmentSchema, {
    $typeName: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
    clusterName: 'c',
    namedEndpoints: {},
    endpoints: [
      create(LocalityLbEndpointsSchema, {
        lbEndpoints: Array.from({ length: 2000 }, (_, i) => ({
          hostIdentifier: { case: 'endpointName' as const, value: `endpoint ${i}` },
        })),
      }),
    ],
  });
  const { message, pauses } = inSteps(ClusterLoadAssignmentSchema.typeName, bytes);
  assert.deepStrictEqual(message, fromBinary(ClusterLoadAssignmentSchema, bytes));
  assert.ok(pauses >= bytes.length / 10_000, String(pauses));
});

test('an Any inside keeps its bytes', () => {
  const any = anyPack(StructSchema, fromBinary(StructSchema, new Uint8Array()));
  const bytes = toBinary(TypedExtensionConfigSchema, {
    $typeName: 'envoy.config.core.v3.TypedExtensionConfig',
    name: 'x',
    typedConfig: any,
  });
  assert.deepStrictEqual(
    decodeLight('type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig', bytes),
    fromBinary(TypedExtensionConfigSchema, bytes),
  );
});

test('arbitrary and damaged bytes end in a message or a named error, never in anything else', () => {
  const attempt = (type: string, bytes: Uint8Array): void => {
    try {
      decodeLight(type, bytes);
    } catch (error) {
      assert.ok(error instanceof MalformedProtobuf, String(error));
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...LIGHT_TABLE.names()), (bytes, type) =>
      attempt(type, bytes),
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(seedsArbitrary, fc.nat(), fc.nat(255), (seeds, at, value) => {
      const bytes = toBinary<DescMessage>(ListenerSchema, randomMessage(ListenerSchema, seeds));
      if (bytes.length > 0) bytes[at % bytes.length] = value;
      attempt(ListenerSchema.typeName, bytes);
    }),
    { numRuns: 200 },
  );
});

test('a message nested without end is refused', () => {
  let bytes: Uint8Array = new Uint8Array();
  for (let i = 0; i < 200; i++) bytes = new Uint8Array([0x0a, ...lengthOf(bytes.length), ...bytes]);
  assert.throws(() => decodeLight('envoy.config.rbac.v3.Permission.Set', bytes), MalformedProtobuf);
});

function lengthOf(n: number): number[] {
  return n < 128 ? [n] : [(n & 0x7f) | 0x80, n >> 7];
}

test('an unknown type is refused by name', () => {
  assert.throws(() => decodeLight('no.such.Type', new Uint8Array()), /no table for no\.such\.Type/);
});
