import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, viewOf } from '#config';
import { idlePorts } from './idle-ports.ts';
import { Registry } from './registry.ts';

const MESH = `apiVersion: v1
kind: Service
metadata: { name: b }
spec: { selector: { app: b }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: b-1 }
spec: { address: 10.0.0.1, labels: { app: b } }
`;
const policy = (kind: string, spec: string): string =>
  `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: p }\nspec: { selector: { matchLabels: { app: b } }, ${spec} }\n`;
const modes = (port: number): string => policy('PeerAuthentication', `portLevelMtls: { ${port}: { mode: DISABLE } }`);
const rules = (...ports: readonly number[]): string =>
  policy(
    'AuthorizationPolicy',
    `rules: [{ to: [{ operation: { ports: [${ports.map((one) => `"${one}"`).join(', ')}] } }] }]`,
  );

function told(...texts: readonly string[]): string[] {
  const documents = parseText('t.yaml', texts.join('---\n'), { createdMs: 1 });
  const config = viewOf(documents.flatMap(({ object }) => object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'c1' }).rebuild(config);
  return idlePorts(config, view, 'istio-system').map((one) => `${one.code} ${one.path}: ${one.message}`);
}

describe('a port of a policy', () => {
  it('that no selected workload has is told: most often it is the port of the Service', () => {
    assert.deepEqual(told(MESH, modes(80)), [
      'TS-REG-034 spec.portLevelMtls.80: port 80 is a port of none of the workloads that are selected (8080): its mode is in force nowhere',
    ]);
    assert.deepEqual(told(MESH, rules(8080, 80)), [
      'TS-REG-034 spec.rules[0].to[0].operation.ports[1]: port 80 is a port of none of the workloads that are selected (8080): no request to a declared port matches it',
    ]);
  });
  it("that is a workload's own is not, nor any where nobody is selected, or a Sidecar declares ports", () => {
    assert.deepEqual(told(MESH, modes(8080), rules(8080)), []);
    assert.deepEqual(told(modes(80), rules(80)), []);
    const sidecar = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: s }
spec: { workloadSelector: { labels: { app: b } }, ingress: [{ port: { number: 80, protocol: HTTP, name: http }, defaultEndpoint: 127.0.0.1:8080 }] }
`;
    assert.deepEqual(told(MESH, sidecar, modes(80), rules(80)), []);
  });
});
