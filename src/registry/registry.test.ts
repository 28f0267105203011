// The registry keeps what did not change, and endpoint changes touch only the services concerned.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ConfigObject, type ConfigView, parseText, viewOf } from '#config';
import { buildDestinationRules, findDestinationRule } from './destination-rules.ts';
import { buildPeerAuthentications, modeOfEndpoint } from './peer-authentication.ts';
import { Registry } from './registry.ts';
import { selectProtocol } from './select-protocol.ts';
import { buildVirtualServices } from './virtual-services.ts';
import { isVisible } from './visibility.ts';

const objects = (text: string): ConfigObject[] =>
  parseText('test.yaml', text, { defaultNamespace: 'default', createdMs: 1 }).map(({ object, complaints }) => {
    assert.ok(object !== undefined, complaints.map((c) => c.message).join('\n'));
    return object;
  });
const view = (...texts: readonly string[]): ConfigView => viewOf(texts.flatMap(objects));

const service = (name: string, extra = '') => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] ${extra} }
`;
const workload = (name: string, app: string, address: string, extra = '') => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}${extra} }
spec: { address: ${address}, serviceAccount: ${app}, labels: { app: ${app} } }
`;
const registryOf = (config: ConfigView) => {
  const registry = new Registry({ domain: 'cluster.local', cluster: 'c1' });
  return { registry, ...registry.rebuild(config) };
};
const endpoints = (r: Registry, name: string, port = 80) =>
  r.view?.endpoints.get(`default/${name}.default.svc.cluster.local`)?.byPort.get(port) ?? [];

