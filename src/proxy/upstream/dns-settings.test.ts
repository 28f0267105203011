import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  type Cluster,
  type Cluster_DiscoveryType as DiscoveryType,
  ClusterSchema,
} from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { DnsLookupFamily } from '#proto/envoy/extensions/clusters/common/dns/v3/dns_pb.ts';
import { DnsClusterSchema } from '#proto/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { endpointAt } from '../apply/assignment.testing.ts';
import { DISCOVERY, readClusterSettings } from './cluster-settings.ts';

type ClusterInit = Exclude<MessageInitShape<typeof ClusterSchema>, Cluster>;
type DnsInit = MessageInitShape<typeof DnsClusterSchema>;

const seconds = (n: number) => ({ seconds: BigInt(n), nanos: 0 });

function endpoints(...names: readonly string[]): NonNullable<ClusterInit['loadAssignment']> {
  return { clusterName: 'c', endpoints: [{ lbEndpoints: names.map(endpointAt) }] };
}

function read(init: ClusterInit) {
  const told: string[] = [];
  const message = create(ClusterSchema, { name: 'c', loadAssignment: endpoints('shop.example'), ...init });
  const settings = readClusterSettings(message, (field) => void told.push(field));
  return { settings, told };
}

const typed = (init: DnsInit, more: ClusterInit = {}) =>
  read({
    clusterDiscoveryType: {
      case: 'clusterType',
      value: { name: 'envoy.clusters.dns', typedConfig: anyPack(DnsClusterSchema, create(DnsClusterSchema, init)) },
    },
    ...more,
  });
const old = (value: DiscoveryType, more: ClusterInit = {}) =>
  read({ clusterDiscoveryType: { case: 'type', value }, ...more });

test('the cluster type envoy.clusters.dns is a strict or a logical DNS cluster', () => {
  assert.equal(typed({}).settings.discovery, DISCOVERY.STRICT_DNS);
  assert.equal(typed({ allAddressesInSingleEndpoint: true }).settings.discovery, DISCOVERY.LOGICAL_DNS);
});

test('what a DnsCluster says is read as from the fields of old', () => {
  const failure = { baseInterval: seconds(2), maxInterval: seconds(9) };
  const said = {
    dnsRefreshRate: seconds(7),
    respectDnsTtl: true,
    dnsJitter: seconds(3),
    dnsFailureRefreshRate: failure,
  };
  const wanted = {
    refreshMs: 7_000,
    respectTtl: true,
    ttlLeastMs: 1_000,
    jitterMs: 3_000,
    failure: { baseMs: 2_000, maxMs: 9_000 },
    family: 1,
  };
  assert.deepEqual(typed({ ...said, dnsLookupFamily: DnsLookupFamily.V4_ONLY }).settings.dns, wanted);
  assert.deepEqual(old(1, { ...said, dnsLookupFamily: 1 }).settings.dns, wanted);
  assert.equal(typed({ dnsMinRefreshRate: seconds(20) }).settings.dns?.ttlLeastMs, 20_000);
});

test('one that says nothing has Envoy’s defaults', () => {
  const { settings, told } = typed({});
  assert.deepEqual(settings.dns, old(1).settings.dns);
  assert.deepEqual(settings.dns, {
    refreshMs: 5_000,
    respectTtl: false,
    ttlLeastMs: 1_000,
    jitterMs: 0,
    failure: undefined,
    family: 0,
  });
  assert.deepEqual(told, []);
});

test('families have one number more there', () => {
  const families = [DnsLookupFamily.UNSPECIFIED, DnsLookupFamily.AUTO, DnsLookupFamily.V6_ONLY, DnsLookupFamily.ALL];
  assert.deepEqual(
    families.map((dnsLookupFamily) => typed({ dnsLookupFamily }).settings.dns?.family),
    [0, 0, 2, 4],
  );
});

test('a logical name with more or fewer endpoints than one is refused', () => {
  for (const loadAssignment of [endpoints(), endpoints('a', 'b')]) {
    assert.throws(
      () => typed({ allAddressesInSingleEndpoint: true }, { loadAssignment }),
      /load_assignment.*one endpoint/,
    );
    assert.throws(() => old(DISCOVERY.LOGICAL_DNS, { loadAssignment }), /load_assignment.*one endpoint/);
    assert.doesNotThrow(() => typed({}, { loadAssignment }));
  }
});

test('waits after failures that end before they begin are refused', () => {
  const dnsFailureRefreshRate = { baseInterval: seconds(5), maxInterval: seconds(2) };
  assert.throws(() => typed({ dnsFailureRefreshRate }), /cluster_type\.dns_failure_refresh_rate\.max_interval/);
  assert.throws(() => old(DISCOVERY.STRICT_DNS, { dnsFailureRefreshRate }), /dns_failure_refresh_rate\.max_interval/);
});

test('what counts for nothing is told: resolvers, and fields that a DnsCluster stands in the place of', () => {
  const resolver = { name: 'cares' };
  assert.deepEqual(typed({ typedDnsResolverConfig: resolver }).told, [
    'cluster "c".cluster_type.typed_dns_resolver_config',
  ]);
  const { told } = typed({}, { dnsRefreshRate: seconds(1), respectDnsTtl: true, dnsLookupFamily: 2 });
  assert.deepEqual(
    told.map((field) => field.replace('cluster "c".', '')),
    ['dns_refresh_rate', 'respect_dns_ttl', 'dns_lookup_family'],
  );
});

test('other cluster types are refused by their names', () => {
  const value = {
    name: 'envoy.clusters.redis',
    typedConfig: { typeUrl: 'type.googleapis.com/odd', value: new Uint8Array() },
  };
  assert.throws(
    () => read({ clusterDiscoveryType: { case: 'clusterType', value } }),
    /cluster_type is not supported.*"envoy\.clusters\.redis"/,
  );
});
