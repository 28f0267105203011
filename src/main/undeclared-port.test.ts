import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseText, viewOf } from '#config';
import { Registry } from '#registry';
import { UndeclaredPorts } from './undeclared-port.ts';

const SERVICES = `apiVersion: v1
kind: Service
metadata: { name: ratings }
spec: { clusterIP: 10.9.8.7, ports: [{ name: http, port: 9080 }, { name: grpc, port: 90 }] }
`;

test('a call to a port that its service does not have is told with those that there are', () => {
  const config = viewOf(parseText('t.yaml', SERVICES, { createdMs: 1 }).flatMap(({ object }) => object ?? []));
  const { services } = new Registry({ domain: 'cluster.local', cluster: 'c1' }).rebuild(config).view;
  const ports = new UndeclaredPorts();
  const find = (endpoint: string, authority = '') =>
    ports.find({ endpoint, authority, namespace: 'default' }, services);
  const found = { service: 'ratings.default.svc.cluster.local', port: 9999, ports: [90, 9080] };
  assert.deepEqual(find('10.9.8.7:9999'), found);
  assert.deepEqual(find('', 'ratings:9999'), found);
  assert.deepEqual(find('192.0.2.1:9999', 'ratings.default:9999'), found);
  assert.equal(find('10.9.8.7:9080'), undefined, 'it is declared: something else keeps this caller from it');
  assert.equal(find('192.0.2.1:9999', 'example.com'), undefined);
  assert.equal(find(''), undefined);
});
