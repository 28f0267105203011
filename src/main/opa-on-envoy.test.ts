import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyNode } from '#base';
import { parseText, viewOf } from '#config';
import { buildSnapshot } from '#push';
import { Registry } from '#registry';
import { opaOnEnvoy } from './opa-on-envoy.ts';

function snapshotOf(text: string) {
  const documents = parseText('t.yaml', text, { defaultNamespace: 'shop', createdMs: 1 });
  const config = viewOf(documents.flatMap((one) => one.object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  return buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
}

const TEXT = `
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system }
extensionProviders:
- { name: opa, opa: { service: opa.shop.svc.cluster.local, port: 8181 } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: opa, namespace: shop }
spec: { hosts: [opa.shop.svc.cluster.local], resolution: STATIC, ports: [{ number: 8181, name: http, protocol: HTTP }], endpoints: [{ address: 127.0.0.1 }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask, namespace: shop }
spec: { selector: { matchLabels: { app: web } }, action: CUSTOM, provider: { name: opa }, rules: [{}] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: lost, namespace: shop }
spec: { action: CUSTOM, provider: { name: nobody }, rules: [{}] }
`;

const node = (workload: string, dataPlane: 'topsail' | 'envoy'): ProxyNode => ({
  id: `sidecar~127.0.0.1~${workload}.shop~shop.svc.cluster.local`,
  parsed: { type: 'sidecar', ip: '127.0.0.1', workload, namespace: 'shop', domain: 'cluster.local' },
  cluster: workload,
  metadata: { NAMESPACE: 'shop', LABELS: { app: workload }, TOPSAIL_DATA_PLANE: dataPlane },
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: '',
});

test('a policy that asks OPA says which workloads on stock Envoy deny because of it', () => {
  const snapshot = snapshotOf(TEXT);
  assert.deepEqual(opaOnEnvoy(snapshot, [node('web', 'topsail'), node('other', 'envoy')]), []);
  const [found, ...more] = opaOnEnvoy(snapshot, [node('web', 'envoy'), node('web', 'topsail')]);
  assert.deepEqual([found?.code, found?.object, more.length], ['TS-REG-014', 'AuthorizationPolicy shop/ask', 0]);
  assert.match(found?.message ?? '', /web\.shop deny every request/);
});

test('a policy whose provider is not there says so', () => {
  const codes = snapshotOf(TEXT).conditions.map(({ code, object }) => `${code} ${object}`);
  assert.deepEqual(codes, ['TS-REG-013 AuthorizationPolicy shop/lost']);
});
