// A namespace routes its own hosts, those it was granted, and nobody else's where that is asked for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseText, viewOf } from '#config';
import { Registry } from '#registry';
import { buildSnapshot } from './build-snapshot.ts';

interface Tried {
  readonly codes: readonly string[];
  readonly inForce: boolean;
  /** The VirtualService in question is. */
  readonly mine: boolean;
  readonly exportTo: readonly string[] | undefined;
}

function hijack(options: Options = {}): Pick<Tried, 'codes' | 'inForce'> {
  const { codes, inForce } = attempt(options);
  return { codes, inForce };
}

interface Options {
  readonly strict?: boolean;
  readonly by?: string;
  readonly exportTo?: string;
  readonly grant?: string;
  readonly host?: string;
  readonly gateways?: string;
  /** Older objects. */
  readonly also?: string;
}

function attempt(options: Options): Tried {
  const {
    strict = false,
    by = 'attacker',
    exportTo = '*',
    grant = '',
    host = 'bank.victim.svc.cluster.local',
    gateways = '[mesh]',
    also = '',
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
spec: { hosts: ["${host}"], gateways: ${gateways}, exportTo: ["${exportTo}"], http: [{ route: [{ destination: { host: bank.victim.svc.cluster.local } }] }] }
`;
  const config = viewOf(
    [also, text].flatMap((one, createdMs) =>
      parseText(`${createdMs}.yaml`, one, { defaultNamespace: 'default', createdMs }).flatMap(
        ({ object }) => object ?? [],
      ),
    ),
  );
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  return {
    codes: snapshot.conditions.map(({ code }) => code).filter((code) => /^TS-REG-0(08|09|20|21|22)$/.test(code)),
    mine: snapshot.virtualServices.all.some(({ name }) => name === 'taken'),
    exportTo: snapshot.virtualServices.all.find(({ name }) => name === 'taken')?.exportTo,
    inForce: snapshot.virtualServices.all.some((vs) => vs.hosts.includes(host)),
  };
}

test('another namespace’s host is warned about, and held back in strict mode', () => {
  assert.deepEqual(hijack(), { codes: ['TS-REG-008'], inForce: true });
  assert.deepEqual(hijack({ strict: true }), { codes: ['TS-REG-009'], inForce: false });
  for (const host of ['*.victim.svc.cluster.local', '*.svc.cluster.local'])
    assert.deepEqual(hijack({ strict: true, host }), { codes: ['TS-REG-009'], inForce: false }, host);
});

const entry = (namespace: string, host: string, more = ''): string => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: own, namespace: ${namespace} }
spec: { hosts: ["${host}"], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 192.0.2.1 }] }
${more}`;

test('declaring another namespace’s service as a ServiceEntry makes nobody its owner', () => {
  const also = entry('attacker', 'bank.victim.svc.cluster.local');
  assert.deepEqual(hijack({ also }), { codes: ['TS-REG-008'], inForce: true });
  assert.deepEqual(hijack({ strict: true, also }), { codes: ['TS-REG-009'], inForce: false });
});

test('of a host outside that several namespaces declare none routes the others’ requests', () => {
  const host = 'api.outside.example';
  const also = entry('victim', host) + entry('attacker', host);
  assert.deepEqual(hijack({ host, also }), { codes: ['TS-REG-008'], inForce: true });
  for (const by of ['attacker', 'victim']) {
    const { codes, exportTo } = attempt({ strict: true, host, also, by });
    assert.deepEqual({ codes, exportTo }, { codes: ['TS-REG-020'], exportTo: ['.'] }, by);
  }
  assert.deepEqual(hijack({ strict: true, host, also, grant: 'attacker' }).codes, []);
});

test('a host that an older VirtualService has at a gateway is not taken there by another namespace', () => {
  const host = 'pay.example.com';
  const also = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: first, namespace: victim }
spec: { hosts: ["${host}"], gateways: [edge/gateway], http: [{ route: [{ destination: { host: bank.victim.svc.cluster.local } }] }] }
`;
  const gateways = '["edge/gateway"]';
  assert.deepEqual(hijack({ host, also, gateways }).codes, ['TS-REG-021']);
  assert.equal(attempt({ strict: true, host, also, gateways }).mine, false);
  assert.deepEqual(hijack({ strict: true, host, also, gateways }).codes, ['TS-REG-022']);
  for (const free of [{ grant: 'attacker' }, { by: 'victim' }, { by: 'istio-system' }, { gateways: '["edge/other"]' }])
    assert.deepEqual(hijack({ strict: true, host, also, gateways, ...free }).codes, [], JSON.stringify(free));
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
