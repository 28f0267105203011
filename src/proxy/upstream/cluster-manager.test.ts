import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { FakeClock, type Net, SeededRandom, silentLogger, TYPE_URL } from '#base';
import { type Cluster, ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { UpstreamTlsContextSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { assignmentOf } from '../apply/assignment.testing.ts';
import { PLAIN_PICK } from '../cluster/index.ts';
import { Proxy } from '../proxy.ts';

type ClusterInit = Exclude<MessageInitShape<typeof ClusterSchema>, Cluster>;
const EDS: ClusterInit = { clusterDiscoveryType: { case: 'type', value: 3 } };

async function open() {
  const asked: string[] = [];
  const proxy = await Proxy.create({
    clock: new FakeClock(),
    random: new SeededRandom(1),
    net: {} as Net,
    log: silentLogger,
    secrets: {
      subscribe: (name) => {
        asked.push(name);
        return () => {};
      },
    },
  });
  let version = 0;
  const setCluster = (name: string, more: ClusterInit = {}) =>
    proxy.applyResources(
      TYPE_URL.cluster,
      [
        {
          name,
          version: String(++version),
          bytes: toBinary(ClusterSchema, create(ClusterSchema, { ...EDS, name, ...more })),
        },
      ],
      [],
    );
  const setEndpoints = (name: string, network: number, count: number) =>
    proxy.applyResources(
      TYPE_URL.endpoint,
      [{ name, version: String(++version), bytes: assignmentOf(name, network, count) }],
      [],
    );
  const rests = (name: string): boolean =>
    proxy.clusters.live(name) === undefined && [...proxy.clusters.names()].includes(name);
  return { proxy, asked, setCluster, setEndpoints, rests };
}

const tls = (secret: string): ClusterInit => ({
  transportSocket: {
    name: 'tls',
    configType: {
      case: 'typedConfig',
      value: anyPack(
        UpstreamTlsContextSchema,
        create(UpstreamTlsContextSchema, {
          commonTlsContext: {
            tlsCertificateSdsSecretConfigs: [{ name: secret }],
            validationContextType: { case: 'validationContextSdsSecretConfig', value: { name: 'ROOTCA' } },
          },
        }),
      ),
    },
  },
});

test('a cluster rests until somebody calls it, and is then as its newest configuration says', async () => {
  const { proxy, setCluster, setEndpoints, rests } = await open();
  setCluster('c');
  assert.deepEqual([...proxy.clusters.missingEndpoints()], ['c']);
  setEndpoints('c', 1, 3);
  setCluster('c', { connectTimeout: { seconds: 3n } });
  setEndpoints('c', 2, 4);
  assert.deepEqual([...proxy.clusters.missingEndpoints()], []);
  assert.deepEqual([...proxy.clusters.wantedEndpoints()], ['c']);
  assert.equal(rests('c'), true);

  const cluster = proxy.clusters.get('c');
  assert.equal(rests('c'), false);
  assert.equal(proxy.clusters.get('c'), cluster, 'called again, it is the same');
  assert.deepEqual([cluster?.warm, cluster?.hosts.size, cluster?.poolSettings.connectTimeoutMs], [true, 4, 3000]);
  assert.match(cluster?.pick(PLAIN_PICK)?.key ?? '', /^10\.2\./);

  setEndpoints('c', 3, 5);
  setCluster('c', { connectTimeout: { seconds: 4n } });
  assert.equal(proxy.clusters.get('c'), cluster, 'changed, it is the same');
  assert.deepEqual([cluster?.hosts.size, cluster?.poolSettings.connectTimeoutMs], [5, 4000]);
  proxy.close();
});

test('one that is called before its endpoints came has them when they come, or hears that there are none', async () => {
  const { proxy, setCluster, setEndpoints } = await open();
  setCluster('c');
  setCluster('d');
  const [c, d] = [proxy.clusters.get('c'), proxy.clusters.get('d')];
  assert.deepEqual([c?.warm, d?.warm], [false, false]);
  setEndpoints('c', 1, 3);
  proxy.applyResources(TYPE_URL.endpoint, [], ['d']);
  assert.deepEqual([c?.hosts.size, d?.warm, d?.hosts.size], [3, true, 0]);
  proxy.close();
});

test('one that rests hears so too', async () => {
  const { proxy, setCluster } = await open();
  setCluster('c');
  proxy.applyResources(TYPE_URL.endpoint, [], ['c']);
  assert.deepEqual([...proxy.clusters.missingEndpoints()], []);
  assert.equal(proxy.clusters.get('c')?.warm, true);
  proxy.close();
});

test('what is wrong is refused at once, and the former version is in force', async () => {
  const { proxy, setCluster, setEndpoints, rests } = await open();
  setCluster('c', { connectTimeout: { seconds: 3n } });
  setEndpoints('c', 1, 3);
  const unknown = { name: 'x', configType: { case: 'typedConfig' as const, value: { typeUrl: 'a/b' } } };
  assert.equal(setCluster('c', { transportSocket: unknown }).length, 1);
  const bad = { name: 'c', version: 'bad', bytes: new Uint8Array([0xff]) };
  assert.equal(proxy.applyResources(TYPE_URL.endpoint, [bad], []).length, 1);
  assert.equal(rests('c'), true);
  const cluster = proxy.clusters.get('c');
  assert.deepEqual([cluster?.hosts.size, cluster?.poolSettings.connectTimeoutMs], [3, 3000]);
  proxy.close();
});

test('what works by itself does not rest: checks, names to look up, secrets of its own, many endpoints', async () => {
  const { proxy, setCluster, setEndpoints, rests } = await open();
  setCluster('checks', {
    healthChecks: [
      {
        timeout: { seconds: 1n },
        interval: { seconds: 1n },
        unhealthyThreshold: 1,
        healthyThreshold: 1,
        healthChecker: { case: 'tcpHealthCheck', value: {} },
      },
    ],
  });
  setCluster('names', { clusterDiscoveryType: { case: 'type', value: 1 } });
  setCluster('secrets', tls('kubernetes://other'));
  setCluster('mesh', tls('default'));
  setCluster('many');
  setEndpoints('many', 1, 2000);
  assert.deepEqual(['checks', 'names', 'secrets', 'mesh', 'many'].map(rests), [false, false, false, true, false]);
  assert.equal(proxy.clusters.live('many')?.hosts.size, 2000);
  setCluster('mesh', tls('kubernetes://other'));
  assert.equal(rests('mesh'), false, 'it began to need one');
  proxy.close();
});

test('two may take their endpoints by one name, one of them called and the other not', async () => {
  const { proxy, setCluster, setEndpoints, rests } = await open();
  const shared = { edsClusterConfig: { serviceName: 'shared' } };
  setCluster('a', shared);
  setCluster('b', shared);
  setEndpoints('shared', 1, 3);
  assert.equal(proxy.clusters.get('a')?.hosts.size, 3);
  setEndpoints('shared', 2, 4);
  assert.equal(rests('b'), true);
  proxy.applyResources(TYPE_URL.cluster, [], ['a']);
  assert.equal(proxy.clusters.get('b')?.hosts.size, 4);
  proxy.close();
});

test('looking at all wakes none', async () => {
  const { proxy, setCluster, setEndpoints, rests } = await open();
  setCluster('c');
  setEndpoints('c', 1, 3);
  assert.deepEqual(
    Array.from(proxy.clusters.all(), ({ name, hosts }) => [name, hosts.size]),
    [['c', 3]],
  );
  assert.equal(rests('c'), true);
  proxy.close();
});
