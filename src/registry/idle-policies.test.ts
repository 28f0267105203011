import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, viewOf } from '#config';
import { idlePolicies } from './idle-policies.ts';
import type { ProxyIdentity } from './policies.ts';

const REVIEWS: ProxyIdentity = { namespace: 'shop', labels: { app: 'reviews', version: 'v1' } };
const EDGE: ProxyIdentity = {
  namespace: 'shop',
  labels: { 'gateway.networking.k8s.io/gateway-name': 'edge', istio: 'edge' },
};

function limit(more: string, { namespace = 'shop', by = '' } = {}): string {
  return `apiVersion: topsail.io/v1alpha1\nkind: RateLimit\nmetadata: { name: l, namespace: ${namespace} }\nspec: { ${more}rules: [{ name: r, ${by}limit: { requests: 1, per: MINUTE } }] }\n`;
}
function security(kind: string, spec: string, namespace = 'shop'): string {
  return `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: p, namespace: ${namespace} }\nspec: ${spec}\n`;
}
const gateway = (name: string): string =>
  `targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: ${name} }], `;
const app = (name: string): string => `selector: { matchLabels: { app: ${name} } }, `;

function told(texts: string | readonly string[], running: readonly ProxyIdentity[] = [REVIEWS, EDGE]): string[] {
  const documents = parseText('t.yaml', [texts].flat().join('---\n'), { defaultNamespace: 'shop', createdMs: 1 });
  const errors = documents.flatMap(({ complaints }) => complaints.filter(({ severity }) => severity === 'error'));
  assert.deepEqual(errors, []);
  return idlePolicies(viewOf(documents.flatMap(({ object }) => object ?? [])), running, 'istio-system').map(
    (one) => `${one.code} ${one.severity} ${one.object} ${one.path}: ${one.message}`,
  );
}

describe('a selector', () => {
  it('that no workload has is told, with the nearest label', () => {
    const nowhere = (object: string): string =>
      `TS-REG-026 warning ${object} spec.selector.matchLabels: no workload or gateway of namespace shop has the labels app=revievs: it is in force nowhere. Did you mean \`app=reviews\`?`;
    assert.deepEqual(told(limit(app('revievs'))), [nowhere('RateLimit shop/l')]);
    const policy = security('AuthorizationPolicy', `{ ${app('revievs')}rules: [{}] }`);
    assert.deepEqual(told(policy), [nowhere('AuthorizationPolicy shop/p')]);
  });
  it('that fits a workload, a gateway, or in the root namespace anybody, is not', () => {
    assert.deepEqual(told(limit(app('reviews'))), []);
    assert.deepEqual(told(limit('selector: { matchLabels: { istio: edge } }, ')), []);
    assert.deepEqual(told(limit(app('reviews'), { namespace: 'istio-system' })), []);
  });
  it('that fits only workloads of another namespace is told with it', () => {
    const [line = ''] = told(limit(app('reviews'), { namespace: 'other' }));
    assert.match(line, /of namespace other has the labels app=reviews, though one of namespace shop has: /);
    assert.doesNotMatch(line, /Did you mean/);
  });
  it('whose labels are there, but on no one workload together, is told without a guess', () => {
    const both = 'selector: { matchLabels: { app: reviews, istio: edge } }, ';
    assert.match(told(limit(both)).join('\n'), /has the labels app=reviews, istio=edge: it is in force nowhere$/);
  });
  it('is not told of while nobody runs, and no longer once its workload does', () => {
    assert.deepEqual(told(limit(app('details')), []), []);
    assert.equal(told(limit(app('details'))).length, 1);
    assert.deepEqual(told(limit(app('details')), [REVIEWS, { namespace: 'shop', labels: { app: 'details' } }]), []);
  });
  it('that is absent or empty means all, and is in force for those who come', () => {
    const later: ProxyIdentity = { namespace: 'elsewhere', labels: {} };
    assert.deepEqual(told(limit(''), [later]), []);
    assert.deepEqual(told(limit('selector: { matchLabels: {} }, '), [later]), []);
    assert.deepEqual(told(limit('', { namespace: 'istio-system' }), [later]), []);
  });
});

