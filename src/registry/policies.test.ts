// Which Gateways a workload runs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseText, viewOf } from '#config';
import { gatewaysOf } from './policies.ts';

const NAMED = 'gateway.networking.k8s.io/gateway-name';

const gateway = (name: string, namespace: string, selector: object): string => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: ${JSON.stringify(selector)}, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
`;

test('a workload runs the Gateways whose labels it has, and of the Gateway API’s only its own namespace’s', () => {
  const text =
    gateway('own', 'infra', { [NAMED]: 'edge' }) +
    gateway('namesake', 'attacker', { [NAMED]: 'edge' }) +
    gateway('shared', 'shop', { istio: 'ingressgateway' }) +
    gateway('other', 'infra', { istio: 'other' });
  const view = viewOf(parseText('t.yaml', text, { createdMs: 1 }).flatMap(({ object }) => object ?? []));
  const labels = { [NAMED]: 'edge', istio: 'ingressgateway' };
  assert.deepEqual(
    gatewaysOf(view, { namespace: 'infra', labels } as never).map(({ metadata }) => metadata.name),
    ['own', 'shared'],
  );
});
