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

const server = (
  hosts: string,
  name = 'gateway',
  namespace = 'edge',
  selector = '{ istio: ingressgateway }',
): string => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: ${selector}, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ${hosts} }] }
`;
const older = (host: string, namespace = 'victim', gateway = 'edge/gateway'): string => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: first, namespace: ${namespace} }
spec: { hosts: ["${host}"], gateways: [${gateway}], http: [{ route: [{ destination: { host: bank.victim.svc.cluster.local } }] }] }
`;
const EDGE = '["edge/gateway"]';

test('a pattern at a gateway protects the names below it, and a name itself from patterns above it', () => {
  const open = server('["*"]');
  for (const [held, host, codes] of [
    ['*.example.com', 'pay.example.com', ['TS-REG-022']],
    ['*.example.com', 'PAY.Example.COM.', ['TS-REG-022']],
    ['*.example.com', '*.pay.example.com', ['TS-REG-022']],
    ['pay.example.com', '*.example.com', ['TS-REG-022']],
    ['pay.example.com', '*', ['TS-REG-022']],
    ['*', 'pay.example.com', ['TS-REG-022']],
    ['pay.example.com', 'pay.example.com.', ['TS-REG-022']],
    ['xn--bcher-kva.example.com', 'XN--bcher-kva.example.com', ['TS-REG-022']],
    ['*.example.com', 'example.com', []],
    ['*.example.com', 'pay.example.org', []],
    ['pay.example.com', 'shop.example.com', []],
  ] as const) {
    const tried = attempt({ strict: true, host, gateways: EDGE, also: open + older(held) });
    assert.deepEqual(
      { codes: tried.codes, mine: tried.mine },
      { codes: [...codes], mine: codes.length === 0 },
      `${held} and then ${host}`,
    );
    assert.deepEqual(
      attempt({ strict: true, host, gateways: EDGE, also: open + older(held), grant: 'attacker' }).codes,
      [],
      `${held} granted, and then ${host}`,
    );
  }
});

test('a rule for every host beside one for some is not warned about', () => {
  for (const [held, host] of [
    ['*', 'pay.example.com'],
    ['pay.example.com', '*'],
  ] as const)
    assert.deepEqual(attempt({ host, gateways: EDGE, also: older(held) }).codes, []);
  assert.deepEqual(attempt({ host: 'pay.example.com', gateways: EDGE, also: older('*.example.com') }).codes, [
    'TS-REG-021',
  ]);
});

test('a Gateway of one’s own for the same workload is no way around another’s host', () => {
  const host = 'pay.example.com';
  const tried = (selector: string, hosts = '["*"]'): readonly string[] =>
    attempt({
      strict: true,
      host,
      gateways: '["attacker/own"]',
      also: server('["*"]') + server(hosts, 'own', 'attacker', selector) + older(host),
    }).codes;
  assert.deepEqual(tried('{ istio: ingressgateway }'), ['TS-REG-022']);
  assert.deepEqual(tried('{ app: gateway }'), ['TS-REG-022']);
  assert.deepEqual(tried('{ istio: ingressgateway, app: gateway }'), ['TS-REG-022']);
  assert.deepEqual(tried('{ istio: own }'), [], 'another workload');
  const namesakes = ['edge', 'attacker']
    .map((namespace) => server('["*"]', 'gateway', namespace, '{ gateway.networking.k8s.io/gateway-name: one }'))
    .join('');
  assert.deepEqual(
    attempt({ strict: true, host, gateways: '["attacker/gateway"]', also: namesakes + older(host) }).codes,
    [],
    'the Gateway API names what is in the own namespace',
  );
});

test('what the servers of a Gateway do not give to a namespace, that namespace does not hold there', () => {
  const tried = (hosts: string, held: string, host: string): readonly string[] =>
    attempt({ strict: true, host, gateways: EDGE, also: server(hosts) + older(held) }).codes;
  assert.deepEqual(tried('["attacker/pay.example.com"]', 'pay.example.com', 'pay.example.com'), []);
  assert.deepEqual(tried('["victim/*"]', 'pay.example.com', 'pay.example.com'), []);
  assert.deepEqual(tried('["*/*"]', 'pay.example.com', 'pay.example.com'), ['TS-REG-022']);
  // A pattern takes what the servers leave of it.
  assert.deepEqual(tried('["pay.example.com"]', 'pay.example.com', '*'), ['TS-REG-022']);
  assert.deepEqual(tried('["pay.example.com", "shop.example.com"]', 'pay.example.com', 'shop.example.com'), []);
});

test('what was one’s own first stays so, and what is held back protects nothing', () => {
  const host = 'pay.example.com';
  const own = older(host, 'attacker').replace('name: first', 'name: own');
  assert.deepEqual(attempt({ strict: true, host, gateways: EDGE, also: own }).codes, []);
  const wide = older('*.example.com', 'other').replace('name: first', 'name: wide');
  const between = older('*.example.com') + wide + own;
  assert.deepEqual(
    attempt({ strict: true, host, gateways: EDGE, also: between, grant: 'attacker' }).codes,
    ['TS-REG-022'],
    'the other namespace’s alone',
  );
});

test('in the mesh a pattern that is one namespace’s protects the names below it', () => {
  const outside = entry('victim', '*.outside.example').replace('resolution: STATIC', 'resolution: NONE');
  const also = outside.replace(/, endpoints: .*\}\]/, '');
  const host = 'api.outside.example';
  assert.deepEqual(hijack({ host, also }), { codes: ['TS-REG-008'], inForce: true });
  assert.deepEqual(hijack({ strict: true, host, also }), { codes: ['TS-REG-009'], inForce: false });
  assert.deepEqual(hijack({ strict: true, host, also, by: 'victim' }), { codes: [], inForce: true });
  assert.deepEqual(hijack({ strict: true, host: 'outside.example', also }).codes, []);
  const both = also + entry('attacker', host);
  for (const by of ['attacker', 'victim'])
    assert.deepEqual(attempt({ strict: true, host, also: both, by }).exportTo, ['.'], by);
});

test('the root’s dot and the case of a name make no other name of it', () => {
  for (const host of ['bank.victim.svc.cluster.local.', 'BANK.victim.svc.Cluster.Local'])
    assert.deepEqual(hijack({ strict: true, host }).codes, ['TS-REG-009'], host);
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
