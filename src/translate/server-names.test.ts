// A VirtualService takes connections by their server names for the hosts that it has in force, and for no others.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { type ProxyNode, TYPE_URL } from '#base';
import { parseText, viewOf } from '#config';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { TcpProxySchema } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { buildSnapshot } from '#push';
import { Registry } from '#registry';
import { TranslationCache } from './cache.ts';
import { serverNamesWithin } from './server-names.ts';
import { translate } from './translate.ts';

const STRICT = ', annotations: { topsail.io/host-ownership: strict }';

interface World {
  readonly strict?: boolean;
  /** Of the gateway's server. */
  readonly hosts?: string;
  /** VirtualServices, the oldest first. */
  readonly rules: readonly string[];
}

/** `server name > service`, by age, of the listener at port 443 that the proxy gets. */
function chains({ strict = false, hosts = '["*"]', rules }: World, node: ProxyNode): readonly string[] {
  const base = `apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system${strict ? STRICT : ''} }
---
apiVersion: v1
kind: Service
metadata: { name: bank, namespace: victim }
spec: { clusterIP: 10.1.0.1, ports: [{ name: tls, port: 443 }] }
---
apiVersion: v1
kind: Service
metadata: { name: own, namespace: attacker }
spec: { clusterIP: 10.1.0.2, ports: [{ name: tls, port: 443 }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gateway, namespace: edge }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 443, name: tls, protocol: TLS }, tls: { mode: PASSTHROUGH }, hosts: ${hosts} }] }
`;
  const config = viewOf(
    [base, ...rules].flatMap((text, createdMs) =>
      parseText(`${createdMs}.yaml`, text, { defaultNamespace: 'default', createdMs }).map(({ object, complaints }) => {
        assert.ok(object !== undefined, complaints.map(({ message }) => message).join('\n'));
        return object;
      }),
    ),
  );
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'c1' }).rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const listeners = translate(snapshot, node, new TranslationCache()).get(TYPE_URL.listener) ?? new Map();
  const found: string[] = [];
  for (const [name, { bytes }] of listeners) {
    if (!name.endsWith('_443')) continue;
    for (const { filterChainMatch, filters } of fromBinary(ListenerSchema, bytes).filterChains) {
      const config = filters.find((filter) => filter.name === 'envoy.filters.network.tcp_proxy')?.configType;
      assert.ok(config?.case === 'typedConfig');
      const { clusterSpecifier } = fromBinary(TcpProxySchema, config.value.value);
      const service = String(clusterSpecifier.value).split('|').at(-1)?.split('.')[0];
      for (const one of filterChainMatch?.serverNames ?? []) found.push(`${one} > ${service}`);
      if ((filterChainMatch?.serverNames ?? []).length === 0) found.push(`any > ${service}`);
    }
  }
  return found;
}

const GATEWAY: ProxyNode = {
  id: 'gw',
  parsed: { type: 'router', ip: '10.0.0.9', workload: 'gw', namespace: 'edge', domain: 'cluster.local' },
  cluster: '',
  metadata: { NAMESPACE: 'edge', LABELS: { istio: 'ingressgateway' }, TOPSAIL_DATA_PLANE: 'topsail' },
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: 'spiffe://cluster.local/ns/edge/sa/gw',
};
const SIDECAR: ProxyNode = {
  ...GATEWAY,
  parsed: { type: 'sidecar', ip: '10.0.0.8', workload: 'client', namespace: 'default', domain: 'cluster.local' },
  metadata: { NAMESPACE: 'default', LABELS: {}, TOPSAIL_DATA_PLANE: 'topsail' },
  principal: 'spiffe://cluster.local/ns/default/sa/client',
};

const rule = (namespace: string, hosts: string, names: string, gateways = 'edge/gateway'): string =>
  `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: rule, namespace: ${namespace} }
spec:
  hosts: ${hosts}
  gateways: [${gateways}]
  tls: [{ match: [{ sniHosts: ${names} }], route: [{ destination: { host: ${namespace === 'victim' ? 'bank' : 'own'}.${namespace}.svc.cluster.local } }] }]
`;
const ALL = '["*.example.com"]';