describe('a selector of any kind', () => {
  const spec = (apiVersion: string, kind: string, text: string, namespace = 'shop'): string =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: o, namespace: ${namespace} }\nspec: { ${text} }\n`;
  const servers = 'servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]';
  type Written = readonly [kind: string, path: string, who: string, effect: string, write: (app: string) => string];
  const kinds: readonly Written[] = [
    ...(
      [
        ['security.istio.io/v1', 'PeerAuthentication', 'mtls: { mode: STRICT }'],
        ['security.istio.io/v1', 'RequestAuthentication', 'jwtRules: [{ issuer: i, jwks: "{\\"keys\\":[]}" }]'],
        ['telemetry.istio.io/v1', 'Telemetry', 'tracing: [{ randomSamplingPercentage: 1 }]'],
        ['extensions.istio.io/v1alpha1', 'WasmPlugin', 'url: "file:///a.wasm"'],
        ['topsail.io/v1alpha1', 'MessageLimits', 'request: { headers: { maxKiB: 8 } }'],
      ] as const
    ).map(
      ([api, kind, more]): Written => [
        kind,
        'spec.selector.matchLabels',
        'workload or gateway of namespace shop',
        'it is in force nowhere',
        (name: string) => spec(api, kind, app(name) + more),
      ],
    ),
    [
      'Sidecar',
      'spec.workloadSelector.labels',
      'workload of namespace shop',
      'it is in force nowhere',
      (name) =>
        spec(
          'networking.istio.io/v1',
          'Sidecar',
          `workloadSelector: { labels: { app: ${name} } }, egress: [{ hosts: ["./*"] }]`,
        ),
    ],
    [
      'DestinationRule',
      'spec.workloadSelector.matchLabels',
      'workload or gateway of namespace shop',
      'it is in force nowhere',
      (name) =>
        spec(
          'networking.istio.io/v1',
          'DestinationRule',
          `host: a, workloadSelector: { matchLabels: { app: ${name} } }`,
        ),
    ],
    [
      'Gateway',
      'spec.selector',
      'gateway of the mesh',
      'it is in force nowhere',
      (name) => spec('networking.istio.io/v1', 'Gateway', `selector: { app: ${name} }, ${servers}`),
    ],
    [
      'ServiceEntry',
      'spec.workloadSelector.labels',
      'workload of namespace shop',
      'its hosts have no endpoints',
      (name) =>
        spec(
          'networking.istio.io/v1',
          'ServiceEntry',
          `hosts: [vm.example], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, workloadSelector: { labels: { app: ${name} } }`,
        ),
    ],
  ];
  for (const [kind, path, who, effect, write] of kinds)
    it(`is told of: ${kind}`, () => {
      assert.deepEqual(told(write('revievs')), [
        `TS-REG-026 warning ${kind} shop/o ${path}: no ${who} has the labels app=revievs: ${effect}. Did you mean \`app=reviews\`?`,
      ]);
      assert.deepEqual(told(write('reviews')), []);
      assert.deepEqual(told(write('revievs'), []), [], 'the mesh only starts');
    });
  it('in the root namespace is for its own workloads where the kind has it so', () => {
    const strict = (namespace: string): string =>
      spec('security.istio.io/v1', 'PeerAuthentication', `${app('reviews')}mtls: { mode: STRICT }`, namespace);
    assert.match(
      told(strict('istio-system')).join('\n'),
      /no workload or gateway of namespace istio-system has the labels app=reviews, though one of namespace shop has:/,
    );
    const telemetry = spec('telemetry.istio.io/v1', 'Telemetry', `${app('reviews')}tracing: []`, 'istio-system');
    assert.equal(told(telemetry).length, 1);
    const tokens = security('RequestAuthentication', `{ ${app('reviews')} }`, 'istio-system');
    assert.deepEqual(told(tokens), []);
  });
  it('of a Gateway that was made of one of the Gateway API is not told of', () => {
    const made = `selector: { gateway.networking.k8s.io/gateway-name: later }, ${servers}`;
    assert.deepEqual(told(spec('networking.istio.io/v1', 'Gateway', made)), []);
  });
});

