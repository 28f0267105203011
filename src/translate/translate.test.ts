// Translation is pure, shares what is equal, changes only what an edit concerns, and fails closed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { type NodeMetadata, type ProxyNode, type ResourceSet, TYPE_URL, type XdsResource } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import { type Cluster, ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { buildSnapshot, type Snapshot } from '#push';
import { Registry } from '#registry';
import { TranslationCache } from './cache.ts';
import { translate } from './translate.ts';

const parse = (text: string): ConfigObject[] =>
  parseText('test.yaml', text, { defaultNamespace: 'default', createdMs: 1 }).map(({ object, complaints }) => {
    assert.ok(object !== undefined, complaints.map((c) => c.message).join('\n'));
    return object;
  });
const BASE = parse(`apiVersion: v1
kind: Service
metadata: { name: a }
spec: { selector: { app: a }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: b }
spec: { selector: { app: b }, ports: [{ name: http, port: 81 }, { name: tcp, port: 82 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a1 }
spec: { address: 10.0.0.1, serviceAccount: a, labels: { app: a, version: v1 } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: legacy }
spec: { address: 10.0.0.2, labels: { app: a, version: v2 } }
`);

const SLOTS = [
  'istio.policies.http',
  'istio.policies.http.rates',
  'istio.policies.tcp.allow',
  'istio.policies.tcp.audit',
  'istio.policies.tcp.deny',
];

/** A registry and the snapshots that it went through. */
function world() {
  const registry = new Registry({ domain: 'cluster.local', cluster: 'c1' });
  let former: Snapshot | undefined;
  return (...lists: readonly ConfigObject[][]): Snapshot => {
    const config = viewOf([...BASE, ...lists.flat()]);
    former = buildSnapshot({ config, registry: registry.rebuild(config).view, domain: 'cluster.local', former });
    return former;
  };
}

const sidecar = (name: string, metadata: Partial<NodeMetadata> = {}): ProxyNode => ({
  id: name,
  parsed: { type: 'sidecar', ip: '10.0.0.9', workload: name, namespace: 'default', domain: 'cluster.local' },
  cluster: '',
  metadata: { NAMESPACE: 'default', LABELS: { app: name }, TOPSAIL_DATA_PLANE: 'topsail', ...metadata },
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: `spiffe://cluster.local/ns/default/sa/${name}`,
});
const router = (principal: string): ProxyNode => ({
  ...sidecar('gw', { NAMESPACE: 'istio-system', LABELS: { istio: 'ingressgateway' } }),
  parsed: { type: 'router', ip: '10.0.0.9', workload: 'gw', namespace: 'istio-system', domain: 'cluster.local' },
  principal,
});
const get = (set: ResourceSet, type: string, name: string): XdsResource => {
  const found = set.get(type)?.get(name);
  assert.ok(found !== undefined, `${name} is among ${[...(set.get(type)?.keys() ?? [])].join(', ')}`);
  return found;
};
const clusterOf = (set: ResourceSet, name: string): Cluster =>
  fromBinary(ClusterSchema, get(set, TYPE_URL.cluster, name).bytes);
const versions = (set: ResourceSet): string[] =>
  [...set].flatMap(([type, resources]) => [...resources].map(([name, r]) => `${type} ${name} ${r.version}`)).sort();
const A = 'outbound|80||a.default.svc.cluster.local';

