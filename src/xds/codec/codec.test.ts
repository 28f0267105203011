import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { FakeClock, type XdsResource } from '#base';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '#proto/envoy/service/discovery/v3/discovery_pb.ts';
import { MalformedProtobuf } from '#proto/light.ts';
import { decodeDeltaRequest, decodeDiscoveryRequest, encodeDeltaRequest, encodeDiscoveryRequest } from './request.ts';
import { decodeResponse, ResponseEncoder } from './response.ts';

const text = fc.string({ maxLength: 20 });
const texts = fc.array(text, { maxLength: 4 });
const node = fc.record({
  id: text,
  cluster: text,
  metadata: fc.dictionary(
    text.filter((t) => t !== '__proto__'),
    fc.jsonValue({ maxDepth: 2, noUnicodeString: true } as object),
  ),
  locality: fc.record({ region: text, zone: text, subZone: text }),
  userAgent: fc.constantFrom('', 'topsail', 'topsail/1.2.3'),
});
const error = fc.record({ code: fc.integer({ min: -10, max: 20 }), message: text });

test('requests come out as they went in', () => {
  const sotw = fc.record({
    versionInfo: text,
    node: fc.option(node, { nil: undefined }),
    resourceNames: texts,
    typeUrl: text,
    responseNonce: text,
    errorDetail: fc.option(error, { nil: undefined }),
  });
  fc.assert(
    fc.property(sotw, (request) =>
      assert.deepEqual(plain(decodeDiscoveryRequest(encodeDiscoveryRequest(request))), plain(request)),
    ),
    { numRuns: 60 },
  );
  const delta = fc.record({
    node: fc.option(node, { nil: undefined }),
    typeUrl: text,
    subscribe: texts,
    unsubscribe: texts,
    initialVersions: fc.array(fc.tuple(text, text)).map((entries) => new Map(entries)),
    responseNonce: text,
    errorDetail: fc.option(error, { nil: undefined }),
  });
  fc.assert(
    fc.property(delta, (request) =>
      assert.deepEqual(plain(decodeDeltaRequest(encodeDeltaRequest(request))), plain(request)),
    ),
    { numRuns: 60 },
  );
});

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, v: unknown) => (v instanceof Map ? [...v] : v)));
}

test('protobuf-es reads what we write, and the other way round', () => {
  const bytes = encodeDiscoveryRequest({
    versionInfo: 'v',
    node: {
      id: 'n',
      cluster: 'c',
      metadata: { a: { b: [1, null, 'x', true] } },
      locality: { region: 'r', zone: 'z', subZone: '' },
      userAgent: 'envoy/1',
    },
    resourceNames: ['a', 'b'],
    typeUrl: 't',
    responseNonce: '7',
    errorDetail: { code: 13, message: 'no' },
  });
  const es = fromBinary(DiscoveryRequestSchema, bytes);
  assert.deepEqual(es.node?.metadata, { a: { b: [1, null, 'x', true] } });
  assert.equal(es.errorDetail?.code, 13);
  assert.deepEqual(decodeDiscoveryRequest(toBinary(DiscoveryRequestSchema, es)), decodeDiscoveryRequest(bytes));
  const delta = create(DeltaDiscoveryRequestSchema, {
    typeUrl: 't',
    resourceNamesSubscribe: ['*'],
    resourceNamesUnsubscribe: ['x'],
    initialResourceVersions: { a: '1' },
    responseNonce: '3',
  });
  const ours = decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, delta));
  assert.deepEqual(
    [ours.subscribe, ours.unsubscribe, [...ours.initialVersions], ours.responseNonce],
    [['*'], ['x'], [['a', '1']], '3'],
  );
});

test('responses made of cached bytes are what protobuf-es expects, and one body serves all streams', () => {
  const encoder = new ResponseEncoder(new FakeClock());
  const resource = (name: string): XdsResource => ({
    typeUrl: 'tt',
    name,
    bytes: new Uint8Array([10, 1, 0x61]),
    version: `v-${name}`,
    origins: [],
  });
  const list = [resource('a'), resource('b')];
  const first = encoder.encode('delta', { typeUrl: 'tt', version: '4', nonce: '1' }, list, ['gone']);
  const second = encoder.encode('delta', { typeUrl: 'tt', version: '4', nonce: '2' }, [...list], []);
  assert.equal(first[1], second[1]);
  const es = fromBinary(DeltaDiscoveryResponseSchema, new Uint8Array(first.flatMap((p) => [...p])));
  assert.deepEqual(
    [es.nonce, es.removedResources, es.resources.map((r) => [r.name, r.version, r.resource?.typeUrl])],
    [
      '1',
      ['gone'],
      [
        ['a', 'v-a', 'tt'],
        ['b', 'v-b', 'tt'],
      ],
    ],
  );
  const sotw = new Uint8Array(
    encoder.encode('sotw', { typeUrl: 'tt', version: '4', nonce: '1' }, list, []).flatMap((p) => [...p]),
  );
  assert.deepEqual(
    fromBinary(DiscoveryResponseSchema, sotw).resources.map((r) => r.typeUrl),
    ['tt', 'tt'],
  );
  assert.deepEqual(
    decodeResponse('sotw', sotw).resources.map((r) => [r.name, r.version]),
    [
      ['a', '4'],
      ['a', '4'],
    ],
  );
  assert.deepEqual(decodeResponse('delta', toBinary(DeltaDiscoveryResponseSchema, es)).removed, ['gone']);
});

test('a large resource is written as it is, in its place among small ones', () => {
  const resource = (name: string, size: number): XdsResource => ({
    typeUrl: 'tt',
    name,
    bytes: new Uint8Array(size).fill(size & 0x7f),
    version: `v-${name}`,
    origins: [],
  });
  const list = [resource('a', 3), resource('large', 100_000), resource('b', 4), resource('empty', 0)];
  const written = list.map((one) => Buffer.from(one.bytes));
  const encode = (variant: 'delta' | 'sotw'): Uint8Array => {
    const parts = new ResponseEncoder(new FakeClock()).encode(
      variant,
      { typeUrl: 'tt', version: '4', nonce: '1' },
      list,
      [],
    );
    assert.ok(parts.includes(list[1]?.bytes as Uint8Array));
    return new Uint8Array(Buffer.concat(parts));
  };
  const delta = fromBinary(DeltaDiscoveryResponseSchema, encode('delta')).resources;
  assert.deepEqual(
    delta.map(({ name, version }) => [name, version]),
    list.map(({ name, version }) => [name, version]),
  );
  assert.deepEqual(
    delta.map((one) => Buffer.from(one.resource?.value ?? [])),
    written,
  );
  assert.deepEqual(
    fromBinary(DiscoveryResponseSchema, encode('sotw')).resources.map((one) => Buffer.from(one.value)),
    written,
  );
});

test('arbitrary bytes end in a value or a named error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      for (const decode of [
        decodeDeltaRequest,
        decodeDiscoveryRequest,
        (b: Uint8Array) => decodeResponse('delta', b),
        (b: Uint8Array) => decodeResponse('sotw', b),
      ]) {
        try {
          decode(bytes);
        } catch (e) {
          assert.ok(e instanceof MalformedProtobuf);
        }
      }
    }),
  );
});
