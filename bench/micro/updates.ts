// How long a proxy's loop stands still while endpoints arrive: 10,000 in one cluster, then 1,000 clusters of 10, one changed each time.
//
//   node bench/micro/updates.ts
import { create, toBinary } from '@bufbuild/protobuf';
import { silentLogger, TYPE_URL } from '#base';
import { FakeClock } from '../../src/base/clock.ts';
import { SystemNet, SystemRandom } from '#io';
import { Proxy } from '#proxy';
import { type Cluster, ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';

const proxy = await Proxy.create({
  clock: new FakeClock(),
  random: new SystemRandom(),
  net: new SystemNet(),
  log: silentLogger,
  secrets: { subscribe: () => () => {} },
});

function cluster(name: string): { name: string; bytes: Uint8Array; version: string } {
  const message: Cluster = create(ClusterSchema, { name, clusterDiscoveryType: { case: 'type', value: 3 } });
  return { name, bytes: toBinary(ClusterSchema, message), version: '1' };
}

let version = 1;

function assignment(name: string, count: number, first: number): { name: string; bytes: Uint8Array; version: string } {
  const endpoint = (i: number) => ({
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        address: {
          address: {
            case: 'socketAddress' as const,
            value: {
              address: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
              portSpecifier: { case: 'portValue' as const, value: 8080 },
            },
          },
        },
      },
    },
  });
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [{ lbEndpoints: Array.from({ length: count }, (_, i) => endpoint(first + i)) }],
  });
  return { name, bytes: toBinary(ClusterLoadAssignmentSchema, message), version: String(++version) };
}

function timed(label: string, run: () => void): void {
  const start = performance.now();
  run();
  console.log(`${label.padEnd(60)} ${(performance.now() - start).toFixed(1)} ms`);
}

proxy.applyResources(
  TYPE_URL.cluster,
  [cluster('big'), ...Array.from({ length: 1000 }, (_, i) => cluster(`c${i}`))],
  [],
);
for (let round = 0; round < 5; round++) {
  const big = assignment('big', 10_000, 0);
  const changed = assignment('big', 10_000, 1);
  const many = Array.from({ length: 1000 }, (_, i) => assignment(`c${i}`, 10, i * 10));
  timed('10,000 endpoints in one cluster', () => void proxy.applyResources(TYPE_URL.endpoint, [big], []));
  timed('the same, one endpoint gone and one new', () => void proxy.applyResources(TYPE_URL.endpoint, [changed], []));
  timed('1,000 clusters of 10 endpoints in one response', () => void proxy.applyResources(TYPE_URL.endpoint, many, []));
}
proxy.close();
