import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { FakeClock, SeededRandom, silentLogger, TimerWheel } from '#base';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { ProxyServices } from '../services.ts';
import { ClusterDiscovery } from './cluster-discovery.ts';
import { DISCOVERY } from './cluster-settings.ts';
import type { Cluster } from './cluster.ts';
import type { DnsSettings } from './dns-settings.ts';

interface Answer {
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

function build(
  dns: Partial<DnsSettings>,
  kind: number = DISCOVERY.STRICT_DNS,
  names: Readonly<Record<string, () => Promise<Answer>>> = {},
) {
  const clock = new FakeClock();
  const asked: number[] = [];
  const hosts: string[][] = [];
  let answer: Answer | undefined = { addresses: ['10.0.0.1', '10.0.0.2'], ttlMs: 30_000 };
  const services = {
    clock,
    wheel: new TimerWheel(clock),
    random: new SeededRandom(1),
    log: silentLogger,
    net: {
      resolve: async (name: string) => {
        const own = names[name];
        if (own !== undefined) return await own();
        asked.push(clock.now());
        if (answer === undefined) throw new Error('NXDOMAIN');
        return answer;
      },
    },
  } as unknown as ProxyServices;
  const cluster = {
    name: 'dns',
    warm: false,
    settings: {
      discovery: kind,
      dns: {
        refreshMs: 5_000,
        respectTtl: false,
        ttlLeastMs: 1_000,
        jitterMs: 0,
        failure: undefined,
        family: 0,
        ...dns,
      },
      message: {
        loadAssignment: create(ClusterLoadAssignmentSchema, {
          endpoints: [
            {
              lbEndpoints: ['shop.example', ...Object.keys(names)].map((address) => ({
                hostIdentifier: {
                  case: 'endpoint' as const,
                  value: {
                    address: {
                      address: {
                        case: 'socketAddress' as const,
                        value: { address, portSpecifier: { case: 'portValue' as const, value: 80 } },
                      },
                    },
                  },
                },
              })),
            },
          ],
        }),
      },
    },
    setHosts: (specs: readonly { key: string }[]) => {
      hosts.push(specs.map(({ key }) => key));
      cluster.warm = true;
    },
  };
  const discovery = new ClusterDiscovery(services);
  discovery.follow(cluster as unknown as Cluster);
  return {
    asked,
    hosts,
    discovery,
    cluster: cluster as unknown as Cluster,
    answers: (next: Answer | undefined) => (answer = next),
    /** Time passes while answers come. */
    advance: async (ms: number) => {
      for (let left = ms; left > 0; left -= 100) {
        clock.advance(Math.min(100, left));
        for (let i = 0; i < 20; i++) await Promise.resolve();
      }
    },
  };
}

test('a name is asked for again by the cluster’s rate', async () => {
  const bed = build({});
  await bed.advance(12_000);
  assert.equal(bed.asked.length, 3);
  assert.deepEqual(bed.hosts[0], ['10.0.0.1:80', '10.0.0.2:80']);
});

test('or when its answer says, where that is respected', async () => {
  const bed = build({ respectTtl: true });
  await bed.advance(29_000);
  assert.equal(bed.asked.length, 1);
  await bed.advance(2_000);
  assert.equal(bed.asked.length, 2);
});

test('an answer that may be kept for a moment only is not asked for in a loop, one without a time by the rate', async () => {
  const moment = build({ respectTtl: true });
  moment.answers({ addresses: ['10.0.0.1'], ttlMs: 1 });
  await moment.advance(32_500);
  assert.equal(moment.asked.length, 4);
  for (const ttlMs of [0, Number.POSITIVE_INFINITY]) {
    const bed = build({ respectTtl: true });
    bed.answers({ addresses: ['10.0.0.1'], ttlMs });
    await bed.advance(40_500);
    assert.equal(bed.asked.length, 4, `TTL ${ttlMs}`);
  }
});

test('failures wait longer and longer, and the last answer stays', async () => {
  const bed = build({ failure: { baseMs: 1_000, maxMs: 4_000 } });
  await bed.advance(100);
  bed.answers(undefined);
  await bed.advance(60_000);
  const waits = bed.asked.slice(2).map((at, i) => at - (bed.asked[i + 1] as number));
  assert.ok(waits.length > 10);
  assert.ok((waits[0] as number) <= 1_200, `${waits[0]}`);
  assert.ok(
    waits.slice(3).every((wait) => wait >= 1_900 && wait <= 4_300),
    String(waits),
  );
  assert.equal(bed.hosts.length, 1);
  bed.answers({ addresses: ['10.0.0.3'], ttlMs: 1 });
  await bed.advance(5_000);
  assert.deepEqual(bed.hosts.at(-1), ['10.0.0.3:80']);
});

test('a logical name is one host, whatever its address is at the moment', async () => {
  const bed = build({}, DISCOVERY.LOGICAL_DNS);
  await bed.advance(100);
  bed.answers({ addresses: ['10.0.0.9', '10.0.0.1'], ttlMs: 1 });
  await bed.advance(6_000);
  assert.deepEqual(bed.hosts, [['10.0.0.1:80'], ['10.0.0.9:80']]);
});

test('a name without an answer, or with a slow one, takes nothing away from the others', async () => {
  const gone = (): Promise<Answer> => Promise.reject(new Error('NXDOMAIN'));
  const silent = (): Promise<Answer> => new Promise(() => {});
  for (const other of [gone, silent]) {
    const bed = build({}, DISCOVERY.STRICT_DNS, { 'other.example': other });
    await bed.advance(100);
    assert.deepEqual(bed.hosts.at(-1), ['10.0.0.1:80', '10.0.0.2:80']);
  }
  let left = 1;
  const once = async (): Promise<Answer> => {
    if (left-- <= 0) throw new Error('SERVFAIL');
    return { addresses: ['10.0.0.7'], ttlMs: 1 };
  };
  const bed = build({}, DISCOVERY.STRICT_DNS, { 'other.example': once });
  await bed.advance(100);
  bed.answers({ addresses: ['10.0.0.3'], ttlMs: 1 });
  await bed.advance(12_000);
  assert.deepEqual(bed.hosts.at(-1), ['10.0.0.3:80', '10.0.0.7:80'], 'its last answer stays');
  assert.ok(left < 0);
});

test('names that have an address in common have one endpoint there', async () => {
  const bed = build({}, DISCOVERY.STRICT_DNS, {
    'other.example': async () => ({ addresses: ['10.0.0.2', '10.0.0.5'], ttlMs: 1 }),
  });
  await bed.advance(100);
  assert.deepEqual(bed.hosts.at(-1), ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.5:80']);
});

test('a cluster that is forgotten is not asked for any more', async () => {
  const bed = build({});
  await bed.advance(100);
  bed.discovery.forget(bed.cluster);
  await bed.advance(60_000);
  assert.equal(bed.asked.length, 1);
});

test('a jitter is added to each wait after an answer, by the rate as by the time to live', async () => {
  for (const respectTtl of [false, true]) {
    const bed = build({ respectTtl, jitterMs: 4_000 });
    bed.answers({ addresses: ['10.0.0.1'], ttlMs: 5_000 });
    await bed.advance(200_000);
    const waits = bed.asked.slice(2).map((at, i) => at - (bed.asked[i + 1] as number));
    assert.ok(waits.length >= 15, `${waits.length}`);
    for (const wait of waits) assert.ok(wait >= 5_000 && wait <= 9_200, `${wait}`);
    assert.ok(new Set(waits).size > 5, String(waits));
  }
});

test('a time to live counts no shorter than the least that is said', async () => {
  const bed = build({ respectTtl: true, ttlLeastMs: 10_000 });
  bed.answers({ addresses: ['10.0.0.1'], ttlMs: 2_000 });
  // The first answer had 30 s to live.
  await bed.advance(61_000);
  assert.equal(bed.asked.length, 5);
});
