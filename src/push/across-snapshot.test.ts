import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, viewOf } from '#config';
import { acrossConfig } from './across-snapshot.ts';

const net = (kind: string, name: string, spec: string, namespace = 'default'): string =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
const service = (name: string, ports: string, namespace = 'default'): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { selector: { app: ${name} }, ports: [${ports}] }\n`;
const HTTP = '{ name: http, port: 80 }, { name: grpc-more, port: 81 }';
const rule = (host: string, more = ''): string => net('DestinationRule', 'r', `{ host: ${host}${more} }`);
const TUNNEL = 'trafficPolicy: { tunnel: { targetHost: a.example, targetPort: 443 } }';

function told(...texts: readonly string[]): string[] {
  const documents = parseText('t.yaml', texts.join('---\n'), { createdMs: 1 });
  for (const { complaints } of documents)
    assert.deepEqual(
      complaints.filter(({ severity }) => severity === 'error'),
      [],
    );
  const config = viewOf(documents.flatMap(({ object }) => object ?? []));
  return acrossConfig(config, 'cluster.local').map(
    (one) => `${one.code} ${one.severity} ${one.object} ${one.path}: ${one.message}`,
  );
}

describe('a DestinationRule', () => {
  it('of a host that nobody declares says so, with the nearest name', () => {
    assert.deepEqual(told(service('ratings', HTTP), rule('ratigns')), [
      'TS-REG-031 warning DestinationRule default/r spec.host: host ratigns.default.svc.cluster.local names no service: the rule is in force nowhere. Did you mean `ratings`?',
    ]);
    assert.equal(told(service('ratings', HTTP, 'other'), rule('ratings')).length, 1);
  });
  it('of a host by any of its names, a pattern, or a host that a wildcard covers says nothing', () => {
    for (const host of ['b', 'b.default', 'b.default.svc', 'b.default.svc.cluster.local', 'B', '"*.local"', '"*"'])
      assert.deepEqual(told(service('b', HTTP), rule(host)), [], host);
    const entry = (host: string, more = ''): string =>
      net(
        'ServiceEntry',
        'e',
        `{ hosts: [${host}], ports: [{ number: 80, name: http, protocol: HTTP }]${more} }`,
        'else',
      );
    assert.deepEqual(told(entry('api.example', ', resolution: DNS'), rule('api.example')), []);
    assert.deepEqual(told(entry('"*.example"', ', resolution: NONE'), rule('api.example')), []);
    assert.deepEqual(told(entry('api.example', ', resolution: DNS, exportTo: ["."]'), rule('api.example')), []);
  });
  it('of another name of a service says where to write it', () => {
    const external = `apiVersion: v1\nkind: Service\nmetadata: { name: other, namespace: default }\nspec: { type: ExternalName, externalName: b.default.svc.cluster.local }\n`;
    assert.deepEqual(told(service('b', HTTP), external, rule('other')), [
      'TS-REG-035 warning DestinationRule default/r spec.host: host other.default.svc.cluster.local is another name of the service b.default.svc.cluster.local (ExternalName): for clients who see both the rule is not in force',
    ]);
    // Its ports are the service's.
    const route = (port: number): string =>
      net(
        'VirtualService',
        'v',
        `{ hosts: [c], http: [{ route: [{ destination: { host: other, port: { number: ${port} } } }] }] }`,
      );
    assert.deepEqual(told(service('b', HTTP), external, route(80)), []);
    assert.match(told(service('b', HTTP), external, route(99))[0] ?? '', /^TS-REG-029 /);
  });
  it('with a tunnel says so where nothing of the host is TCP or TLS', () => {
    assert.deepEqual(told(service('b', HTTP), rule('b', `, ${TUNNEL}`)), [
      'TS-REG-032 warning DestinationRule default/r spec.trafficPolicy.tunnel: all ports of b.default.svc.cluster.local (80, 81) are HTTP, and HTTP requests are not tunnelled: the tunnel is in force nowhere',
    ]);
    const subset = `, subsets: [{ name: s, ${TUNNEL} }]`;
    assert.match(told(service('b', HTTP), rule('b', subset))[0] ?? '', /^TS-REG-032 .* spec\.subsets\[0\]\.traff/);
  });
  it('with a tunnel says nothing where a port is no HTTP, or a TCP route leads there', () => {
    for (const port of ['{ name: tcp, port: 5 }', '{ name: tls-a, port: 5 }', '{ name: found-out, port: 5 }'])
      assert.deepEqual(told(service('b', `${HTTP}, ${port}`), rule('b', `, ${TUNNEL}`)), [], port);
    const route = net('VirtualService', 'v', '{ hosts: [c], tcp: [{ route: [{ destination: { host: b } }] }] }');
    const c = service('c', '{ name: tcp, port: 80 }');
    assert.deepEqual(told(service('b', '{ name: http, port: 80 }'), c, route, rule('b', `, ${TUNNEL}`)), []);
  });
});

describe('a VirtualService', () => {
  const routes = (gateways: string, namespace = 'default'): string =>
    net(
      'VirtualService',
      'v',
      `{ hosts: [b.example], gateways: [${gateways}], http: [{ route: [{ destination: { host: b.default.svc.cluster.local } }] }] }`,
      namespace,
    );
  const gateway = net(
    'Gateway',
    'front',
    '{ servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }',
  );
  it('names a Gateway that is not there, with the nearest name', () => {
    assert.deepEqual(told(service('b', HTTP), gateway, routes('mesh, fornt')), [
      'TS-REG-033 warning VirtualService default/v spec.gateways[1]: there is no Gateway default/fornt: for it the routes are in force nowhere. Did you mean `front`?',
    ]);
    assert.equal(told(service('b', HTTP), gateway, routes('front', 'other')).length, 1);
  });
  it('of Gateways that are there, in whatever form they are named, says nothing', () => {
    for (const name of ['mesh', 'front', 'default/front', 'front.default'])
      assert.deepEqual(told(service('b', HTTP), gateway, routes(name)), [], name);
    assert.deepEqual(told(service('b', HTTP), gateway, routes('default/front', 'other')), []);
  });
});
