import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseText, viewOf } from '#config';
import { authorizationPoliciesOf, Registry } from '#registry';
import { buildSnapshot } from './build-snapshot.ts';

const TEXT = `
apiVersion: v1
kind: Service
metadata: { name: shop, namespace: default }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: pay, namespace: default }
spec: { hosts: [pay.example], ports: [{ number: 443, name: tls, protocol: TLS }], resolution: DNS }
---
`;
const GATEWAY = 'gateway.networking.k8s.io';

function policy(refs: readonly string[], namespace = 'default', kind = 'AuthorizationPolicy'): string {
  const version = kind === 'Telemetry' ? 'telemetry.istio.io/v1' : 'security.istio.io/v1';
  const more = kind === 'AuthorizationPolicy' ? 'action: DENY, rules: [{}], ' : '';
  return `apiVersion: ${version}\nkind: ${kind}\nmetadata: { name: p, namespace: ${namespace} }\nspec: { ${more}targetRefs: [${refs.join(', ')}] }\n`;
}

function seen(text: string, labels: Readonly<Record<string, string>> = {}): { found: string[]; inForce: boolean } {
  const documents = parseText('t.yaml', TEXT + text, { defaultNamespace: 'default', createdMs: 1 });
  assert.deepEqual(
    documents.flatMap(({ complaints }) => complaints.filter(({ severity }) => severity === 'error')),
    [],
  );
  const config = viewOf(documents.flatMap(({ object }) => object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  const { conditions } = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const proxy = { namespace: 'default', labels };
  return {
    found: conditions
      .filter(({ code }) => code === 'TS-REG-017' || code === 'TS-REG-018')
      .map(({ code, severity, path, message }) => `${code} ${severity} ${path}: ${message.split(':')[0]}`),
    inForce: authorizationPoliciesOf(config, proxy, 'istio-system').length > 0,
  };
}

test('a policy for a Service or a ServiceEntry is accepted, in force nowhere, and says so', () => {
  const service = '{ kind: Service, name: shop }';
  const entry = '{ group: networking.istio.io, kind: ServiceEntry, name: pay }';
  for (const kind of ['AuthorizationPolicy', 'RequestAuthentication', 'Telemetry']) {
    const { found, inForce } = seen(policy([service, entry], 'default', kind));
    assert.deepEqual(found, [
      'TS-REG-017 error spec.targetRefs[0]: Service default/shop is not bound to a waypoint',
      'TS-REG-017 error spec.targetRefs[1]: ServiceEntry default/pay is not bound to a waypoint',
    ]);
    assert.equal(inForce, false);
  }
  assert.deepEqual(seen(policy(['{ kind: Service, name: nobody }'])).found, [
    'TS-REG-017 error spec.targetRefs[0]: Service default/nobody was not found',
  ]);
});

test('a Gateway beside it is served all the same', () => {
  const refs = ['{ kind: Service, name: shop }', `{ group: ${GATEWAY}, kind: Gateway, name: edge }`];
  const labels = { [`${GATEWAY}/gateway-name`]: 'edge' };
  assert.deepEqual([seen(policy(refs), labels).inForce, seen(policy(refs)).inForce], [true, false]);
  assert.equal(seen(policy(refs), labels).found.length, 1);
});

test('a GatewayClass is a target from the root namespace only', () => {
  const refs = [`{ group: ${GATEWAY}, kind: GatewayClass, name: istio }`];
  const labels = { [`${GATEWAY}/gateway-class-name`]: 'istio' };
  assert.deepEqual(seen(policy(refs, 'istio-system'), labels), { found: [], inForce: true });
  const elsewhere = seen(policy(refs), labels);
  assert.equal(elsewhere.inForce, false);
  assert.match(elsewhere.found.join(), /TS-REG-018 error/);
});
