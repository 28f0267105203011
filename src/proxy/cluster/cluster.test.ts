import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { FakeClock, SeededRandom, runAtOnce, TimerWheel } from '#base';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { CircuitBreakersSchema } from '#proto/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { OutlierDetectionSchema } from '#proto/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { endpointAt } from '../apply/assignment.testing.ts';
import {
  Balancer,
  ClusterBreakers,
  ClusterHosts,
  HEALTH,
  type Host,
  OriginalDestinationHosts,
  OutlierDetector,
  PLAIN_PICK,
  readAssignment,
  readLbSettings,
  readOutlierSettings,
  spreadLoad,
} from './index.ts';

interface Spec {
  readonly n: number;
  readonly priority?: number;
  readonly weight?: number;
  readonly zone?: string;
  readonly localityWeight?: number;
  readonly status?: 0 | 1 | 2 | 3 | 5;
}

function assignment(specs: readonly Spec[]) {
  return runAtOnce(
    readAssignment(
      create(ClusterLoadAssignmentSchema, {
        clusterName: 'c',
        endpoints: specs.map((s) => ({
          priority: s.priority ?? 0,
          locality: { zone: s.zone ?? '' },
          loadBalancingWeight: s.localityWeight ?? 1,
          lbEndpoints: [
            {
              healthStatus: s.status ?? 0,
              loadBalancingWeight: s.weight ?? 1,
              ...endpointAt(`10.0.0.${s.n}`),
            },
          ],
        })),
      }),
    ),
  );
}

function cluster(specs: readonly Spec[], config: MessageInitShape<typeof ClusterSchema> = {}) {
  const clock = new FakeClock();
  const random = new SeededRandom(7);
  const hosts = new ClusterHosts(clock);
  const read = assignment(specs);
  hosts.apply(read.specs, read);
  const settings = readLbSettings(create(ClusterSchema, { name: 'c', ...config }), {
    decode: () => undefined,
    warn: () => {},
  });
  const host = (n: number): Host => hosts.get(`10.0.0.${n}:80`) as Host;
  return { clock, random, hosts, host, balancer: new Balancer(settings, hosts, clock, random) };
}

