// Whom an object is for is whoever gets something of it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ConfigObject, type ConfigView, parseText, viewOf } from '#config';
import { messageLimitsOf } from './message-limits.ts';
import {
  authorizationPoliciesOf,
  gatewaysOf,
  type ProxyIdentity,
  requestAuthenticationsOf,
  sidecarOf,
} from './policies.ts';
import { rateLimitsOf } from './rate-limits.ts';
import { isReached, reachOf } from './reach.ts';
import { telemetriesOf } from './telemetry.ts';
import { wasmPluginsOf } from './wasm-plugins.ts';

const ROOT = 'istio-system';
const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';
const GATEWAY_CLASS = 'gateway.networking.k8s.io/gateway-class-name';

interface Named extends ProxyIdentity {
  readonly name: string;
  readonly type: string;
}
const proxy = (name: string, namespace: string, labels: Record<string, string>, type = 'sidecar'): Named => ({
  name,
  namespace,
  labels,
  type,
});
const PROXIES = [
  proxy('a1', 'a', { app: 'web', version: 'v1' }),
  proxy('a2', 'a', { app: 'web', version: 'v2' }),
  proxy('a3', 'a', { app: 'db' }),
  proxy('b1', 'b', { app: 'web' }),
  proxy('r1', ROOT, { app: 'web' }),
  proxy('gw', 'a', { app: 'web', [GATEWAY_NAME]: 'edge', [GATEWAY_CLASS]: 'istio' }, 'router'),
  proxy('ingress', ROOT, { istio: 'ingressgateway', [GATEWAY_NAME]: 'edge' }, 'router'),
];

const GROUPS: Readonly<Record<string, string>> = {
  AuthorizationPolicy: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
  Telemetry: 'telemetry.istio.io/v1',
  WasmPlugin: 'extensions.istio.io/v1alpha1',
  RateLimit: 'topsail.io/v1alpha1',
  MessageLimits: 'topsail.io/v1alpha1',
};
/** What else a spec of the kind needs. */
const MORE: Readonly<Record<string, object>> = {
  WasmPlugin: { url: 'file:///a.wasm' },
  RateLimit: { rules: [{ name: 'r', limit: { requests: 1, per: 'MINUTE' } }] },
  MessageLimits: { request: { headers: { maxKiB: 8 } } },
};

function read(kind: string, namespace: string, spec: object): { view: ConfigView; object: ConfigObject } {
  const text = JSON.stringify({
    apiVersion: GROUPS[kind] ?? 'networking.istio.io/v1',
    kind,
    metadata: { name: 'o', namespace },
    spec: { ...MORE[kind], ...spec },
  });
  const documents = parseText('t.yaml', text, { defaultNamespace: namespace, createdMs: 1 });
  const errors = documents.flatMap(({ complaints }) => complaints.filter(({ severity }) => severity === 'error'));
  assert.deepEqual(errors, []);
  const view = viewOf(documents.flatMap(({ object }) => object ?? []));
  return { view, object: [...view.all()][0] as ConfigObject };
}

function reached(kind: string, namespace: string, spec: object): string {
  const { object } = read(kind, namespace, spec);
  return PROXIES.filter((one) => isReached(reachOf(object, ROOT), one))
    .map(({ name }) => name)
    .join(' ');
}

const app = (name: string): object => ({ selector: { matchLabels: { app: name } } });
const target = (kind: string, name: string, group = 'gateway.networking.k8s.io'): object => ({
  targetRefs: [{ group, kind, name }],
});

