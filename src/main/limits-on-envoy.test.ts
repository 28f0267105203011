import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyNode } from '#base';
import { parseText, viewOf } from '#config';
import { buildSnapshot } from '#push';
import { Registry } from '#registry';
import { limitsOnEnvoy } from './limits-on-envoy.ts';

const limits = (name: string, spec: string): string =>
  `apiVersion: topsail.io/v1alpha1\nkind: MessageLimits\nmetadata: { name: ${name}, namespace: shop }\nspec: ${spec}\n`;

function told(text: string, ...planes: readonly ('topsail' | 'envoy')[]): readonly string[] {
  const documents = parseText('t.yaml', text, { defaultNamespace: 'shop', createdMs: 1 });
  const config = viewOf(documents.flatMap((one) => one.object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const nodes = planes.map(
    (plane): ProxyNode => ({
      id: 'sidecar~127.0.0.1~web.shop~shop.svc.cluster.local',
      parsed: { type: 'sidecar', ip: '127.0.0.1', workload: 'web', namespace: 'shop', domain: 'cluster.local' },
      cluster: 'web',
      metadata: { NAMESPACE: 'shop', LABELS: { app: 'web' }, TOPSAIL_DATA_PLANE: plane },
      locality: { region: '', zone: '', subZone: '' },
      userAgent: '',
      principal: '',
    }),
  );
  return limitsOnEnvoy(snapshot, nodes).map(({ object, path, message }) => `${object} ${path}: ${message}`);
}

test('a body that is counted as it goes on is said to be out of force on stock Envoy, once, with the workloads', () => {
  const streamed = limits('a', '{ request: { body: { maxBytes: 5 } } }');
  const [line = '', ...more] = told(streamed, 'envoy', 'envoy', 'topsail');
  assert.match(line, /^MessageLimits shop\/a spec\.request\.body\.mode: .*: web\.shop refuse/);
  assert.equal(more.length, 0);
  assert.deepEqual(told(streamed, 'topsail'), []);
  assert.deepEqual(told(limits('a', '{ request: { body: { maxBytes: 5, mode: BUFFERED } } }'), 'envoy'), []);
  assert.deepEqual(told(limits('a', '{ request: { headers: { maxKiB: 5 } } }'), 'envoy'), []);
});