function count(balancer: Balancer, times: number, context = PLAIN_PICK): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < times; i++) {
    const key = balancer.pick(context)?.key ?? 'none';
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

const share = (counts: Map<string, number>, n: number): number =>
  (counts.get(`10.0.0.${n}:80`) ?? 0) / [...counts.values()].reduce((a, b) => a + b, 0);
const close = (actual: number, expected: number, within = 0.03): void =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not near ${expected}`);

test('round robin visits every host once a turn', () => {
  const { balancer } = cluster([{ n: 1 }, { n: 2 }, { n: 3 }]);
  assert.deepEqual([...count(balancer, 9).values()], [3, 3, 3]);
});

test('weights are kept exactly by round robin', () => {
  const { balancer } = cluster([
    { n: 1, weight: 1 },
    { n: 2, weight: 3 },
    { n: 3, weight: 6 },
  ]);
  const counts = count(balancer, 1000);
  close(share(counts, 1), 0.1, 0.005);
  close(share(counts, 2), 0.3, 0.005);
  close(share(counts, 3), 0.6, 0.005);
});

test('any weights are served in proportion', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 }), (weights) => {
      const { balancer } = cluster(weights.map((weight, i) => ({ n: i + 1, weight })));
      const total = weights.reduce((a, b) => a + b, 0);
      const counts = count(balancer, total * 4);
      weights.forEach((weight, i) =>
        assert.ok(Math.abs((counts.get(`10.0.0.${i + 1}:80`) ?? 0) - weight * 4) <= 2 + weights.length),
      );
    }),
    { numRuns: 50 },
  );
});

test('least request prefers the idle, and bends weights by what is in flight', () => {
  const { balancer, host } = cluster([{ n: 1 }, { n: 2 }], { lbPolicy: 1 });
  host(1).activeRequests = 10;
  const counts = count(balancer, 1000);
  close(share(counts, 1), 0.25, 0.05);
  const weighted = cluster(
    [
      { n: 1, weight: 2 },
      { n: 2, weight: 1 },
    ],
    { lbPolicy: 1 },
  );
  weighted.host(1).activeRequests = 3;
  close(share(count(weighted.balancer, 900), 1), 1 / 3);
});

test('random and peak EWMA reach all, EWMA the quicker one more', () => {
  close(share(count(cluster([{ n: 1 }, { n: 2, weight: 9 }], { lbPolicy: 3 }).balancer, 2000), 1), 0.5);
  const { balancer, host, clock } = cluster([{ n: 1 }, { n: 2 }], {
    metadata: { filterMetadata: { 'topsail.lb': { policy: 'PEAK_EWMA' } } },
  });
  host(1).ewmaMs = 100;
  host(2).ewmaMs = 10;
  assert.equal(share(count(balancer, 100), 2), 1);
  clock.advance(30_000);
  host(2).ewmaAtMs = clock.now();
  assert.equal(share(count(balancer, 100), 1), 1, 'who was slow is asked again once that is long ago');
});

for (const [name, lbPolicy] of [
  ['ring hash', 2],
  ['maglev', 5],
] as const) {
  test(`${name} keeps a key on its host and moves few keys when one leaves`, () => {
    const specs = Array.from({ length: 10 }, (_, i) => ({ n: i + 1 }));
    const { balancer, hosts } = cluster(specs, { lbPolicy });
    const keys = Array.from({ length: 2000 }, (_, i) => (i * 2_654_435_761) >>> 0);
    const before = keys.map((hash) => balancer.pick({ ...PLAIN_PICK, hash })?.key);
    assert.deepEqual(
      keys.map((hash) => balancer.pick({ ...PLAIN_PICK, hash })?.key),
      before,
    );
    const counts = new Map<string, number>();
    for (const key of before) counts.set(key as string, (counts.get(key as string) ?? 0) + 1);
    for (const n of counts.values()) close(n / keys.length, 0.1, 0.07);
    const read = assignment(specs.slice(1));
    hosts.apply(read.specs, read);
    const moved = keys.filter(
      (hash, i) => balancer.pick({ ...PLAIN_PICK, hash })?.key !== before[i] && before[i] !== '10.0.0.1:80',
    ).length;
    assert.ok(moved / keys.length < 0.1, `${moved} of ${keys.length} moved`);
  });

  test(`${name} follows weights`, () => {
    const { balancer } = cluster(
      [
        { n: 1, weight: 1 },
        { n: 2, weight: 3 },
      ],
      { lbPolicy },
    );
    let second = 0;
    for (let i = 0; i < 4000; i++)
      if (balancer.pick({ ...PLAIN_PICK, hash: (i * 2_654_435_761) >>> 0 })?.key === '10.0.0.2:80') second++;
    close(second / 4000, 0.75, 0.05);
  });
}

test('a bounded load sends the surplus on', () => {
  const { balancer, host } = cluster([{ n: 1 }, { n: 2 }], {
    lbPolicy: 5,
    commonLbConfig: { consistentHashingLbConfig: { hashBalanceFactor: 110 } },
  });
  const first = balancer.pick({ ...PLAIN_PICK, hash: 5 });
  (first as Host).activeRequests = 10;
  assert.notEqual(balancer.pick({ ...PLAIN_PICK, hash: 5 }), first);
  assert.ok(host(1) !== undefined);
});

test('a retry avoids hosts as long as its attempts last', () => {
  const { balancer, host } = cluster([{ n: 1 }, { n: 2 }]);
  const avoid = (h: Host): boolean => h === host(1);
  assert.equal(share(count(balancer, 50, { ...PLAIN_PICK, attempts: 5, avoid }), 2), 1);
  for (const lbPolicy of [2, 5] as const) {
    const hashing = cluster([{ n: 1 }, { n: 2 }], { lbPolicy });
    const other = count(hashing.balancer, 50, {
      ...PLAIN_PICK,
      hash: 99,
      attempts: 20,
      avoid: (h) => h === hashing.host(1),
    });
    assert.equal(share(other, 2), 1);
  }
});

test('load moves to the next priority only as far as health falls below 1 / 1.4', () => {
  const specs = [1, 2, 3, 4].map((n) => ({ n })).concat([{ n: 5, priority: 1 } as never]);
  const { balancer, hosts, host } = cluster(specs, { commonLbConfig: { healthyPanicThreshold: { value: 0 } } });
  assert.deepEqual(balancer.loads.healthy, [100, 0]);
  hosts.setUnhealthy(host(1), HEALTH.activeFailed, true);
  assert.deepEqual(balancer.loads.healthy, [100, 0]);
  hosts.setUnhealthy(host(2), HEALTH.activeFailed, true);
  assert.deepEqual(balancer.loads.healthy, [70, 30]);
  close(share(count(balancer, 3000), 5), 0.3);
  hosts.setUnhealthy(host(3), HEALTH.activeFailed, true);
  hosts.setUnhealthy(host(4), HEALTH.activeFailed, true);
  assert.equal(share(count(balancer, 100), 5), 1);
  hosts.setUnhealthy(host(5), HEALTH.activeFailed, true);
  assert.equal(balancer.pick(PLAIN_PICK), undefined);
});

test('loads always add up to 100 or to nothing', () => {
  const set = fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5)).map(([healthy, degraded, sick]) => {
    const make = (k: number): Host[] => Array.from({ length: k }, () => ({ spec: { weight: 1 } }) as Host);
    const [h, d] = [make(healthy), make(degraded)];
    return { healthy: h, degraded: d, all: [...h, ...d, ...make(sick)], localities: [] };
  });
  fc.assert(
    fc.property(fc.array(set, { maxLength: 4 }), fc.constantFrom(0, 50), (sets, panicThreshold) => {
      const loads = spreadLoad(sets, { overprovisioning: 1.4, weightedHealth: false, panicThreshold });
      const total = [...loads.healthy, ...loads.degraded].reduce((a, b) => a + b, 0);
      assert.ok(total === 100 || total === 0, String(total));
      if (sets.some((s) => s.healthy.length > 0)) assert.equal(total, 100);
    }),
  );
});

test('below the panic threshold every host takes part', () => {
  const { balancer, hosts, host } = cluster([{ n: 1 }, { n: 2 }, { n: 3 }]);
  hosts.setUnhealthy(host(1), HEALTH.ejected, true);
  assert.equal(share(count(balancer, 300), 1), 0);
  hosts.setUnhealthy(host(2), HEALTH.ejected, true);
  close(share(count(balancer, 300), 1), 1 / 3);
});

test('draining and unhealthy endpoints get nothing, degraded ones only what is left', () => {
  const { balancer } = cluster([{ n: 1 }, { n: 2, status: 3 }, { n: 3, status: 2 }, { n: 4, status: 5 }], {
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
  });
  const counts = count(balancer, 1000);
  assert.equal(share(counts, 2) + share(counts, 3), 0);
  assert.ok(share(counts, 4) > 0.3 && share(counts, 1) > 0.3);
});

test('localities share by weight and lose with their health', () => {
  const config = {
    commonLbConfig: {
      localityConfigSpecifier: { case: 'localityWeightedLbConfig', value: {} },
      healthyPanicThreshold: { value: 0 },
    },
  } as const;
  const { balancer, hosts, host } = cluster(
    [
      { n: 1, zone: 'a', localityWeight: 1 },
      { n: 2, zone: 'b', localityWeight: 3 },
    ],
    config,
  );
  close(share(count(balancer, 1000), 2), 0.75);
  hosts.setUnhealthy(host(2), HEALTH.activeFailed, true);
  assert.equal(share(count(balancer, 100), 1), 1);
});

test('a host that comes late starts slowly', () => {
  const { balancer, hosts, clock } = cluster([{ n: 1 }], {
    lbConfig: { case: 'roundRobinLbConfig', value: { slowStartConfig: { slowStartWindow: { seconds: 60n } } } },
  });
  clock.advance(100_000);
  const read = assignment([{ n: 1 }, { n: 2 }]);
  hosts.apply(read.specs, read);
  clock.advance(6_000);
  close(share(count(balancer, 1100), 2), 1 / 11, 0.02);
  clock.advance(60_000);
  close(share(count(balancer, 1000), 2), 0.5, 0.01);
});

test('hosts keep their identity through updates', () => {
  const { hosts, host } = cluster([{ n: 1 }, { n: 2 }]);
  const first = host(1);
  first.activeRequests = 3;
  hosts.setUnhealthy(first, HEALTH.ejected, true);
  const read = assignment([{ n: 1, weight: 7 }, { n: 3 }]);
  const changes = hosts.apply(read.specs, read);
  assert.equal(host(1), first);
  assert.deepEqual([first.ejected, first.activeRequests, first.spec.weight], [true, 3, 7]);
  assert.deepEqual(
    [changes.added.map((h) => h.key), changes.removed.map((h) => h.key)],
    [['10.0.0.3:80'], ['10.0.0.2:80']],
  );
});

test('a subset holds the hosts whose metadata say so', () => {
  const { balancer, host } = cluster([{ n: 1 }, { n: 2 }], { lbSubsetConfig: { fallbackPolicy: 0 } });
  host(2).spec = { ...host(2).spec, metadata: { 'envoy.lb': { version: 'v2' } } };
  const asking = (version: string) => ({ ...PLAIN_PICK, metadataMatch: { 'envoy.lb': { version } } });
  assert.equal(share(count(balancer, 20, asking('v2')), 2), 1);
  assert.equal(balancer.pick(asking('v3')), undefined);
});

function detector(hosts: number, config: MessageInitShape<typeof OutlierDetectionSchema>) {
  const c = cluster(Array.from({ length: hosts }, (_, i) => ({ n: i + 1 })));
  const events: string[] = [];
  const outlier = new OutlierDetector(
    readOutlierSettings(create(OutlierDetectionSchema, config)),
    c.hosts,
    c.clock,
    c.random,
    {
      ejected: (host, cause) => events.push(`${host.key} ${cause}`),
      unejected: (host) => events.push(`${host.key} back`),
    },
  );
  const answers = (n: number, status: number, times: number): void => {
    for (let i = 0; i < times; i++) outlier.report(c.host(n), { kind: 'answer', status });
  };
  return { ...c, outlier, events, answers };
}

test('five errors in a row eject a host, which comes back after the base time, longer each time', () => {
  const { outlier, answers, events, clock, host } = detector(2, {
    maxEjectionPercent: 50,
    interval: { seconds: 1n },
    baseEjectionTime: { seconds: 10n },
  });
  answers(1, 500, 4);
  answers(1, 200, 1);
  answers(1, 500, 4);
  assert.equal(host(1).ejected, false);
  answers(1, 500, 1);
  assert.deepEqual(events, ['10.0.0.1:80 consecutive-5xx']);
  clock.advance(9_500);
  assert.equal(host(1).ejected, true);
  clock.advance(1_000);
  assert.equal(host(1).ejected, false);
  answers(1, 503, 5);
  clock.advance(15_000);
  assert.equal(host(1).ejected, true);
  clock.advance(6_000);
  assert.equal(host(1).ejected, false);
  outlier.close();
  assert.equal(clock.pendingTimers, 0);
});

test('detection that was taken away and is configured anew holds nothing of before against anybody', () => {
  const settings = { maxEjectionPercent: 100, interval: { seconds: 1n }, baseEjectionTime: { seconds: 10n } };
  const { outlier, answers, clock, host, hosts, random } = detector(2, settings);
  answers(1, 500, 5);
  answers(2, 500, 4);
  outlier.close();
  assert.deepEqual([host(1).ejected, host(2).ejected], [false, false]);
  const anew = new OutlierDetector(readOutlierSettings(create(OutlierDetectionSchema, settings)), hosts, clock, random);
  const fails = (n: number, times: number): void => {
    for (let i = 0; i < times; i++) anew.report(host(n), { kind: 'answer', status: 500 });
  };
  fails(2, 4);
  assert.equal(host(2).ejected, false);
  fails(1, 5);
  // For the base time, not for twice that.
  clock.advance(11_500);
  assert.equal(host(1).ejected, false);
  anew.close();
  assert.equal(clock.pendingTimers, 0);
});

test('a shorter interval counts at once, not after the one under way', () => {
  const { outlier, answers, clock, host } = detector(2, {
    maxEjectionPercent: 50,
    interval: { seconds: 30n },
    baseEjectionTime: { seconds: 30n },
  });
  outlier.update(
    readOutlierSettings(
      create(OutlierDetectionSchema, {
        maxEjectionPercent: 50,
        interval: { seconds: 1n },
        baseEjectionTime: { seconds: 1n },
      }),
    ),
  );
  answers(1, 500, 5);
  clock.advance(2_100);
  assert.equal(host(1).ejected, false);
  outlier.close();
  assert.equal(clock.pendingTimers, 0);
});

test('no more hosts are out than max_ejection_percent', () => {
  const { answers, host } = detector(4, { maxEjectionPercent: 50 });
  for (const n of [1, 2, 3, 4]) answers(n, 500, 5);
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => host(n).ejected),
    [true, true, false, false],
  );
  const strict = detector(3, {});
  strict.answers(1, 500, 5);
  assert.equal(strict.host(1).ejected, false);
  const one = detector(3, { alwaysEjectOneHost: true });
  one.answers(1, 500, 5);
  one.answers(2, 500, 5);
  assert.deepEqual([one.host(1).ejected, one.host(2).ejected], [true, false]);
});

test('gateway errors are counted apart', () => {
  const { answers, events } = detector(2, {
    maxEjectionPercent: 100,
    enforcingConsecutive5xx: 0,
    consecutiveGatewayFailure: 3,
    enforcingConsecutiveGatewayFailure: 100,
  });
  answers(1, 503, 2);
  answers(1, 500, 1);
  answers(1, 502, 2);
  assert.deepEqual(events, []);
  answers(1, 504, 1);
  assert.deepEqual(events, ['10.0.0.1:80 consecutive-gateway-failure']);
});

test('local origin failures count as gateway errors, or apart when split', () => {
  const joined = detector(2, { maxEjectionPercent: 100, consecutive5xx: 2 });
  joined.outlier.report(joined.host(1), { kind: 'connect-failed' });
  joined.outlier.report(joined.host(1), { kind: 'timeout' });
  assert.deepEqual(joined.events, ['10.0.0.1:80 consecutive-5xx']);
  const split = detector(2, {
    maxEjectionPercent: 100,
    consecutive5xx: 1,
    splitExternalLocalOriginErrors: true,
    consecutiveLocalOriginFailure: 2,
  });
  split.outlier.report(split.host(1), { kind: 'connect-failed' });
  split.outlier.report(split.host(1), { kind: 'connected' });
  split.outlier.report(split.host(1), { kind: 'connect-failed' });
  split.outlier.report(split.host(1), { kind: 'timeout' });
  assert.deepEqual(split.events, ['10.0.0.1:80 consecutive-local-origin-failure']);
});

test('success rate ejects who stands out from the mean, failure percentage who fails too often', () => {
  const rate = detector(6, {
    maxEjectionPercent: 100,
    consecutive5xx: 1000,
    successRateRequestVolume: 10,
    interval: { seconds: 1n },
  });
  for (const n of [1, 2, 3, 4, 5, 6]) rate.answers(n, 200, 20);
  rate.answers(1, 500, 20);
  rate.clock.advance(1_000);
  assert.deepEqual(rate.events, ['10.0.0.1:80 success-rate']);
  const failure = detector(2, {
    maxEjectionPercent: 100,
    consecutive5xx: 1000,
    failurePercentageMinimumHosts: 1,
    failurePercentageRequestVolume: 10,
    enforcingFailurePercentage: 100,
    failurePercentageThreshold: 50,
    interval: { seconds: 1n },
  });
  failure.answers(1, 500, 5);
  failure.answers(1, 200, 5);
  failure.answers(2, 200, 10);
  failure.clock.advance(1_000);
  assert.deepEqual(failure.events, ['10.0.0.1:80 failure-percentage']);
});

test('breakers say no at the limit, and a budget follows the load', () => {
  const breakers = new ClusterBreakers();
  breakers.update(
    create(CircuitBreakersSchema, {
      thresholds: [
        { maxPendingRequests: 1, maxRequests: 2 },
        { priority: 1, maxRetries: 0 },
      ],
    }),
  );
  const b = breakers.of('default');
  assert.deepEqual([b.tryRequest(), b.tryRequest(), b.tryRequest()], [true, true, false]);
  assert.deepEqual([b.tryPending(), b.tryPending(), b.overflows.pending], [true, false, 1]);
  b.releaseRequest();
  assert.equal(b.tryRequest(), true);
  assert.equal(breakers.of('high').tryRetry(), false);
  breakers.update(
    create(CircuitBreakersSchema, {
      thresholds: [{ retryBudget: { budgetPercent: { value: 50 }, minRetryConcurrency: 1 } }],
    }),
  );
  assert.equal(b.requests, 2);
  assert.equal(b.retryLimit, 1);
  for (let i = 0; i < 8; i++) b.tryRequest();
  assert.equal(b.retryLimit, 5);
});

test('original destinations are made on demand, and forgotten when nobody uses them or is connected', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const gone: string[] = [];
  const settings = { port: 0, cleanupMs: 5_000 };
  const hosts = new OriginalDestinationHosts({ clock, wheel }, settings, (host) => gone.push(host.key));
  const a = hosts.pick({ address: '::1', port: 80 });
  assert.equal(a?.key, '[::1]:80');
  const b = hosts.pick({ address: '10.0.0.1', port: 80 });
  const busy = hosts.pick({ address: '10.0.0.2', port: 80 });
  busy?.tryConnection(1);
  clock.advance(4_000);
  assert.equal(hosts.pick({ address: '::1', port: 80 }), a);
  clock.advance(2_000);
  assert.deepEqual(gone, [b?.key]);
  clock.advance(60_000);
  assert.deepEqual(gone, [b?.key, a?.key]);
  busy?.releaseConnection();
  clock.advance(11_000);
  assert.deepEqual(gone, [b?.key, a?.key, busy?.key]);
  assert.deepEqual([hosts.size, wheel.size], [0, 0]);
  hosts.update({ ...settings, port: 15_006 });
  assert.equal(hosts.pick({ address: '10.0.0.1', port: 80 })?.key, '10.0.0.1:15006');
  for (let i = 0; i < 5000; i++) hosts.pick({ address: `10.1.${i >> 8}.${i & 255}`, port: 80 });
  assert.equal(hosts.size, 4096);
  hosts.close();
  assert.equal(wheel.size, 0);
});

test('while the table of a hashing policy is made, the former one chooses, and nobody gets a host that is gone', async () => {
  /** Every look costs time, so that a large table takes many turns. */
  class SlowClock extends FakeClock {
    override now(): number {
      this.advanceBusy(0.2);
      return super.now();
    }
  }
  const clock = new SlowClock();
  const hosts = new ClusterHosts(clock);
  const specs = (from: number, to: number) =>
    assignment(Array.from({ length: to - from }, (_, i) => ({ n: from + i }))).specs;
  hosts.apply(specs(0, 200));
  const settings = readLbSettings(
    create(ClusterSchema, {
      name: 'c',
      lbPolicy: 2,
      lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize: 20_000n } },
    }),
    { decode: () => undefined, warn: () => {} },
  );
  const balancer = new Balancer(settings, hosts, clock, new SeededRandom(1));
  const pick = (hash: number): string => balancer.pick({ ...PLAIN_PICK, hash })?.key ?? 'none';
  const finish = async (): Promise<void> => {
    while (clock.pendingTimers > 0) clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const hashes = Array.from({ length: 100 }, (_, i) => (i * 42_949_673) >>> 0);
  pick(1);
  assert.ok(clock.pendingTimers > 0, 'it takes more than a turn');
  await finish();
  const before = hashes.map(pick);
  hosts.apply(specs(20, 200));
  const meanwhile = hashes.map(pick);
  assert.ok(clock.pendingTimers > 0);
  const gone = new Set(specs(0, 20).map((spec) => spec.key));
  hashes.forEach((_, i) => {
    assert.ok(!gone.has(meanwhile[i] as string));
    if (!gone.has(before[i] as string)) assert.equal(meanwhile[i], before[i]);
  });
  await finish();
  const after = hashes.map(pick);
  assert.ok(after.every((key) => !gone.has(key) && key !== 'none'));
  assert.ok(after.filter((key, i) => key === before[i]).length > 70, 'most stay where they were');
});
