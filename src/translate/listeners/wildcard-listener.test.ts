import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { type ProxyNode, TYPE_URL } from '#base';
import { parseText, viewOf } from '#config';
import { type Listener, ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { FilterChain } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { TcpProxySchema } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { buildSnapshot } from '#push';
import { Registry } from '#registry';
import { EXACT_CHAINS_MAX } from '../limits.ts';
import { translate } from '../translate.ts';

const CLIENT: ProxyNode = {
  id: 'x',
  parsed: { type: 'sidecar', ip: '10.0.0.9', workload: 'x', namespace: 'default', domain: 'cluster.local' },
  cluster: '',
  metadata: { NAMESPACE: 'default', LABELS: {}, TOPSAIL_DATA_PLANE: 'topsail' },
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: 'spiffe://cluster.local/ns/default/sa/x',
};

function listeners(...documents: readonly string[]): ReadonlyMap<string, Listener> {
  const read = parseText('test.yaml', documents.join('---\n'), { defaultNamespace: 'default', createdMs: 1 });
  const config = viewOf(
    read.map(({ object, complaints }) => {
      assert.ok(object !== undefined, complaints.map((one) => one.message).join('\n'));
      return object;
    }),
  );
  const registry = new Registry({ domain: 'cluster.local', cluster: 'c1' }).rebuild(config).view;
  const snapshot = buildSnapshot({ config, registry, domain: 'cluster.local', former: undefined });
  const found = translate(snapshot, CLIENT).get(TYPE_URL.listener) ?? new Map();
  return new Map([...found].map(([name, { bytes }]) => [name, fromBinary(ListenerSchema, bytes)]));
}

const entry = (name: string, addresses: readonly string[], ports: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec:
  hosts: [${name}.example.com]
  addresses: ${JSON.stringify(addresses)}
  resolution: NONE
  ports: [${ports}]
`;
const tcp = (port: number): string => `{ number: ${port}, name: tcp, protocol: TCP }`;
const http = (port: number): string => `{ number: ${port}, name: http, protocol: HTTP }`;

/** What a chain is for, and where it leads. */
function told({ filterChainMatch: match, filters }: FilterChain): string {
  const config = filters[0]?.configType;
  const { clusterSpecifier } =
    config?.case === 'typedConfig' && config.value.typeUrl.endsWith('TcpProxy')
      ? fromBinary(TcpProxySchema, config.value.value)
      : {};
  const ranges = (match?.prefixRanges ?? []).map((one) => `${one.addressPrefix}/${one.prefixLen}`);
  const when = [...ranges, ...(match?.serverNames ?? []), ...(match?.applicationProtocols ?? [])].join(' ');
  return `${when} → ${clusterSpecifier?.case === 'cluster' ? clusterSpecifier.value : 'http'}`;
}
const chains = (listener: Listener | undefined): readonly string[] => (listener?.filterChains ?? []).map(told);
const otherwise = (listener: Listener | undefined): string =>
  listener?.defaultFilterChain === undefined ? '' : told(listener.defaultFilterChain);

describe('the listener of a port without an address', () => {
  it('has a chain for the ranges of a service, and lets others pass', () => {
    const found = listeners(entry('a', ['10.9.8.7/16', 'fd00::/8'], tcp(3306)));
    const listener = found.get('0.0.0.0_3306');
    assert.deepEqual(chains(listener), ['10.9.0.0/16 → outbound|3306||a.example.com']);
    assert.equal(otherwise(listener), ' → PassthroughCluster');
    assert.deepEqual(listener?.listenerFilters, [], 'a server may speak first');
  });

  it('stands beside that of an address of its own', () => {
    const found = listeners(entry('a', ['10.9.0.0/16', '10.8.0.1'], tcp(3306)));
    assert.deepEqual(chains(found.get('10.8.0.1_3306')), [' → outbound|3306||a.example.com']);
    assert.deepEqual(chains(found.get('0.0.0.0_3306')), ['10.9.0.0/16 → outbound|3306||a.example.com']);
  });

  it('gives a range to the first of those who name it: an Envoy takes no two', () => {
    const found = listeners(
      entry('b', ['10.9.0.0/16', '10.7.0.0/16'], tcp(3306)),
      entry('a', ['10.9.1.1/16'], tcp(3306)),
    );
    assert.deepEqual(chains(found.get('0.0.0.0_3306')), [
      '10.9.0.0/16 → outbound|3306||a.example.com',
      '10.7.0.0/16 → outbound|3306||b.example.com',
    ]);
  });

  it('leaves HTTP of the port to its services, whoever else takes the port', () => {
    const found = listeners(entry('a', [], tcp(80)), entry('b', ['10.9.0.0/16'], tcp(80)), entry('c', [], http(80)));
    const listener = found.get('0.0.0.0_80');
    assert.deepEqual(chains(listener), ['10.9.0.0/16 → outbound|80||b.example.com', 'http/1.1 h2c → http']);
    assert.equal(otherwise(listener), ' → outbound|80||a.example.com');
  });

  const web = (name: string, ip: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${ip}, selector: { app: ${name} }, ports: [{ name: http, port: 8000 }] }
`;

  it('leaves addresses of HTTP services to them, whoever has a range around them', () => {
    const found = listeners(
      web('pay', '10.96.1.5'),
      web('cart', '10.96.1.6'),
      web('far', '10.5.0.1'),
      entry('evil', ['10.96.0.0/12'], tcp(8000)),
    );
    const listener = found.get('0.0.0.0_8000');
    assert.deepEqual(chains(listener), [
      '10.96.1.6/32 http/1.1 h2c → http',
      '10.96.1.5/32 http/1.1 h2c → http',
      '10.96.0.0/12 → outbound|8000||evil.example.com',
      'http/1.1 h2c → http',
    ]);
    assert.equal(otherwise(listener), ' → PassthroughCluster', 'what is no HTTP goes where it was sent');
  });

  it('has one chain for HTTP at an address, whatever the first bytes decide for who else names it: an Envoy takes no two', () => {
    const odd = '{ number: 8000, name: odd }';
    const found = listeners(web('pay', '10.96.1.5'), entry('evil', ['10.96.1.5/32'], odd));
    assert.deepEqual(chains(found.get('0.0.0.0_8000')), [
      '10.96.1.5/32 http/1.1 h2c → http',
      '10.96.1.5/32 → outbound|8000||evil.example.com',
      'http/1.1 h2c → http',
    ]);
  });

  it('has so many chains for addresses, and one for those beyond', () => {
    const count = EXACT_CHAINS_MAX + 5;
    const all = Array.from({ length: count }, (_, i) => web(`s${i}`, `10.96.1.${i + 1}`));
    const listener = listeners(...all, entry('evil', ['10.96.0.0/12'], tcp(8000))).get('0.0.0.0_8000');
    const exact = (listener?.filterChains ?? []).filter(
      ({ filterChainMatch }) => filterChainMatch?.prefixRanges[0]?.prefixLen === 32,
    );
    assert.equal(exact.length, EXACT_CHAINS_MAX);
    const named = exact.flatMap(({ filterChainMatch }) => filterChainMatch?.prefixRanges ?? []);
    assert.equal(new Set(named.map((one) => one.addressPrefix)).size, count);
  });

  it('takes all addresses by halves: a prefix of no bits is none to an Envoy', () => {
    const found = listeners(web('pay', '10.96.1.5'), entry('evil', ['0.0.0.0/0'], tcp(8000)));
    assert.deepEqual(chains(found.get('0.0.0.0_8000')), [
      '10.96.1.5/32 http/1.1 h2c → http',
      '0.0.0.0/1 128.0.0.0/1 → outbound|8000||evil.example.com',
      'http/1.1 h2c → http',
    ]);
  });

  it('keeps a rule for part of a range within it', () => {
    const rule = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec:
  hosts: [a.example.com]
  tcp:
  - { match: [{ destinationSubnets: [10.9.1.0/24, 10.5.0.0/16] }], route: [{ destination: { host: b.example.com } }] }
  - { match: [{ destinationSubnets: [10.0.0.0/8] }], route: [{ destination: { host: a.example.com } }] }
`;
    const found = listeners(entry('a', ['10.9.0.0/16'], tcp(3306)), entry('b', [], tcp(3306)), rule);
    const listener = found.get('0.0.0.0_3306');
    assert.deepEqual(chains(listener), [
      '10.9.1.0/24 → outbound|3306||b.example.com',
      '10.9.0.0/16 → outbound|3306||a.example.com',
    ]);
    assert.equal(otherwise(listener), ' → outbound|3306||b.example.com');
  });

  it('is nobody’s where headless services have pods: each pod has one of its own', () => {
    const store = (name: string, ip: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { clusterIP: None, selector: { app: ${name} }, ports: [{ name: tcp, port: 5432 }, { name: odd, port: 7000 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name} }
spec: { address: ${ip}, labels: { app: ${name} } }
`;
    const found = listeners(store('a', '10.0.0.1'), store('b', '10.0.0.2'), entry('c', [], http(5432)));
    for (const [name, ip] of [
      ['a', '10.0.0.1'],
      ['b', '10.0.0.2'],
    ]) {
      const host = `${name}.default.svc.cluster.local`;
      assert.deepEqual(chains(found.get(`${ip}_5432`)), [` → outbound|5432||${host}`]);
      assert.equal(otherwise(found.get(`${ip}_7000`)), ` → outbound|7000||${host}`);
    }
    assert.deepEqual(chains(found.get('0.0.0.0_5432')), ['http/1.1 h2c → http']);
  });
});
