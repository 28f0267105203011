import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText } from '../parse/parse-text.ts';
import { viewOf } from '../store/frozen-view.ts';
import { analyze } from './index.ts';

const SERVICE =
  'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http, port: 80}]}\n';
const net = (kind: string, name: string, spec: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

function codes(texts: readonly string[]): string[] {
  const documents = parseText('f', texts.join('---\n'));
  for (const document of documents) assert.ok(document.object, JSON.stringify(document.complaints));
  const view = viewOf(documents.flatMap((d) => (d.object === undefined ? [] : [d.object])));
  return analyze(view).map((c) => `${c.code} ${c.object} ${c.path}`);
}

describe('findings across objects', () => {
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

  it('leave alone what comes after a rule that delegates: its delegate may match less', () => {
    const http =
      '{hosts: [a], http: [{delegate: {name: d}}, {match: [{uri: {prefix: /a}}], delegate: {name: d}}, {match: [{uri: {prefix: /ab}}], route: [{destination: {host: a}}]}, {route: [{destination: {host: a}}]}]}';
    assert.deepEqual(codes([SERVICE, net('VirtualService', 'a', http)]), []);
  });

  it('name hosts that a gateway does not serve, and leave short names alone', () => {
    const gateway = net(
      'Gateway',
      'g',
      '{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.example.com"]}]}',
    );
    const outside = (host: string): string =>
      net(
        'VirtualService',
        'o',
        `{hosts: [${host}], gateways: [g, nope], http: [{route: [{destination: {host: a}}]}]}`,
      );
    assert.deepEqual(codes([SERVICE, gateway, outside('a.example.org')]), [
      'IST0132 VirtualService default/o spec.hosts[0]',
    ]);
    assert.deepEqual(codes([SERVICE, gateway, outside('a')]), []);
  });

  it('name Gateways that conflict, or share a certificate, but not what the Gateway API made', () => {
    const gateway = (name: string, selector = ''): string =>
      net(
        'Gateway',
        name,
        `{${selector}servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.b], tls: {mode: SIMPLE, credentialName: c}}]}`,
      );
    assert.deepEqual(
      codes([gateway('g'), gateway('h')]).map((c) => c.slice(0, 7)),
      ['IST0138', 'IST0138', 'IST0145', 'IST0145'],
    );
    const made = 'selector: {gateway.networking.k8s.io/gateway-name: g}, ';
    assert.deepEqual(codes([gateway('g', made), gateway('h', made)]), []);
  });

  it('name Sidecars without selector beside each other', () => {
    const sidecar = (name: string): string => net('Sidecar', name, '{egress: [{hosts: ["./*"]}]}');
    assert.deepEqual(
      codes([sidecar('a'), sidecar('b')]).map((c) => c.slice(0, 7)),
      ['IST0111', 'IST0111'],
    );
  });
});
