// How long a proxy's loop stands still while configuration arrives: the longest turn of each push, sliced as shipped,
// and at once (as it was before); then what the first request after it pays. Endpoints carry the metadata that our
// control plane gives them.
//
//   node bench/micro/updates.ts [--rounds 8]
import { create, toBinary } from '@bufbuild/protobuf';
import { type Clock, silentLogger, TYPE_URL } from '#base';
import { SystemClock, SystemNet, SystemRandom } from '#io';
import { type NamedResource, Proxy } from '#proxy';
import { type Cluster, Cluster_LbPolicy, ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { PLAIN_PICK } from '../../src/proxy/cluster/index.ts';
import { programOptions } from '../../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, { options: { rounds: { type: 'string', default: '8' } } });
const rounds = Number(values.rounds);
const system = new SystemClock();
let longest = 0;

/** ms of CPU, so that others on the machine do not count. */
function cpuMs(): number {
  const { user, system: kernel } = process.threadCpuUsage();
  return (user + kernel) / 1000;
}

function turn<T>(run: () => T): T {
  const start = cpuMs();
  try {
    return run();
  } finally {
    longest = Math.max(longest, cpuMs() - start);
  }
}

/** The system's, timing what its timers run. */
const clock: Clock = {
  now: () => system.now(),
  wallTime: () => system.wallTime(),
  setTimer: (ms, fire, options) => system.setTimer(ms, () => turn(fire), options),
};

const makeProxy = (): Promise<Proxy> =>
  Proxy.create({
    clock,
    random: new SystemRandom(),
    net: new SystemNet(),
    log: silentLogger,
    secrets: { subscribe: () => () => {} },
  });

let version = 0;

function cluster(name: string, lbPolicy: Cluster_LbPolicy = Cluster_LbPolicy.LEAST_REQUEST): NamedResource {
  const message: Cluster = create(ClusterSchema, {
    name,
    lbPolicy,
    altStatName: `v${++version}`,
    clusterDiscoveryType: { case: 'type', value: 3 },
  });
  return { name, bytes: toBinary(ClusterSchema, message), version: String(version) };
}

function assignment(name: string, count: number, first: number): NamedResource {
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
    loadBalancingWeight: 1,
    metadata: {
      filterMetadata: {
        istio: { workload: `app-${i % 500};default;app;v1;Kubernetes` },
        'envoy.transport_socket_match': { tlsMode: 'istio' },
      },
    },
  });
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [
      {
        locality: { region: 'r', zone: 'z' },
        lbEndpoints: Array.from({ length: count }, (_, i) => endpoint(first + i)),
      },
    ],
  });
  return { name, bytes: toBinary(ClusterLoadAssignmentSchema, message), version: String(++version) };
}

function table(hosts: number): NamedResource {
  const message = create(RouteConfigurationSchema, {
    name: '80',
    maxDirectResponseBodySizeBytes: ++version,
    virtualHosts: Array.from({ length: hosts }, (_, i) => ({
      name: `s${i}`,
      domains: [`s${i}`, `s${i}.ns`, `s${i}.ns.svc`, `s${i}.ns.svc.cluster.local`, `10.1.${i >> 8}.${i & 255}`],
      routes: [
        {
          match: { pathSpecifier: { case: 'prefix' as const, value: '/' } },
          action: {
            case: 'route' as const,
            value: { clusterSpecifier: { case: 'cluster' as const, value: `outbound|80||s${i}` } },
          },
        },
      ],
    })),
  });
  return { name: '80', bytes: toBinary(RouteConfigurationSchema, message), version: String(version) };
}

interface Push {
  readonly title: string;
  readonly typeUrl: string;
  readonly make: (round: number) => NamedResource[];
}

const POLICIES = ['LEAST_REQUEST', 'ROUND_ROBIN', 'RING_HASH', 'MAGLEV'] as const;
const PUSHES: readonly Push[] = [
  { title: '10,000 endpoints in one cluster', typeUrl: TYPE_URL.endpoint, make: () => [assignment('big', 10_000, 0)] },
  {
    title: 'the same, one endpoint gone and one new',
    typeUrl: TYPE_URL.endpoint,
    make: (round) => [assignment('big', 10_000, 1 + round)],
  },
  {
    title: '10,000 endpoints, all of them new',
    typeUrl: TYPE_URL.endpoint,
    make: (round) => [assignment('new', 10_000, 10_000 * round)],
  },
  {
    title: '1,000 clusters',
    typeUrl: TYPE_URL.cluster,
    make: () => Array.from({ length: 1000 }, (_, i) => cluster(`c${i}`)),
  },
  {
    title: '1,000 clusters of 10 endpoints in one response',
    typeUrl: TYPE_URL.endpoint,
    make: (round) => Array.from({ length: 1000 }, (_, i) => assignment(`c${i}`, 10, i * 10 + round)),
  },
  { title: 'a route table of 1,000 virtual hosts', typeUrl: TYPE_URL.route, make: () => [table(1000)] },
];

type Apply = (proxy: Proxy, push: Push, resources: readonly NamedResource[]) => Promise<void>;
const WAYS: Readonly<Record<string, Apply>> = {
  'at once': async (proxy, { typeUrl }, resources) => void turn(() => proxy.applyResources(typeUrl, resources, [])),
  sliced: async (proxy, { typeUrl }, resources) => void (await turn(() => proxy.applyInSlices(typeUrl, resources, []))),
};

const results = new Map<string, Map<string, { turns: number[]; totals: number[] }>>();
for (const [way, apply] of Object.entries(WAYS)) {
  const proxy = await makeProxy();
  proxy.applyResources(
    TYPE_URL.cluster,
    [cluster('big'), cluster('new'), ...Array.from({ length: 1000 }, (_, i) => cluster(`c${i}`))],
    [],
  );
  for (let round = 0; round < rounds; round++) {
    for (const push of PUSHES) {
      const resources = push.make(round);
      longest = 0;
      const start = cpuMs();
      await apply(proxy, push, resources);
      const ofPush = results.get(push.title) ?? new Map<string, { turns: number[]; totals: number[] }>();
      const mine = ofPush.get(way) ?? { turns: [], totals: [] };
      mine.turns.push(longest);
      mine.totals.push(cpuMs() - start);
      results.set(push.title, ofPush.set(way, mine));
    }
  }
  proxy.close();
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] as number;
const ms = (n: number): string => n.toFixed(1);
console.log('| Push | Applied | Longest turn, ms of CPU: median (worst) | All of it |\n|---|---|---|---|');
for (const [title, ways] of results)
  for (const [way, { turns, totals }] of ways)
    console.log(`| ${title} | ${way} | ${ms(median(turns))} (${ms(Math.max(...turns))}) | ${ms(median(totals))} |`);

console.log('\n| First pick among 10,000 changed endpoints | ms of CPU: median (worst) |\n|---|---|');
const proxy = await makeProxy();
proxy.applyResources(
  TYPE_URL.cluster,
  POLICIES.map((name) => cluster(name, Cluster_LbPolicy[name])),
  [],
);
for (const name of POLICIES) {
  const picks: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await proxy.applyInSlices(TYPE_URL.endpoint, [assignment(name, 10_000, round)], []);
    const start = cpuMs();
    proxy.clusters.get(name)?.pick({ ...PLAIN_PICK, hash: 77 });
    picks.push(cpuMs() - start);
  }
  console.log(`| ${name} | ${ms(median(picks))} (${ms(Math.max(...picks))}) |`);
}
proxy.close();
process.exit(0);