describe('the registry', () => {
  it('gives a service the workloads whose labels it selects', () => {
    const { registry } = registryOf(
      view(service('a'), service('b'), workload('a1', 'a', '10.0.0.1'), workload('b1', 'b', '10.0.0.2')),
    );
    assert.deepEqual(
      endpoints(registry, 'a').map((e) => [e.address, e.port, e.tlsMode]),
      [['10.0.0.1', 8080, 'istio']],
    );
  });

  it('advertises the bound port, and keeps the declared one for policies', () => {
    const { registry } = registryOf(
      view(service('a'), workload('a1', 'a', '127.0.0.1', `, annotations: { topsail.io/bound-ports: '8080:21000' }`)),
    );
    assert.deepEqual(
      endpoints(registry, 'a').map((e) => [e.port, e.declaredPort]),
      [[21000, 8080]],
    );
  });

  it('keeps services and endpoints that did not change', () => {
    const fixed = [...objects(service('a')), ...objects(workload('a1', 'a', '10.0.0.1'))];
    const { registry, view: before } = registryOf(viewOf(fixed));
    const { view: after, changed } = registry.rebuild(viewOf([...fixed, ...objects(service('b'))]));
    const key = 'default/a.default.svc.cluster.local';
    assert.equal(after.services.all.get(key), before.services.all.get(key));
    assert.equal(after.endpoints.get(key), before.endpoints.get(key));
    assert.deepEqual([...changed], []);
  });

  it('changes only the selecting service when a workload comes', () => {
    const fixed = [service('a'), service('b')].flatMap(objects);
    const { registry, view: before } = registryOf(viewOf(fixed));
    const next = viewOf([...fixed, ...objects(workload('a1', 'a', '10.0.0.1'))]);
    const { view: after, changed } = registry.updateEndpoints(next, ['WorkloadEntry/default/a1']);
    assert.deepEqual([...changed], ['default/a.default.svc.cluster.local']);
    assert.equal(after.services, before.services);
  });

  it('marks endpoints unhealthy when their agent says so, and healthy again', () => {
    const { registry } = registryOf(view(service('a'), workload('a1', 'a', '10.0.0.1')));
    assert.equal(registry.setHealth('WorkloadEntry/default/a1', true), undefined);
    assert.equal(registry.setHealth('WorkloadEntry/default/a1', false)?.changed.size, 1);
    assert.equal(endpoints(registry, 'a')[0]?.health, 'unhealthy');
    registry.setHealth('WorkloadEntry/default/a1', true);
    assert.equal(endpoints(registry, 'a')[0]?.health, 'healthy');
  });

  it('knows which pods are ready, which are ending and serve still, and which do not serve', () => {
    const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: a-1, labels: { kubernetes.io/service-name: a } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints:
- { addresses: [10.0.0.1], conditions: { ready: true, serving: true, terminating: false } }
- { addresses: [10.0.0.2], conditions: { ready: false, serving: false, terminating: false } }
- { addresses: [10.0.0.3], conditions: { ready: false, serving: true, terminating: true } }
- { addresses: [10.0.0.4], conditions: { ready: false, serving: false, terminating: true } }
# Of a Service with publishNotReadyAddresses.
- { addresses: [10.0.0.5], conditions: { ready: true, serving: false, terminating: true } }
`;
    const { registry } = registryOf(view(service('a'), slice));
    assert.deepEqual(Object.fromEntries(endpoints(registry, 'a').map((e) => [e.address, e.health])), {
      '10.0.0.1': 'healthy',
      '10.0.0.2': 'unhealthy',
      '10.0.0.3': 'draining',
      '10.0.0.4': 'unhealthy',
      '10.0.0.5': 'healthy',
    });
  });

  it('leaves a port without endpoints where no pod has the container port that it names', () => {
    const two = `apiVersion: v1
kind: Service
metadata: { name: a }
spec:
  clusterIP: 10.1.0.1
  selector: { app: a }
  ports: [{ name: http, port: 80, targetPort: web }, { name: http-admin, port: 81, targetPort: admin }]
`;
    // The pods of one slice have both, those of the other only the first.
    const slice = (name: string, address: string, ports: string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, labels: { kubernetes.io/service-name: a } }
addressType: IPv4
ports: [${ports}]
endpoints: [{ addresses: [${address}], conditions: { ready: true } }]
`;
    const whole = slice('a-1', '10.0.0.1', '{ name: http, port: 8080 }, { name: http-admin, port: 9000 }');
    const { registry } = registryOf(view(two, whole, slice('a-2', '10.0.0.2', '{ name: http, port: 8081 }')));
    const of = (port: number): string[] => endpoints(registry, 'a', port).map((e) => `${e.address}:${e.port}`);
    assert.deepEqual([of(80), of(81)], [['10.0.0.1:8080', '10.0.0.2:8081'], ['10.0.0.1:9000']]);
  });

  it('knows who has no proxy: pods that are seen to have none, and what is no pod', () => {
    const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: a-1, labels: { kubernetes.io/service-name: a } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints:
- { addresses: [10.0.0.1], targetRef: { kind: Pod, name: with, namespace: default } }
- { addresses: [10.0.0.2], targetRef: { kind: Pod, name: without, namespace: default } }
- { addresses: [10.0.0.3], targetRef: { kind: Pod, name: not-seen-yet, namespace: default } }
- { addresses: [192.0.2.1] }
`;
    const { registry } = registryOf(view(service('a'), slice, workload('entry', 'a', '10.0.0.9')));
    const pod = (name: string, address: string, outside: boolean) => {
      const [entry] = [...registry.workloads.values()];
      assert.ok(entry !== undefined);
      const tlsMode = outside ? ('disabled' as const) : ('istio' as const);
      return {
        namespace: 'default',
        name,
        workload: { ...entry, key: `Pod/${name}`, name, address, tlsMode, outside },
      };
    };
    registry.setPods([pod('with', '10.0.0.1', false), pod('without', '10.0.0.2', true)]);
    const found = Object.fromEntries(endpoints(registry, 'a').map((e) => [e.address, e]));
    const outside = Object.values(found).flatMap((e) => (e.outside ? [e.address] : []));
    assert.deepEqual(outside.sort(), ['10.0.0.2', '192.0.2.1']);
    const strict = buildPeerAuthentications(
      view(`apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`),
      'istio-system',
    );
    const modes = Object.entries(found).map(([address, e]) => [address, modeOfEndpoint(strict, e)]);
    assert.deepEqual(Object.fromEntries(modes), {
      '10.0.0.1': 'STRICT',
      '10.0.0.2': 'PERMISSIVE',
      '10.0.0.3': 'STRICT',
      '10.0.0.9': 'STRICT',
      '192.0.2.1': 'PERMISSIVE',
    });
  });

  it('follows an EndpointSlice from one service to another, and to none', () => {
    const slice = (owner: string): ConfigObject[] =>
      objects(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: s-1, labels: { ${owner === '' ? '' : `kubernetes.io/service-name: ${owner}`} } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints: [{ addresses: [10.0.0.1] }]
`);
    const fixed = objects(service('a') + '---\n' + service('b') + '---\n' + service('c'));
    const { registry } = registryOf(viewOf([...fixed, ...slice('a')]));
    const held = (): number[] => ['a', 'b', 'c'].map((name) => endpoints(registry, name).length);
    const seen = [held()];
    for (const owner of ['b', '']) {
      registry.updateEndpoints(viewOf([...fixed, ...slice(owner)]), ['EndpointSlice/default/s-1']);
      seen.push(held());
    }
    assert.deepEqual(seen, [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
  });

  it('keeps the index of DestinationRules while they are the same', () => {
    const rule = objects(
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: a }\nspec: { host: a }\n',
    );
    const context = { domain: 'cluster.local', exists: () => true };
    const first = buildDestinationRules(viewOf(rule), { ...context, former: undefined });
    const others = viewOf([...rule, ...objects(service('a'))]);
    assert.equal(buildDestinationRules(others, { ...context, former: first }), first);
    assert.notEqual(buildDestinationRules(view(), { ...context, former: first }), first);
  });

  it('forgets the endpoints of a workload that is gone', () => {
    const fixed = objects(service('a'));
    const { registry } = registryOf(viewOf([...fixed, ...objects(workload('a1', 'a', '10.0.0.1'))]));
    registry.updateEndpoints(viewOf(fixed), ['WorkloadEntry/default/a1']);
    assert.deepEqual(endpoints(registry, 'a'), []);
  });
});

