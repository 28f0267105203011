import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyNode } from '#base';
import { parseText, viewOf } from '#config';
import { buildSnapshot } from '#push';
import { Registry } from '#registry';
import { ratesOnEnvoy } from './rates-on-envoy.ts';

function told(scope: string, ...planes: readonly ('topsail' | 'envoy')[]): readonly string[] {
  const text = `apiVersion: topsail.io/v1alpha1
kind: RateLimit
metadata: { name: web, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  rules: [{ name: own, limit: { requests: 1, per: DAY } }, { name: all, limit: { requests: 1, per: DAY, scope: ${scope} } }]
`;
  const documents = parseText('t.yaml', text, { defaultNamespace: 'shop', createdMs: 1 });
  const config = viewOf(documents.flatMap((one) => one.object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const nodes = planes.map(
    (plane, i): ProxyNode => ({
      id: `sidecar~127.0.0.1~web-${i}.shop~shop.svc.cluster.local`,
      parsed: { type: 'sidecar', ip: '127.0.0.1', workload: `web-${i}`, namespace: 'shop', domain: 'cluster.local' },
      cluster: 'web',
      metadata: { NAMESPACE: 'shop', LABELS: { app: 'web' }, TOPSAIL_DATA_PLANE: plane },
      locality: { region: '', zone: '', subZone: '' },
      userAgent: '',
      principal: '',
    }),
  );
  return ratesOnEnvoy(snapshot, nodes).map(({ object, path, message }) => `${object} ${path}: ${message}`);
}

test('a rule that all proxies share says which workloads on stock Envoy count for themselves', () => {
  const [line = '', ...more] = told('ALL_PROXIES', 'envoy', 'topsail', 'envoy');
  assert.match(line, /^RateLimit shop\/web spec\.rules\[1\]\.limit\.scope: .* each of web-0\.shop, web-2\.shop counts/);
  assert.equal(more.length, 0);
  assert.deepEqual(told('ALL_PROXIES', 'topsail'), []);
  assert.deepEqual(told('PROXY', 'envoy'), []);
});