describe('translation', () => {
  it('is the same with and without a cache', () => {
    const snapshot = world()();
    const cache = new TranslationCache();
    translate(snapshot, sidecar('x'), cache);
    assert.deepEqual(versions(translate(snapshot, sidecar('x'), cache)), versions(translate(snapshot, sidecar('x'))));
  });

  it('gives proxies with equal inputs the same resources', () => {
    const snapshot = world()();
    const cache = new TranslationCache();
    const [first, second] = [translate(snapshot, sidecar('x'), cache), translate(snapshot, sidecar('y'), cache)];
    for (const type of [TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.route] as const) {
      for (const [name, resource] of first.get(type) ?? []) assert.equal(second.get(type)?.get(name), resource, name);
    }
  });

  it('encodes anew only what an edit concerns', () => {
    const next = world();
    const cache = new TranslationCache();
    const before = translate(next(), sidecar('x'), cache);
    const after = translate(
      next(
        parse(
          'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a], http: [{ timeout: 1s, route: [{ destination: { host: a } }] }] }\n',
        ),
      ),
      sidecar('x'),
      cache,
    );
    const changed = [...after].flatMap(([type, resources]) =>
      [...resources]
        .filter(([name, r]) => before.get(type)?.get(name) !== r && r.version !== before.get(type)?.get(name)?.version)
        .map(([name]) => name),
    );
    assert.deepEqual(changed, ['80']);
  });

  it('keeps clusters and assignments over changes of routes, for all namespaces, and renews one service’s', () => {
    const next = world();
    const cache = new TranslationCache();
    const elsewhere = sidecar('z', { NAMESPACE: 'elsewhere' });
    const before = translate(next(), sidecar('x'), cache);
    const route = parse(
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a], http: [{ timeout: 1s, route: [{ destination: { host: a } }] }] }\n',
    );
    const routed = next(route);
    const joined = next(
      route,
      parse(
        'apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: b1 }\nspec: { address: 10.0.0.3, labels: { app: b } }\n',
      ),
    );
    const assigned = before.get(TYPE_URL.endpoint);
    for (const node of [sidecar('x'), elsewhere])
      assert.equal(translate(routed, node, cache).get(TYPE_URL.endpoint), assigned);
    const after = translate(joined, sidecar('x'), cache).get(TYPE_URL.endpoint);
    const renewed = [...(after ?? [])].filter(([name, one]) => assigned?.get(name) !== one).map(([name]) => name);
    assert.deepEqual(renewed, ['outbound|81||b.default.svc.cluster.local', 'outbound|82||b.default.svc.cluster.local']);
    for (const node of [sidecar('x'), elsewhere])
      assert.deepEqual(versions(translate(joined, node, cache)), versions(translate(joined, node)));
  });

  it('gives virtual hosts by themselves to a proxy that takes them, and an edit changes one of them', () => {
    const next = world();
    const node = sidecar('x', { TOPSAIL_VHDS: true });
    const before = translate(next(), node);
    const after = translate(
      next(
        parse(
          'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a], http: [{ timeout: 1s, route: [{ destination: { host: a } }] }] }\n',
        ),
      ),
      node,
    );
    const changed = versions(after).filter((line) => !versions(before).includes(line));
    assert.deepEqual(
      changed.map((line) => line.split(' ')[1]),
      ['80/a.default.svc.cluster.local:80'],
    );
    assert.equal(fromBinary(RouteConfigurationSchema, get(after, TYPE_URL.route, '80').bytes).virtualHosts.length, 0);
  });

  it('gives an Envoy its policies by themselves: no edit of one touches a listener', () => {
    const make = world();
    const policy = (action: string, path: string): ConfigObject[] =>
      parse(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p }
spec: { selector: { matchLabels: { app: a } }, action: ${action}, rules: [{ to: [{ operation: { paths: [${path}] } }] }] }
`);
    const tokens = parse(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: t }
spec: { jwtRules: [{ issuer: i, jwks: '{"keys":[]}' }] }
`);
    const cache = new TranslationCache();
    const node = sidecar('a', { TOPSAIL_DATA_PLANE: 'envoy' });
    const versions = (set: ResourceSet, type: string): string =>
      [...(set.get(type)?.values() ?? [])].map(({ name, version }) => `${name} ${version}`).join('\n');
    const edits = [[], policy('DENY', '/a'), policy('ALLOW', '/a'), policy('AUDIT', '/b'), tokens].map((edit) =>
      translate(make(edit), node, cache),
    );
    const listeners = edits.map((set) => versions(set, TYPE_URL.listener));
    assert.equal(new Set(listeners).size, 1);
    assert.equal(new Set(edits.map((set) => versions(set, TYPE_URL.extensionConfig))).size, edits.length);
    for (const set of edits) assert.deepEqual([...(set.get(TYPE_URL.extensionConfig)?.keys() ?? [])].sort(), SLOTS);
    assert.deepEqual(
      edits[1]
        ?.get(TYPE_URL.extensionConfig)
        ?.get('istio.policies.http')
        ?.origins.map(({ kind, name }) => [kind, name]),
      [['AuthorizationPolicy', 'p']],
    );
    const origins = [...(edits[1]?.get(TYPE_URL.listener)?.values() ?? [])].flatMap((listener) => listener.origins);
    assert.ok(!origins.some(({ name }) => name === 'p'));
  });

  it('gives an Envoy its forward proxy ahead of what its tunnels lead to, and no edit of what unknown hosts get changes it', () => {
    const node = sidecar('x', {
      TOPSAIL_DATA_PLANE: 'envoy',
      INTERCEPTION_MODE: 'NONE',
      TOPSAIL_LOOPBACK_BLOCK: '127.66',
      TOPSAIL_HTTP_PROXY_PORT: 15080,
    });
    const listeners = (mode: string) => {
      const mesh = parse(
        `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: istio, namespace: istio-system }\noutboundTrafficPolicy: { mode: ${mode} }\n`,
      );
      return translate(world()(mesh), node).get(TYPE_URL.listener) ?? new Map<string, XdsResource>();
    };
    const [some, none] = [listeners('ALLOW_ANY'), listeners('REGISTRY_ONLY')];
    const names = [...some.keys()].filter((name) => name.startsWith('127.'));
    assert.deepEqual([names[0], names.length > 1], ['127.0.0.1_15080', true]);
    assert.equal(some.get('127.0.0.1_15080')?.version, none.get('127.0.0.1_15080')?.version);
  });

  it('lays a route table at the door of its VirtualService', () => {
    const vs = parse(
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a], http: [{ route: [{ destination: { host: a } }] }] }\n',
    );
    const table = get(translate(world()(vs), sidecar('x')), TYPE_URL.route, '80');
    assert.ok(table.origins.some(({ kind, name }) => kind === 'VirtualService' && name === 'a'));
  });

  it('keeps the clusters of a subset that went while a route refers to it', () => {
    const next = world();
    const rule = parse(
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: a }\nspec: { host: a, subsets: [{ name: v1, labels: { version: v1 } }] }\n',
    );
    const route = parse(
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a], http: [{ route: [{ destination: { host: a, subset: v1 } }] }] }\n',
    );
    next(rule, route);
    const set = translate(next(route), sidecar('x'));
    const assignment = fromBinary(
      ClusterLoadAssignmentSchema,
      get(set, TYPE_URL.endpoint, 'outbound|80|v1|a.default.svc.cluster.local').bytes,
    );
    assert.equal(assignment.endpoints[0]?.lbEndpoints.length, 1);
  });
});