const rule = (name: string, body: string, namespace = 'default') => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: ${namespace} }
spec: { host: reviews.default.svc.cluster.local, ${body} }
`;
const index = (...texts: readonly string[]) =>
  buildDestinationRules(view(...texts), { domain: 'cluster.local', exists: () => true, former: undefined });
const target = { hostname: 'reviews.default.svc.cluster.local', namespace: 'default' };
const client = (namespace: string) => ({
  namespace,
  labels: {},
  rootNamespace: 'istio-system',
  meshDefault: undefined,
});

describe('DestinationRules of one host', () => {
  it('merge: the first traffic policy wins, subsets add up', () => {
    const merged = findDestinationRule(
      index(
        rule('a', 'subsets: [{ name: v1 }]'),
        rule('b', 'trafficPolicy: { loadBalancer: { simple: RANDOM } }, subsets: [{ name: v1 }, { name: v2 }]'),
      ),
      target,
      client('default'),
    );
    assert.equal(merged?.trafficPolicy?.loadBalancer?.simple, 'RANDOM');
    assert.deepEqual(
      merged?.subsets.map((s) => s.name),
      ['v1', 'v2'],
    );
  });
  it('that define a subset twice in the same words are no finding, also when nothing changed since', () => {
    const same = view(
      rule('a', 'subsets: [{ name: v1, labels: { version: v1 } }]'),
      rule('b', 'subsets: [{ name: v1, labels: { version: v1 } }]'),
    );
    const options = { domain: 'cluster.local', exists: () => true, former: undefined };
    assert.deepEqual(buildDestinationRules(same, options).duplicateSubsets, []);
    const other = view(
      rule('a', 'subsets: [{ name: v1, labels: { version: v1 } }]'),
      rule('b', 'subsets: [{ name: v1, labels: { version: v2 } }]'),
    );
    const first = buildDestinationRules(other, options);
    assert.deepEqual(
      first.duplicateSubsets.map(({ object, subset, keptIn }) => [object.metadata.name, subset, keptIn.name]),
      [['b', 'v1', 'a']],
    );
    assert.equal(buildDestinationRules(other, { ...options, former: first }).duplicateSubsets.length, 1);
  });
  it('of the client’s namespace go before the service’s, those before the root’s', () => {
    const all = index(
      rule('mine', 'subsets: []', 'shop'),
      rule('its', 'subsets: []'),
      rule('root', 'subsets: []', 'istio-system'),
    );
    assert.equal(findDestinationRule(all, target, client('shop'))?.namespace, 'shop');
    assert.equal(findDestinationRule(all, target, client('other'))?.namespace, 'default');
  });
  it('that are not exported are not seen elsewhere', () => {
    const all = index(rule('its', "exportTo: ['.']"));
    assert.equal(findDestinationRule(all, target, client('other')), undefined);
    assert.equal(findDestinationRule(all, target, client('default'))?.namespace, 'default');
  });
});

describe('a delegate', () => {
  it('gives its routes, narrowed by the root’s match', () => {
    const all = buildVirtualServices(
      view(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: root }
spec: { hosts: [shop], http: [{ match: [{ uri: { prefix: /a } }], delegate: { name: child } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: child }
spec: { http: [{ match: [{ uri: { prefix: /a/b } }], route: [{ destination: { host: x } }] }, { match: [{ uri: { prefix: /z } }], route: [{ destination: { host: y } }] }] }
`),
      { domain: 'cluster.local', exists: () => true, former: undefined },
    );
    assert.deepEqual(
      all.all[0]?.http.map(({ route }) => route.match?.[0]?.uri?.prefix),
      ['/a/b'],
    );
  });
});

