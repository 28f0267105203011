import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseText, viewOf } from '#config';
import { mergeMessageLimits, messageLimitsOf } from './message-limits.ts';

const object = (name: string, namespace: string, spec: string): string =>
  `apiVersion: topsail.io/v1alpha1\nkind: MessageLimits\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;

function of(labels: Record<string, string>, ...objects: readonly string[]) {
  const documents = parseText('t.yaml', objects.join('---\n'), { defaultNamespace: 'default', createdMs: 1 });
  const view = viewOf(documents.flatMap((one) => one.object ?? []));
  const found = messageLimitsOf(view, { namespace: 'default', labels }, 'istio-system');
  return { names: found.map(({ metadata }) => metadata.name), limits: mergeMessageLimits(found) };
}

test('mesh, namespace and workload are laid over each other field by field, a body as a whole', () => {
  const { names, limits } = of(
    { app: 'web' },
    object('w', 'default', '{ selector: { matchLabels: { app: web } }, request: { body: { maxBytes: 5 } } }'),
    object('n', 'default', '{ request: { headers: { maxKiB: 8 }, body: { maxBytes: 9, mode: BUFFERED } } }'),
    object(
      'm',
      'istio-system',
      '{ request: { headers: { maxKiB: 4, maxCount: 7 } }, response: { headers: { maxKiB: 3 } } }',
    ),
    object('else', 'other', '{ request: { headers: { maxKiB: 1 } } }'),
  );
  assert.deepEqual(names, ['m', 'n', 'w']);
  assert.deepEqual(limits, {
    request: { maxKiB: 8, maxCount: 7 },
    response: { maxKiB: 3, maxCount: undefined },
    body: { maxBytes: 5, buffered: false },
  });
});

test('a gateway of the Gateway API is a target', () => {
  const target =
    '{ targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }], request: { headers: { maxKiB: 2 } } }';
  const label = { 'gateway.networking.k8s.io/gateway-name': 'edge' };
  assert.equal(of(label, object('g', 'default', target)).limits.request.maxKiB, 2);
  assert.equal(of({ app: 'edge' }, object('g', 'default', target)).limits.request.maxKiB, undefined);
});
