import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { LbEndpointSchema } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { LocalityLbEndpointsSchema } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { MalformedProtobuf } from '#proto/light.ts';
import { readEndpoint } from './assignment.ts';
import type { HostSpec } from './host.ts';
import { PlainEndpoints } from './plain-endpoint.ts';

type Init = MessageInitShape<typeof LbEndpointSchema>;
const locality = { region: 'r', zone: '', subZone: '' };
const group = create(LocalityLbEndpointsSchema, { priority: 1, loadBalancingWeight: 3 });

function bytesOf(init: Init): Uint8Array {
  return toBinary(LbEndpointSchema, create(LbEndpointSchema, init));
}

/** The endpoint lies between other bytes, as in an assignment. */
function read(bytes: Uint8Array): HostSpec | undefined {
  const around = Buffer.concat([Buffer.from([0xff, 0xff]), bytes, Buffer.from([0xff])]);
  return new PlainEndpoints(around, { locality, priority: 1, localityWeight: 3 }).read(2, 2 + bytes.length);
}

function whole(bytes: Uint8Array): HostSpec {
  return readEndpoint(fromBinary(LbEndpointSchema, bytes), group, locality, 'endpoint');
}

/** The two decoders make metadata of different prototypes. */
const plain = (spec: HostSpec | undefined): unknown => JSON.parse(JSON.stringify(spec));

const socket = (address: string, portValue: number) =>
  ({
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: portValue } } },
  }) as const;
const addresses = fc.oneof(
  fc
    .record({ host: fc.constantFrom('10.0.0.1', '::1', 'ä.example', ''), port: fc.nat(65_535) })
    .map((a) => socket(a.host, a.port)),
  fc.constantFrom(
    { address: { case: 'pipe', value: { path: '/a' } } } as const,
    { address: { case: 'socketAddress', value: { address: '10.0.0.2', protocol: 1 } } } as const,
  ),
);
const endpoints: fc.Arbitrary<Init> = fc
  .record({
    address: addresses,
    hostname: fc.constantFrom('', '', 'h'),
    checkPort: fc.constantFrom(0, 0, 9000),
    weight: fc.constantFrom(undefined, 0, 1, 200),
    health: fc.constantFrom(0, 1, 2, 3, 4, 5, 77),
    workload: fc.constantFrom(undefined, '', 'w'),
  })
  .map((e) => ({
    hostIdentifier: {
      case: 'endpoint',
      value: {
        address: e.address,
        hostname: e.hostname,
        ...(e.checkPort > 0 && { healthCheckConfig: { portValue: e.checkPort } }),
      },
    },
    healthStatus: e.health as 0,
    ...(e.weight !== undefined && { loadBalancingWeight: e.weight }),
    ...(e.workload !== undefined && { metadata: { filterMetadata: { istio: { workload: e.workload } } } }),
  }));

test('what it reads is what the whole message says', () => {
  let taken = 0;
  fc.assert(
    fc.property(endpoints, (init) => {
      const bytes = bytesOf(init);
      const spec = read(bytes);
      if (spec === undefined) return;
      taken++;
      assert.deepEqual(plain(spec), plain(whole(bytes)));
    }),
  );
  assert.ok(taken > 0);
});

test('it reads the usual endpoint, and leaves what says more, or says it twice', () => {
  const usual: Init = {
    hostIdentifier: { case: 'endpoint', value: { address: socket('10.0.0.1', 80) } },
    loadBalancingWeight: 2,
    metadata: { filterMetadata: { istio: { workload: 'w' } } },
  };
  assert.equal(read(bytesOf(usual))?.key, '10.0.0.1:80');
  assert.equal(read(Buffer.concat([bytesOf(usual), bytesOf(usual)])), undefined);
  assert.equal(read(bytesOf({ ...usual, hostIdentifier: { case: 'endpointName', value: 'e' } })), undefined);
  assert.equal(
    read(
      bytesOf({
        hostIdentifier: { case: 'endpoint', value: { address: socket('10.0.0.1', 80), hostname: 'h' } },
      }),
    ),
    undefined,
  );
  assert.equal(read(new Uint8Array(0)), undefined);
});

test('equal metadata are one object', () => {
  const one = bytesOf({
    hostIdentifier: { case: 'endpoint', value: { address: socket('10.0.0.1', 80) } },
    metadata: { filterMetadata: { istio: { workload: 'w' } } },
  });
  const reader = new PlainEndpoints(Buffer.concat([one, one]), { locality, priority: 0, localityWeight: 0 });
  const [a, b] = [reader.read(0, one.length), reader.read(one.length, 2 * one.length)];
  assert.deepEqual(a?.metadata, { istio: { workload: 'w' } });
  assert.equal(a?.metadata, b?.metadata);
});

test('bytes that are cut short, or damaged, are refused or left to whoever decodes the whole', () => {
  fc.assert(
    fc.property(endpoints, fc.nat(), fc.nat(255), (init, at, value) => {
      const bytes = Uint8Array.from(bytesOf(init));
      bytes[at % bytes.length] = value;
      const length = at % (bytes.length + 1);
      for (const damaged of [bytes, bytes.subarray(0, length)]) {
        let spec: HostSpec | undefined;
        try {
          spec = read(damaged);
        } catch (error) {
          assert.ok(error instanceof MalformedProtobuf);
        }
        if (spec !== undefined) assert.deepEqual(plain(spec), plain(whole(damaged)));
      }
    }),
  );
});