const strict = parse(
  'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default, namespace: istio-system }\nspec: { mtls: { mode: STRICT } }\n',
);

describe('mutual TLS', () => {
  it('is used where an endpoint has it, plaintext where it has not', () => {
    assert.deepEqual(
      clusterOf(translate(world()(), sidecar('x')), A).transportSocketMatches.map(({ name }) => name),
      ['tlsMode-istio', 'tlsMode-disabled'],
    );
  });
  it('leaves no way for plaintext to a STRICT service', () => {
    const cluster = clusterOf(translate(world()(strict), sidecar('x')), A);
    assert.deepEqual(
      cluster.transportSocketMatches.map(({ name }) => name),
      ['tlsMode-istio'],
    );
    assert.equal(cluster.transportSocket?.name, 'envoy.transport_sockets.tls');
  });
  it('STRICT leaves no chain without TLS', () => {
    const listener = fromBinary(
      ListenerSchema,
      get(translate(world()(strict), sidecar('b')), TYPE_URL.listener, 'virtualInbound').bytes,
    );
    const open = listener.filterChains
      .filter((chain) => chain.transportSocket === undefined)
      .map((chain) => chain.name);
    assert.deepEqual(open, ['virtualInbound-blackhole']);
  });
});

describe('a gateway’s Secret', () => {
  const gateway = parse(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: g }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 443, name: https, protocol: HTTPS }, tls: { mode: SIMPLE, credentialName: cert }, hosts: ['*.example.com'] }] }
---
apiVersion: v1
kind: Secret
metadata: { name: cert, namespace: istio-system }
data: { tls.crt: YQ==, tls.key: Yg== }
`);
  it('goes to a proxy that proved to be of its namespace', () => {
    assert.ok(
      translate(world()(gateway), router('spiffe://cluster.local/ns/istio-system/sa/gw'))
        .get(TYPE_URL.secret)
        ?.has('kubernetes://cert'),
    );
  });
  for (const principal of [
    '',
    'spiffe://cluster.local/ns/default/sa/gw',
    'spiffe://cluster.local/ns/default/sa/gw/ns/istio-system/sa/gw',
  ]) {
    it(`does not go to ${principal === '' ? 'one without identity' : principal}`, () => {
      assert.equal(translate(world()(gateway), router(principal)).get(TYPE_URL.secret)?.size, 0);
    });
  }
});

describe('a default route', () => {
  it('retries only what was not processed, and idempotent methods', () => {
    const words = (dataPlane: 'topsail' | 'envoy') => {
      const table = fromBinary(
        RouteConfigurationSchema,
        get(translate(world()(), sidecar('x', { TOPSAIL_DATA_PLANE: dataPlane })), TYPE_URL.route, '80').bytes,
      );
      return table.virtualHosts[0]?.routes.map((route) =>
        route.action.case === 'route' ? route.action.value.retryPolicy?.retryOn : undefined,
      );
    };
    assert.deepEqual(words('topsail'), [
      'connect-failure,refused-stream,reset-before-request,retriable-headers,idempotent-reset',
    ]);
    assert.deepEqual(words('envoy'), [
      'connect-failure,refused-stream,reset-before-request,reset,retriable-headers',
      'connect-failure,refused-stream,reset-before-request,retriable-headers',
    ]);
  });
});
