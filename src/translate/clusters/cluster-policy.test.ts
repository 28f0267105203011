import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshSettings } from '#registry';
import { BALANCER_ANNOTATION } from '#config';
import { ownBalancing } from './cluster-policy.ts';
import type { LoadBalancer } from './traffic-policy.ts';

function mesh(annotations: Readonly<Record<string, string>>): MeshSettings {
  return { origin: { metadata: { annotations } } } as unknown as MeshSettings;
}

const ASKED = mesh({ [BALANCER_ANNOTATION]: 'PEAK_EWMA' });

test('peak EWMA is the balancer of a mesh that asks for it, where no DestinationRule names one', () => {
  const own = { 'topsail.lb': { policy: 'PEAK_EWMA' } };
  assert.deepEqual(ownBalancing(undefined, ASKED), own);
  assert.deepEqual(ownBalancing({ simple: 'UNSPECIFIED' } as LoadBalancer, ASKED), own);
  assert.deepEqual(ownBalancing(undefined, mesh({})), {});
});

test('what a DestinationRule names stands', () => {
  for (const balancer of [
    { simple: 'LEAST_REQUEST' },
    { simple: 'RANDOM' },
    { consistentHash: { useSourceIp: true } },
    { warmup: { duration: '10s' } },
  ])
    assert.deepEqual(ownBalancing(balancer as LoadBalancer, ASKED), {}, JSON.stringify(balancer));
});