describe('PeerAuthentication', () => {
  const policy = (name: string, namespace: string, spec: string) => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}
`;
  const modes = buildPeerAuthentications(
    view(
      policy('mesh', 'istio-system', '{ mtls: { mode: STRICT } }'),
      policy('ns', 'legacy', '{ mtls: { mode: PERMISSIVE } }'),
      policy(
        'db',
        'legacy',
        '{ selector: { matchLabels: { app: db } }, mtls: { mode: UNSET }, portLevelMtls: { 5432: { mode: DISABLE } } }',
      ),
    ),
    'istio-system',
  );
  it('of the mesh holds where nothing nearer does', () =>
    assert.equal(modes.modeOf({ namespace: 'default', labels: {} }, 80), 'STRICT'));
  it('of the namespace goes before it', () =>
    assert.equal(modes.modeOf({ namespace: 'legacy', labels: {} }, 80), 'PERMISSIVE'));
  it('of a port goes before all', () =>
    assert.equal(modes.modeOf({ namespace: 'legacy', labels: { app: 'db' } }, 5432), 'DISABLE'));
  it('UNSET inherits', () =>
    assert.equal(modes.modeOf({ namespace: 'legacy', labels: { app: 'db' } }, 80), 'PERMISSIVE'));
});

describe('small decisions', () => {
  it('appProtocol goes before the port’s name', () => {
    assert.equal(selectProtocol({ name: 'tcp-x', appProtocol: 'grpc' }), 'GRPC');
    assert.equal(selectProtocol({ name: 'grpc-web-1' }), 'GRPC-Web');
    assert.equal(selectProtocol({ name: 'http2-api' }), 'HTTP2');
    assert.equal(selectProtocol({ name: 'whatever' }), 'Unsupported');
  });
  it('exportTo: dot, star, tilde, names', () => {
    assert.ok(isVisible([], { own: 'a', from: 'b' }));
    assert.ok(isVisible(['.'], { own: 'a', from: 'a' }));
    assert.ok(!isVisible(['.'], { own: 'a', from: 'b' }));
    assert.ok(isVisible(['b'], { own: 'a', from: 'b' }));
    assert.ok(!isVisible(['~'], { own: 'a', from: 'a' }));
    assert.ok(!isVisible([], { own: 'a', from: 'b', meshDefault: ['.'] }));
  });
});
