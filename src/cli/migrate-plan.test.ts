// The plan of a migration: what is refused here, in which order namespaces move, how each comes back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '#kube';
import { planMigration } from './migrate-plan.ts';

const namespace = (name: string, labels: Record<string, string> = {}): KubeObject => ({ metadata: { name, labels } });
const pod = (where: string, labels: Record<string, string> = {}): KubeObject => ({
  metadata: { name: 'p', namespace: where, labels, annotations: { 'sidecar.istio.io/status': '{}' } },
});
const nothing = { objects: [], namespaces: [], pods: [], revision: 'topsail' };

describe('a migration plan', () => {
  it('moves small namespaces first and gateways last', () => {
    const plan = planMigration({
      ...nothing,
      namespaces: [
        namespace('edge', { 'istio-injection': 'enabled' }),
        namespace('big', { 'istio.io/rev': 'stable' }),
        namespace('small', { 'istio-injection': 'enabled' }),
        namespace('outside'),
        namespace('moved', { 'istio.io/rev': 'topsail' }),
      ],
      pods: [pod('edge', { istio: 'ingressgateway' }), pod('big'), pod('big'), pod('small')],
    });
    assert.deepEqual(
      plan.namespaces.map((one) => [one.namespace, one.pods, one.gateways]),
      [
        ['small', 1, 0],
        ['big', 2, 0],
        ['edge', 1, 1],
      ],
    );
    assert.match(plan.namespaces[1]?.forth[0] ?? '', /label namespace big istio\.io\/rev=topsail --overwrite/);
    assert.match(plan.namespaces[1]?.back[0] ?? '', /label namespace big istio\.io\/rev=stable --overwrite/);
  });

  it('names objects that have no effect here', () => {
    const filter = {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'EnvoyFilter',
      metadata: { name: 'f', namespace: 'a' },
      spec: { configPatches: [] },
    };
    const plan = planMigration({ ...nothing, objects: [filter] });
    assert.equal(plan.checked, 1);
    assert.equal(plan.objects[0]?.object, 'EnvoyFilter a/f');
  });
});
