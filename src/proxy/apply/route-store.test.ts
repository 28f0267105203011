import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { runAtOnce, silentLogger } from '#base';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { testHead, testInput } from '../match-input.testing.ts';
import { loadRegexEngine } from '../matcher/regex.ts';
import { ExtensionRegistry } from './extensions.ts';
import type { NamedResource } from './named-resource.ts';
import { RouteStore } from './route-store.ts';

before(() => loadRegexEngine());

function host(name: string, cluster: string, domains: readonly string[] = [name]): NamedResource {
  const message = create(VirtualHostSchema, {
    name,
    domains: [...domains],
    routes: [
      {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: cluster } } },
      },
    ],
  });
  return { name: `80/${name}`, version: cluster, bytes: toBinary(VirtualHostSchema, message) };
}

function open() {
  const store = new RouteStore(new ExtensionRegistry(), silentLogger);
  const source = store.byName('80');
  return {
    store,
    set: (vhds = true, statPrefix: readonly string[] = []) =>
      runAtOnce(
        store.set(
          create(RouteConfigurationSchema, {
            name: '80',
            requestHeadersToRemove: [...statPrefix],
            ...(vhds ? { vhds: {} } : {}),
          }),
        ),
      ),
    hosts: (added: readonly NamedResource[], removed: readonly string[] = []) =>
      runAtOnce(store.setHosts(added, removed)),
    inForce: () => source.current !== undefined,
    cluster: (authority: string) => source.current?.choose(testInput(testHead({ authority })), 0)?.cluster,
  };
}

test('a table is not in force before its virtual hosts came', () => {
  const { store, set, hosts, inForce, cluster } = open();
  set();
  assert.equal(inForce(), false);
  assert.deepEqual([...store.waiting()], ['80']);
  assert.deepEqual(hosts([host('a', '1'), host('any', 'rest', ['*'])]), []);
  assert.deepEqual([cluster('a'), cluster('x')], ['1', 'rest']);
  assert.deepEqual([...store.waiting()], []);
});

test('virtual hosts that come before their table wait for it', () => {
  const { set, hosts, inForce, cluster } = open();
  hosts([host('a', '1')]);
  assert.equal(inForce(), false);
  set();
  assert.equal(cluster('a'), '1');
});

test('those of another table do not make it whole', () => {
  const { set, hosts, inForce } = open();
  set();
  hosts([{ ...host('a', '1'), name: '8080/a' }]);
  assert.equal(inForce(), false);
});

test('a table without virtual hosts of its own account is in force at once', () => {
  const { set, inForce } = open();
  set(false);
  assert.equal(inForce(), true);
});

test('a changed host is replaced, a gone one goes, the others stay', () => {
  const { set, hosts, cluster } = open();
  set();
  hosts([host('a', '1'), host('b', '1'), host('any', 'rest', ['*'])]);
  hosts([host('b', '2')], ['80/a']);
  assert.deepEqual([cluster('a'), cluster('b')], ['rest', '2']);
});

test('a domain moves from one host to another in one batch', () => {
  const { set, hosts, cluster } = open();
  set();
  hosts([host('a', '1', ['a', 'shared']), host('b', '1')]);
  assert.deepEqual(hosts([host('b', '2', ['b', 'shared']), host('a', '2')]), []);
  assert.deepEqual([cluster('shared'), cluster('a')], ['2', '2']);
  assert.deepEqual(hosts([host('c', '3', ['shared', 'c'])], ['80/b']), []);
  assert.equal(cluster('shared'), '3');
});

test('two hosts that claim one domain are refused, and what was there stays', () => {
  const { set, hosts, cluster } = open();
  set();
  hosts([host('a', '1'), host('b', '1')]);
  const rejects = hosts([host('b', '2', ['b', 'a'])]);
  assert.deepEqual(
    rejects.map(({ name }) => name),
    ['80/b'],
  );
  assert.match(rejects[0]?.detail ?? '', /claim the domain "a"/);
  assert.deepEqual([cluster('a'), cluster('b')], ['1', '1']);
});

test('a host that cannot be read is refused by name, the others are taken', () => {
  const { set, hosts, cluster } = open();
  set();
  const rejects = hosts([host('a', '1'), { name: '80/bad', version: '1', bytes: new Uint8Array([0xff]) }]);
  assert.deepEqual(
    rejects.map(({ name }) => name),
    ['80/bad'],
  );
  assert.equal(cluster('a'), '1');
});

test('a new version of the table keeps its hosts', () => {
  const { set, hosts, cluster } = open();
  set();
  hosts([host('a', '1')]);
  set(true, ['x-gone']);
  assert.equal(cluster('a'), '1');
});

test('a table that loses all its hosts serves on until it goes itself', () => {
  const { store, set, hosts, inForce, cluster } = open();
  set();
  hosts([host('a', '1')]);
  hosts([], ['80/a']);
  assert.equal(cluster('a'), '1');
  store.remove('80');
  assert.equal(inForce(), false);
  // And when it comes again it waits again.
  set();
  assert.equal(inForce(), false);
});

test('the first request to a host finds what is in force, though a newer version was refused', () => {
  const { set, hosts, cluster } = open();
  set();
  hosts([host('a', '1'), host('b', '1')]);
  const noAction = create(VirtualHostSchema, {
    name: 'a',
    domains: ['a'],
    routes: [{ match: { pathSpecifier: { case: 'prefix', value: '/' } } }],
  });
  assert.equal(hosts([{ name: '80/a', version: '2', bytes: toBinary(VirtualHostSchema, noAction) }]).length, 1);
  assert.deepEqual([cluster('a'), cluster('a'), cluster('b')], ['1', '1', '1']);
});