describe('an object is for', () => {
  const POLICIES = ['AuthorizationPolicy', 'RequestAuthentication', 'WasmPlugin', 'RateLimit'];
  const LEVELS = ['Telemetry', 'MessageLimits'];
  it('the workloads of its namespace that it selects', () => {
    for (const kind of [...POLICIES, ...LEVELS, 'PeerAuthentication'])
      assert.equal(reached(kind, 'a', app('web')), 'a1 a2 gw', kind);
  });
  it('its whole namespace without a selector, and the mesh in the root namespace', () => {
    for (const kind of [...POLICIES, ...LEVELS, 'PeerAuthentication']) {
      assert.equal(reached(kind, 'a', {}), 'a1 a2 a3 gw', kind);
      assert.equal(reached(kind, ROOT, {}), 'a1 a2 a3 b1 r1 gw ingress', kind);
    }
  });
  it('workloads of the whole mesh, or of the root namespace only, where the root namespace selects: as the kind has it', () => {
    for (const kind of POLICIES) assert.equal(reached(kind, ROOT, app('web')), 'a1 a2 b1 r1 gw', kind);
    for (const kind of [...LEVELS, 'PeerAuthentication']) assert.equal(reached(kind, ROOT, app('web')), 'r1', kind);
  });
  it('the gateways that it targets, and nobody where it targets a service', () => {
    for (const kind of [...POLICIES, ...LEVELS]) {
      assert.equal(reached(kind, 'a', target('Gateway', 'edge')), 'gw', kind);
      assert.equal(reached(kind, 'a', target('Service', 'web', '')), '', kind);
    }
    assert.equal(reached('AuthorizationPolicy', ROOT, target('GatewayClass', 'istio')), 'gw');
    assert.equal(reached('AuthorizationPolicy', 'a', target('GatewayClass', 'istio')), '');
  });
  it('sidecars or gateways alone, where the kind is for them', () => {
    assert.equal(reached('Sidecar', 'a', { egress: [{ hosts: ['./*'] }] }), 'a1 a2 a3');
    assert.equal(
      reached('Sidecar', 'a', { workloadSelector: { labels: { app: 'web' } }, egress: [{ hosts: ['./*'] }] }),
      'a1 a2',
    );
    const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
    assert.equal(reached('Gateway', 'b', { selector: { istio: 'ingressgateway' }, servers }), 'ingress');
    assert.equal(reached('Gateway', 'a', { selector: { [GATEWAY_NAME]: 'edge' }, servers }), 'gw');
  });
  it('gateways of every namespace, where it is a Secret: one may be granted it', () => {
    const secret = { kind: 'Secret', metadata: { name: 'o', namespace: 'b' } } as unknown as ConfigObject;
    const names = PROXIES.filter((one) => isReached(reachOf(secret, ROOT), one)).map(({ name }) => name);
    assert.deepEqual(names, ['gw', 'ingress']);
  });
  it('clients of the whole mesh, unless a DestinationRule chooses them', () => {
    assert.equal(reached('DestinationRule', 'a', { host: 'db' }).split(' ').length, PROXIES.length);
    const chosen = { host: 'db', workloadSelector: { matchLabels: { version: 'v1' } } };
    assert.equal(reached('DestinationRule', 'a', chosen), 'a1');
    assert.equal(
      reached('VirtualService', 'a', { hosts: ['db'], http: [{ route: [{ destination: { host: 'db' } }] }] }).split(' ')
        .length,
      PROXIES.length,
    );
  });
});

it('whoever gets something of an object is reached by it', () => {
  type Of = (view: ConfigView, proxy: ProxyIdentity, rootNamespace: string) => readonly ConfigObject[];
  const given: Readonly<Record<string, Of>> = {
    AuthorizationPolicy: authorizationPoliciesOf,
    RequestAuthentication: requestAuthenticationsOf,
    WasmPlugin: wasmPluginsOf,
    RateLimit: rateLimitsOf,
    Telemetry: telemetriesOf,
    MessageLimits: messageLimitsOf,
  };
  const specs = [{}, app('web'), app('db'), target('Gateway', 'edge'), target('GatewayClass', 'istio')];
  for (const [kind, of] of Object.entries(given))
    for (const namespace of ['a', 'b', ROOT])
      for (const spec of specs) {
        const { view, object } = read(kind, namespace, spec);
        for (const one of PROXIES)
          assert.equal(
            isReached(reachOf(object, ROOT), one),
            of(view, one, ROOT).length > 0,
            `${kind} of ${namespace} ${JSON.stringify(spec)} and ${one.name}`,
          );
      }
  for (const namespace of ['a', ROOT])
    for (const more of [{}, { workloadSelector: { labels: { app: 'web' } } }]) {
      const { view, object } = read('Sidecar', namespace, { ...more, egress: [{ hosts: ['./*'] }] });
      for (const one of PROXIES.filter(({ type }) => type === 'sidecar'))
        assert.equal(isReached(reachOf(object, ROOT), one), sidecarOf(view, one, ROOT) !== undefined);
    }
  const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
  for (const selector of [{ istio: 'ingressgateway' }, { [GATEWAY_NAME]: 'edge' }]) {
    const { view, object } = read('Gateway', 'a', { selector, servers });
    for (const one of PROXIES.filter(({ type }) => type === 'router'))
      assert.equal(isReached(reachOf(object, ROOT), one), gatewaysOf(view, one).length > 0);
  }
});
