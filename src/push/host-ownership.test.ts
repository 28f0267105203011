// A namespace routes its own hosts, those it was granted, and nobody else's where that is asked for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseText, viewOf } from '#config';
import { Registry } from '#registry';
import { buildSnapshot } from './build-snapshot.ts';

interface Tried {
  readonly codes: readonly string[];
  readonly inForce: boolean;
}

function hijack(
  options: {
    readonly strict?: boolean;
    readonly by?: string;
    readonly exportTo?: string;
    readonly grant?: string;
    readonly host?: string;
  } = {},
): Tried {
  const {
    strict = false,
    by = 'attacker',
    exportTo = '*',
    grant = '',
    host = 'bank.victim.svc.cluster.local',
  } = options;
  const text = `
apiVersion: v1
kind: Namespace
metadata: { name: victim, annotations: { topsail.io/hosts-granted-to: "${grant}" } }
---
apiVersion: v1
kind: Service
metadata: { name: bank, namespace: victim }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system${strict ? ', annotations: { topsail.io/host-ownership: strict }' : ''} }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: taken, namespace: ${by} }
spec: { hosts: ["${host}"], exportTo: ["${exportTo}"], http: [{ route: [{ destination: { host: bank.victim.svc.cluster.local } }] }] }
`;
  const config = viewOf(
    parseText('t.yaml', text, { defaultNamespace: 'default', createdMs: 1 }).flatMap(({ object }) => object ?? []),
  );
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  return {
    codes: snapshot.conditions.map(({ code }) => code).filter((code) => code === 'TS-REG-008' || code === 'TS-REG-009'),
    inForce: snapshot.virtualServices.all.some((vs) => vs.hosts.includes(host)),
  };
}

test('another namespace’s host is warned about, and held back in strict mode', () => {
  assert.deepEqual(hijack(), { codes: ['TS-REG-008'], inForce: true });
  assert.deepEqual(hijack({ strict: true }), { codes: ['TS-REG-009'], inForce: false });
  for (const host of ['*.victim.svc.cluster.local', '*.svc.cluster.local'])
    assert.deepEqual(hijack({ strict: true, host }), { codes: ['TS-REG-009'], inForce: false }, host);
});

test('a second MeshConfig says that it is not in force', () => {
  const text = ['first', 'second']
    .map(
      (name) =>
        `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: ${name}, namespace: istio-system }\n`,
    )
    .join('---\n');
  const config = viewOf(parseText('t.yaml', text, { createdMs: 1 }).flatMap(({ object }) => object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  const { conditions } = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  assert.deepEqual(
    conditions.map(({ code, object }) => [code, object]),
    [['TS-REG-015', 'MeshConfig istio-system/second']],
  );
});

test('a trust domain other than the one that certificates are issued for waits, as an alias, for the next start', () => {
  const build = (spec: string, trustDomain?: string) => {
    const text = `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: m }\n${spec}`;
    const config = viewOf(parseText('t.yaml', text, { createdMs: 1 }).flatMap(({ object }) => object ?? []));
    const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
    const domain = 'cluster.local';
    const input = { config, registry: view, domain, former: undefined };
    const { conditions, mesh } = buildSnapshot(trustDomain === undefined ? input : { ...input, trustDomain });
    return {
      complaints: conditions.map(({ code, path }) => [code, path]),
      domains: [mesh.trustDomain, ...mesh.trustDomainAliases],
    };
  };
  const other = 'trustDomain: other.example\ntrustDomainAliases: [cluster.local, old.example]\n';
  assert.deepEqual(build(other, 'cluster.local'), {
    complaints: [['TS-REG-016', 'trustDomain']],
    domains: ['cluster.local', 'old.example', 'other.example'],
  });
  assert.deepEqual(build(other, 'other.example'), {
    complaints: [],
    domains: ['other.example', 'cluster.local', 'old.example'],
  });
  assert.deepEqual(build(other).domains, ['other.example', 'cluster.local', 'old.example']);
  assert.deepEqual(build('', 'other.example'), {
    complaints: [['TS-REG-016', 'trustDomain']],
    domains: ['other.example'],
  });
});

test('owners, the root namespace, whom the owner granted it and rules for oneself are free', () => {
  for (const free of [
    { by: 'victim' },
    { by: 'istio-system' },
    { grant: 'friend, attacker' },
    { grant: '*' },
    { exportTo: '.' },
    { exportTo: 'attacker' },
    { host: 'outside.example' },
  ]) {
    assert.deepEqual(hijack({ strict: true, ...free }), { codes: [], inForce: true }, JSON.stringify(free));
  }
  assert.deepEqual(hijack({ strict: true, grant: 'friend' }).inForce, false);
});