describe('at a gateway that lets TLS through', () => {
  it('the name of another is not taken beside a host of one’s own', () => {
    const rules = [
      rule('victim', '[pay.example.com]', '[pay.example.com]'),
      rule('attacker', '[mine.example.org, pay.example.com]', '[pay.example.com, mine.example.org]'),
    ];
    assert.deepEqual(chains({ strict: true, rules }, GATEWAY), ['pay.example.com > bank', 'mine.example.org > own']);
  });
  it('nor is a name below another’s pattern', () => {
    const rules = [
      rule('victim', ALL, ALL),
      rule('attacker', '[mine.example.org, pay.example.com]', '[pay.example.com]'),
    ];
    assert.deepEqual(chains({ strict: true, rules }, GATEWAY), ['*.example.com > bank']);
  });
  it('nor is it by a rule that is not in force at all', () => {
    const rules = [rule('victim', ALL, ALL), rule('attacker', '[pay.example.com]', '[pay.example.com]')];
    assert.deepEqual(chains({ strict: true, rules }, GATEWAY), ['*.example.com > bank']);
  });
  it('nor one that the server gives to another namespace', () => {
    const rules = [
      rule('victim', ALL, ALL),
      rule('attacker', '[mine.example.org, pay.example.com]', '[pay.example.com, mine.example.org]'),
    ];
    const hosts = '["victim/*.example.com", "attacker/*.example.org"]';
    assert.deepEqual(chains({ hosts, rules }, GATEWAY), ['*.example.com > bank', 'mine.example.org > own']);
  });
  it('a pattern that is wider than what the server gives is as wide as that', () => {
    const hosts = '["attacker/*.example.org", "attacker/api.example.com"]';
    const rules = [rule('attacker', '["*"]', '["*"]')];
    assert.deepEqual(chains({ hosts, rules }, GATEWAY), ['*.example.org > own', 'api.example.com > own']);
  });
  it('every name is had where that is what rule and server say', () => {
    assert.deepEqual(chains({ rules: [rule('attacker', '["*"]', '["*"]')] }, GATEWAY), ['any > own']);
  });
  it('a rule for the mesh, or for another gateway, is not in force', () => {
    const both = rule('victim', ALL, ALL, 'mesh, edge/gateway');
    const only = (gateway: string) => both.replace('sniHosts:', `gateways: [${gateway}], sniHosts:`);
    assert.deepEqual(chains({ rules: [only('mesh')] }, GATEWAY), ['any > BlackHoleCluster']);
    assert.deepEqual(chains({ rules: [only('edge/other')] }, GATEWAY), ['any > BlackHoleCluster']);
    assert.deepEqual(chains({ rules: [only('mesh, edge/gateway')] }, GATEWAY), ['*.example.com > bank']);
  });
  it('a name below one’s own pattern is had, where nobody is asked who owns it', () => {
    const rules = [rule('victim', ALL, ALL), rule('attacker', '[pay.example.com]', '[pay.example.com]')];
    assert.deepEqual(chains({ rules }, GATEWAY), ['*.example.com > bank', 'pay.example.com > own']);
  });
});

describe('in the mesh', () => {
  const own = 'own.attacker.svc.cluster.local';
  const bank = 'bank.victim.svc.cluster.local';
  const rules = [rule('attacker', `[${own}, ${bank}]`, `[${bank}, ${own}]`, 'mesh')];
  it('the name of another’s service is not led anywhere by the rule for one’s own', () => {
    assert.deepEqual(chains({ strict: true, rules }, SIDECAR), ['any > bank', `${own} > own`]);
  });
  it('it is where nobody is asked who owns it', () => {
    assert.ok(chains({ rules }, SIDECAR).includes(`${bank} > own`));
  });
});

describe('the server names of a rule', () => {
  const resolve = (host: string, namespace: string): string =>
    host.includes('.') ? host : `${host}.${namespace}.svc.cluster.local`;
  const within = (names: readonly string[], hosts: readonly string[]) =>
    serverNamesWithin(names, hosts, { namespace: 'a' }, { resolve });
  it('are written as clients say them, though hosts are completed', () =>
    assert.deepEqual(within(['reviews'], ['reviews.a.svc.cluster.local']), ['reviews']));
  it('stay as they are below a pattern', () =>
    assert.deepEqual(within(['a.example.com', '*.b.example.com'], ['*.example.com']), [
      'a.example.com',
      '*.b.example.com',
    ]));
  it('are narrowed to each host that they are wider than', () =>
    assert.deepEqual(within(['*.example.com'], ['a.example.com', 'b.example.com', 'c.example.org']), [
      'a.example.com',
      'b.example.com',
    ]));
});
