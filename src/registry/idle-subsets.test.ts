import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, viewOf } from '#config';
import { idleSubsets } from './idle-subsets.ts';
import { Registry } from './registry.ts';

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80 }, { name: other, port: 81 }] }
`;
const workload = (version: string): string => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-${version} }
spec: { address: 10.0.0.1, labels: { app: reviews, version: ${version} } }
`;
const rule = (host: string, version: string): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec: { host: ${host}, subsets: [{ name: all }, { name: canary, labels: { version: ${version} } }] }
`;

function told(...texts: readonly string[]): string[] {
  const documents = parseText('t.yaml', texts.join('---\n'), { createdMs: 1 });
  const config = viewOf(documents.flatMap(({ object }) => object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'c1' }).rebuild(config);
  return idleSubsets(config, view, 'cluster.local').map(
    (one) => `${one.code} ${one.severity} ${one.object} ${one.path}: ${one.message}`,
  );
}

describe('a subset', () => {
  it('that no endpoint of its host is in is told once, with the nearest label', () => {
    assert.deepEqual(told(SERVICE, workload('v1'), rule('reviews', 'v11')), [
      'TS-REG-030 warning DestinationRule default/reviews spec.subsets[1].labels: subset canary: no endpoint of reviews.default.svc.cluster.local has the labels version=v11: requests to it find nobody. Did you mean `version=v1`?',
    ]);
  });
  it('that has an endpoint is not, nor one of a host that has none, is not known, or is a pattern', () => {
    assert.deepEqual(told(SERVICE, workload('v1'), rule('reviews', 'v1')), []);
    assert.deepEqual(told(SERVICE, rule('reviews', 'v1')), []);
    assert.deepEqual(told(SERVICE, workload('v1'), rule('ratings', 'v2')), []);
    assert.deepEqual(told(SERVICE, workload('v1'), rule('"*.local"', 'v2')), []);
  });
  it('of a host without endpoints of its own, or that is dialled where the client did, is not', () => {
    const entry = (resolution: string, more = ''): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: e }
spec: { hosts: [api.example], resolution: ${resolution}, ports: [{ number: 80, name: http, protocol: HTTP }]${more} }
`;
    assert.deepEqual(told(entry('DNS'), rule('api.example', 'v1')), []);
    assert.deepEqual(told(entry('NONE'), rule('api.example', 'v1')), []);
    const listed = ', endpoints: [{ address: 10.0.0.1, labels: { version: v1 } }]';
    assert.deepEqual(told(entry('STATIC', listed), rule('api.example', 'v1')), []);
    assert.equal(told(entry('STATIC', listed), rule('api.example', 'v2')).length, 1);
  });
  it('is not told of while the pods behind addresses are not known', () => {
    const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: reviews-1, labels: { kubernetes.io/service-name: reviews } }
addressType: IPv4
endpoints: [{ addresses: [10.0.0.9] }]
ports: [{ name: http, port: 80 }]
`;
    assert.deepEqual(told(SERVICE, slice, rule('reviews', 'v1')), []);
  });
});
