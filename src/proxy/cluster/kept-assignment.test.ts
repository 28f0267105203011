import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { runAtOnce } from '#base';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { MalformedProtobuf } from '#proto/light.ts';
import { type KeptAssignment, readAssignment, readKeptAssignment } from './index.ts';

type Init = MessageInitShape<typeof ClusterLoadAssignmentSchema>;

function bytesOf(init: Init): Uint8Array {
  return toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, init));
}

function endpoint(n: number, weight = 1, healthStatus: 0 | 1 | 2 | 3 | 4 | 5 = 0) {
  return {
    healthStatus,
    loadBalancingWeight: weight,
    metadata: { filterMetadata: { istio: { workload: `w${n % 3}` } } },
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        hostname: n % 2 === 0 ? 'h' : '',
        address: {
          address: {
            case: 'socketAddress' as const,
            value: { address: `10.0.0.${n}`, portSpecifier: { case: 'portValue' as const, value: 80 } },
          },
        },
      },
    },
  };
}

function read(init: Init, before?: KeptAssignment): KeptAssignment {
  return runAtOnce(readKeptAssignment(bytesOf(init), before));
}

function specsOf({ specs, overprovisioning, weightedHealth }: Omit<KeptAssignment, 'groups'>): unknown {
  // The two decoders make metadata of different prototypes.
  return JSON.parse(JSON.stringify({ specs, overprovisioning, weightedHealth }));
}

const groups = fc.array(
  fc.record({
    priority: fc.nat(2),
    zone: fc.constantFrom('', 'a', 'b'),
    weight: fc.constantFrom(0, 1, 7),
    ends: fc.array(
      fc.record({ n: fc.nat(12), weight: fc.integer({ min: 1, max: 2 }), status: fc.constantFrom(0, 1, 2, 3, 4, 5) }),
      {
        maxLength: 12,
      },
    ),
  }),
  { maxLength: 3 },
);

test('whatever came before, an assignment reads as its message does', () => {
  fc.assert(
    fc.property(fc.array(groups, { minLength: 1, maxLength: 4 }), (states) => {
      let before: KeptAssignment | undefined;
      for (const state of states) {
        const init: Init = {
          clusterName: 'c',
          policy: { weightedPriorityHealth: state.length > 1 },
          endpoints: state.map((g) => ({
            priority: g.priority,
            locality: { zone: g.zone },
            loadBalancingWeight: g.weight,
            lbEndpoints: g.ends.map((e) => endpoint(e.n, e.weight, e.status)),
          })),
        };
        before = read(init, before);
        const plain = runAtOnce(readAssignment(fromBinary(ClusterLoadAssignmentSchema, bytesOf(init))));
        assert.deepEqual(specsOf(before), specsOf(plain));
      }
    }),
  );
});

test('an endpoint that did not change keeps its spec, wherever it stands in its group now', () => {
  const group = (numbers: readonly number[], priority = 0): Init => ({
    endpoints: [{ priority, lbEndpoints: numbers.map((n) => endpoint(n, n === 99 ? 2 : 1)) }],
  });
  const first = read(group([1, 2, 3, 4, 5, 6]));
  const kept = (state: Init): readonly string[] =>
    read(state, first)
      .specs.filter((spec) => first.specs.includes(spec))
      .map((spec) => spec.address.slice(7));
  assert.deepEqual(kept(group([1, 2, 3, 4, 5, 6])), ['1', '2', '3', '4', '5', '6']);
  assert.deepEqual(kept(group([2, 3, 4, 5, 6, 7])), ['2', '3', '4', '5', '6']);
  assert.deepEqual(kept(group([9, 8, 6, 5, 1])), ['6', '5', '1']);
  assert.deepEqual(kept(group([99, 6])), ['6']);
  assert.deepEqual(kept(group([1, 2, 3], 1)), []);
});

test('bytes that are no assignment are refused, also behind one that was read', () => {
  const state: Init = { endpoints: [{ lbEndpoints: [endpoint(1), endpoint(2)] }] };
  const before = read(state);
  const bytes = bytesOf(state);
  assert.throws(() => runAtOnce(readKeptAssignment(bytes.subarray(0, -1), before)), MalformedProtobuf);
  const damaged = Uint8Array.from(bytes);
  damaged[damaged.length - 3] = 0xff;
  assert.throws(() => runAtOnce(readKeptAssignment(damaged, before)), MalformedProtobuf);
});