describe('a target', () => {
  it('of any kind that has them is told', () => {
    const tokens = security('RequestAuthentication', `{ ${gateway('egde')}jwtRules: [] }`);
    assert.match(told(tokens).join('\n'), /^TS-REG-025 error RequestAuthentication shop\/p .*Did you mean `edge`\?$/);
  });
  it('that is no Gateway is told, with the nearest name', () => {
    assert.deepEqual(told(limit(gateway('egde'))), [
      'TS-REG-025 error RateLimit shop/l spec.targetRefs[0].name: there is no Gateway shop/egde of the Gateway API: for this target it is in force nowhere. Did you mean `edge`?',
    ]);
    assert.deepEqual(told(limit(gateway('edge'))), []);
    assert.match(told(limit(gateway('edge'), { namespace: 'other' })).join(''), /no Gateway other\/edge/);
  });
  it('that is a Gateway whose pods do not run yet is not', () => {
    const made =
      'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: g, namespace: shop }\nspec: { selector: { gateway.networking.k8s.io/gateway-name: edge }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }\n';
    assert.deepEqual(told([limit(gateway('edge')), made], [REVIEWS]), []);
  });
});

describe('a rule by a claim', () => {
  const by = 'by: [{ attribute: METHOD }, { claim: sub }], ';
  const tokens = (spec: string, namespace = 'shop'): string => security('RequestAuthentication', spec, namespace);
  const rules = 'jwtRules: [{ issuer: i, jwks: "{\\"keys\\":[]}" }]';
  it('is told where no RequestAuthentication applies', () => {
    const lines = [
      'TS-REG-027 warning RateLimit shop/l spec.rules[0].by[1].claim: no RequestAuthentication applies where rule r counts by the claim sub: no token is verified there, and all callers share one bucket',
    ];
    assert.deepEqual(told(limit(app('reviews'), { by })), lines);
    assert.deepEqual(told(limit('', { by })), lines);
    const details: ProxyIdentity = { namespace: 'shop', labels: { app: 'details' } };
    assert.deepEqual(
      told([limit(app('reviews'), { by }), tokens(`{ ${app('details')}${rules} }`)], [REVIEWS, details]),
      lines,
    );
    assert.deepEqual(told([limit(app('reviews'), { by }), tokens('{}')]), lines, 'one without rules verifies nothing');
  });
  it('is fine where one applies to some of those that it limits', () => {
    assert.deepEqual(told([limit('', { by }), tokens(`{ ${app('reviews')}${rules} }`)]), []);
    assert.deepEqual(told([limit(app('reviews'), { by }), tokens(`{ ${rules} }`, 'istio-system')]), []);
  });
  it('of a limit that is in force nowhere says only that', () => {
    assert.deepEqual(
      told(limit(app('revievs'), { by })).map((line) => line.slice(0, 10)),
      ['TS-REG-026'],
    );
  });
});

describe('the selector of a Service', () => {
  const service = (more: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: s, namespace: shop }\nspec: { ports: [{ port: 80 }], ${more} }\n`;
  it('that nobody has is told with the nearest label, in a folder', () => {
    assert.deepEqual(told(service('selector: { app: revievs }')), [
      'TS-REG-026 warning Service shop/s spec.selector: no workload or gateway of namespace shop has the labels app=revievs: the service has no endpoints. Did you mean `app=reviews`?',
    ]);
    assert.deepEqual(told(service('selector: { app: reviews }')), []);
    assert.deepEqual(told(service('selector: { app: revievs }'), []), [], 'the mesh only starts');
  });
  it('is not told of where its endpoints do not come of it, nor in a cluster, where scaling to zero is usual', () => {
    assert.deepEqual(told(service('type: ExternalName, externalName: a.example, selector: { app: x }')), []);
    assert.deepEqual(told(service('selector: {}')), []);
    const listed =
      'apiVersion: v1\nkind: Endpoints\nmetadata: { name: s, namespace: shop }\nsubsets: [{ addresses: [{ ip: 10.0.0.1 }], ports: [{ port: 80 }] }]\n';
    assert.deepEqual(told([service('selector: { app: x }'), listed]), []);
    const [document] = parseText('', service('selector: { app: x }'), { defaultNamespace: 'shop', createdMs: 1 });
    assert.ok(document?.object);
    assert.deepEqual(idlePolicies(viewOf([document.object]), [REVIEWS], 'istio-system'), []);
  });
});
