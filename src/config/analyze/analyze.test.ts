import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText } from '../parse/parse-text.ts';
import { viewOf } from '../store/frozen-view.ts';
import { analyze, type AnalyzeOptions } from './index.ts';

const SERVICE =
  'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http, port: 80}]}\n';
const net = (kind: string, name: string, spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

function codes(texts: readonly string[], options: AnalyzeOptions = {}): string[] {
  const documents = parseText('f', texts.join('---\n'));
  for (const document of documents) assert.ok(document.object, JSON.stringify(document.complaints));
  const view = viewOf(documents.flatMap((d) => (d.object === undefined ? [] : [d.object])));
  return analyze(view, options).map((c) => `${c.code} ${c.object} ${c.path}`);
}

describe('findings across objects', () => {
  it('are none where everything is there', () => {
    const rule = net('DestinationRule', 'a', '{host: a, subsets: [{name: v1, labels: {version: v1}}]}');
    const route = net(
      'VirtualService',
      'a',
      '{hosts: [a], http: [{route: [{destination: {host: a.default.svc.cluster.local, subset: v1}}]}]}',
    );
    assert.deepEqual(
      codes([SERVICE, rule, route], { workloads: [{ namespace: 'default', labels: { app: 'a', version: 'v1' } }] }),
      [],
    );
  });

  it('name hosts, subsets and gateways that do not exist', () => {
    const route = net(
      'VirtualService',
      'a',
      '{hosts: [a], gateways: [g], http: [{route: [{destination: {host: nope}, weight: 1}, {destination: {host: a, subset: v9}, weight: 1}]}]}',
    );
    assert.deepEqual(codes([SERVICE, route]), [
      'IST0101 VirtualService default/a spec.http[0].route[0].destination.host',
      'IST0101 VirtualService default/a spec.http[0].route[1].destination.subset',
      'IST0101 VirtualService default/a spec.gateways[0]',
    ]);
  });

  it('name rules that can never match', () => {
    const http = (...rules: string[]): string =>
      net('VirtualService', 'a', `{hosts: [a], http: [${rules.join(', ')}]}`);
    const rule = (match: string): string => `{match: [${match}], route: [{destination: {host: a}}]}`;
    const rest = '{route: [{destination: {host: a}}]}';
    assert.deepEqual(codes([SERVICE, http(rest, rule('{uri: {prefix: /a}}'))]), [
      'IST0130 VirtualService default/a spec.http[1]',
    ]);
    const repeated = codes([
      SERVICE,
      http(rule('{uri: {prefix: /a}, method: {exact: GET}}'), rule('{method: {exact: GET}, uri: {prefix: /ab}}')),
    ]);
    assert.deepEqual(repeated, [
      'IST0131 VirtualService default/a spec.http[1].match[0]',
      'IST0130 VirtualService default/a spec.http[1]',
    ]);
    assert.deepEqual(codes([SERVICE, http(rule('{uri: {prefix: /ab}}'), rule('{uri: {prefix: /a}}'), rest)]), []);
  });

  it('name two VirtualServices of one host, and hosts that a gateway does not serve', () => {
    const route = (name: string): string =>
      net('VirtualService', name, '{hosts: [a], http: [{route: [{destination: {host: a}}]}]}');
    assert.deepEqual(codes([SERVICE, route('x'), route('y')]), [
      'IST0109 VirtualService default/x spec.hosts',
      'IST0109 VirtualService default/y spec.hosts',
    ]);
    const gateway = net(
      'Gateway',
      'g',
      '{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.example.com"]}]}',
    );
    const outside = net(
      'VirtualService',
      'o',
      '{hosts: [a.example.org], gateways: [g], http: [{route: [{destination: {host: a}}]}]}',
    );
    assert.deepEqual(codes([SERVICE, gateway, outside]), ['IST0132 VirtualService default/o spec.hosts[0]']);
  });

  it('leave VirtualServices of one host alone that no namespace sees together', () => {
    const route = (namespace: string, host: string, exportTo: string): string =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: ${namespace}}\nspec: {hosts: [${host}], exportTo: ["${exportTo}"], http: [{route: [{destination: {host: a.default}}]}]}\n`;
    const full = 'r.one.svc.cluster.local';
    assert.deepEqual(codes([SERVICE, route('one', 'r', '.'), route('two', full, '.')]), []);
    const both = ['IST0109 VirtualService one/v spec.hosts', 'IST0109 VirtualService two/v spec.hosts'];
    assert.deepEqual(codes([SERVICE, route('one', 'r', '*'), route('two', full, '.')]), both);
  });

  it('name DestinationRules of unknown hosts, empty subsets and unverified servers', () => {
    assert.deepEqual(codes([net('DestinationRule', 'a', '{host: nope, trafficPolicy: {tls: {mode: SIMPLE}}}')]), [
      'IST0174 DestinationRule default/a spec.host',
      'IST0128 DestinationRule default/a spec.trafficPolicy.tls',
    ]);
    const rule = net('DestinationRule', 'a', '{host: a, subsets: [{name: v1, labels: {version: v1}}]}');
    assert.deepEqual(codes([SERVICE, rule]), [], 'workloads are not known');
    assert.deepEqual(codes([SERVICE, rule], { workloads: [] }), ['IST0173 DestinationRule default/a spec.subsets[0]']);
  });

  it('name Gateways that conflict, and secrets that are missing', () => {
    const gateway = (name: string): string =>
      net(
        'Gateway',
        name,
        '{servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.b], tls: {mode: SIMPLE, credentialName: c}}]}',
      );
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: c}\n';
    assert.deepEqual(codes([gateway('g')]), ['IST0101 Gateway default/g spec.servers[0].tls']);
    assert.deepEqual(
      codes([secret, gateway('g'), gateway('h')]).map((c) => c.slice(0, 7)),
      ['IST0138', 'IST0138', 'IST0145', 'IST0145'],
    );
  });

  it('name Sidecars without selector beside each other, unnamed protocols, and policies that choose nothing', () => {
    const sidecar = (name: string): string => net('Sidecar', name, '{egress: [{hosts: ["./*"]}]}');
    assert.deepEqual(
      codes([sidecar('a'), sidecar('b')]).map((c) => c.slice(0, 7)),
      ['IST0111', 'IST0111'],
    );
    assert.deepEqual(codes([SERVICE.replace('name: http', 'name: web')]), ['IST0118 Service default/a spec.ports[0]']);
    const policy =
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {selector: {matchLabels: {app: x}}, rules: [{}]}\n';
    assert.deepEqual(codes([policy], { workloads: [] }), ['IST0127 AuthorizationPolicy default/p spec.selector']);
  });
});
