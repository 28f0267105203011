// Names of a service as its clients write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfigObject, parseText } from '#config';
import { convertService, type Service } from '#registry';
import { serviceDomains } from './domains.ts';

function service(clusterIP: string): Service {
  const text = `apiVersion: v1
kind: Service
metadata: { name: peers, namespace: shop }
spec: { clusterIP: ${clusterIP}, selector: { app: peers }, ports: [{ name: http, port: 80 }] }
`;
  const [parsed] = parseText('test.yaml', text, { defaultNamespace: 'default', createdMs: 1 });
  return convertService(parsed?.object as ConfigObject as Parameters<typeof convertService>[0], {
    domain: 'cluster.local',
    allocated: undefined,
  });
}

const NEAR = ['peers', 'peers.shop', 'peers.shop.svc', 'peers.shop.svc.cluster.local', 'peers.shop.svc.cluster.local.'];

test('a service has its short names as far as the client is near, and its address', () => {
  const own = serviceDomains(service('10.1.0.1'), 'shop', 'cluster.local');
  assert.deepEqual([...own].sort(), ['10.1.0.1', ...NEAR]);
  const others = serviceDomains(service('10.1.0.1'), 'other', 'cluster.local');
  assert.deepEqual([...others].sort(), ['10.1.0.1', ...NEAR.slice(1)]);
});

test('pods of a headless service have names below every one of its names', () => {
  const own = serviceDomains(service('None'), 'shop', 'cluster.local');
  assert.deepEqual([...own].sort(), [...NEAR.map((name) => `*.${name}`), ...NEAR]);
});
