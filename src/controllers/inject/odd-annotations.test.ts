// Whoever may create a pod writes its annotations: none of them costs the control plane more than its length, or becomes something else than it is.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { INJECTOR_CONFIG as config } from './injector-config.testing.ts';
import { reviewInjection } from './review-injection.ts';

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

function review(annotations: Record<string, string>): {
  readonly refused: string;
  readonly warnings: readonly string[];
  readonly patch: readonly Operation[];
} {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web' }, annotations },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  };
  const { response } = reviewInjection(
    { request: { uid: '1', namespace: 'shop', object: pod } },
    { config, mesh: { trustDomain: 'cluster.local' } },
  );
  return {
    refused: response.status?.message ?? '',
    warnings: response.warnings ?? [],
    patch:
      response.patch === undefined
        ? []
        : (JSON.parse(Buffer.from(response.patch, 'base64').toString()) as readonly Operation[]),
  };
}

/** Ten lists, each ten times the one before. */
const bomb = (levels: number): string =>
  Array.from({ length: levels }, (_, i) =>
    i === 0
      ? 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
      : `a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`,
  ).join('\n');

describe('annotations of a pod', () => {
  it('with aliases that multiply are refused', () => {
    for (const levels of [5, 9, 12]) {
      const { refused, patch } = review({ 'proxy.istio.io/config': bomb(levels) });
      assert.match(refused, /proxy\.istio\.io\/config.*values/, String(levels));
      assert.deepEqual(patch, []);
    }
    assert.equal(review({ 'proxy.istio.io/config': 'a: &a { b: 1 }\nproxyMetadata: { X: y }\nc: *a' }).refused, '');
  });

  it('that are nested without end, or refer to themselves, are refused', () => {
    const deep = 100_000;
    for (const text of [`a: ${'['.repeat(deep)}${']'.repeat(deep)}`, 'a: &a [*a]', 'a: &a { b: *a }'])
      assert.match(review({ 'proxy.istio.io/config': text }).refused, /proxy\.istio\.io\/config/, text.slice(0, 30));
    assert.match(
      review({ 'sidecar.istio.io/userVolume': `${'['.repeat(deep)}${']'.repeat(deep)}` }).refused,
      /userVolume/,
    );
  });

  it('that the control plane reads for this proxy are judged as MeshConfig is', () => {
    const wrong = review({ 'proxy.istio.io/config': 'gatewayTopology: { numTrustedProxies: many }' });
    assert.match(wrong.refused, /proxy\.istio\.io\/config\]: gatewayTopology\.numTrustedProxies: .*whole number/);
    const nobody = review({ 'proxy.istio.io/config': 'gatewayTopology: { forwardClientCertDetails: SANITISE }' });
    assert.match(nobody.refused, /Did you mean `SANITIZE`/);
    const good = review({ 'proxy.istio.io/config': 'gatewayTopology: { numTrustedProxies: 2 }\nconcurrency: 2' });
    assert.deepEqual([good.refused, good.warnings], ['', []]);
  });

  it('that have no effect are named with their path', () => {
    const { refused, warnings } = review({ 'proxy.istio.io/config': 'statsCompression: false\ngatewayTopolgy: {}' });
    assert.equal(refused, '');
    assert.equal(warnings.length, 2);
    assert.match(warnings.join(), /statsCompression: .*no effect[^]*gatewayTopolgy: .*`gatewayTopology`/);
  });

  it('never name what every object has', () => {
    const text =
      '__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }\nproxyMetadata: { __proto__: { polluted: x } }';
    review({ 'proxy.istio.io/config': text });
    review({ 'sidecar.istio.io/userVolume': '{"__proto__": {"polluted": 1}}' });
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('stay one value each, whatever they hold', () => {
    const keys = [
      'sidecar.istio.io/proxyImage',
      'sidecar.istio.io/logLevel',
      'sidecar.istio.io/discoveryAddress',
      'sidecar.istio.io/interceptionMode',
      'sidecar.istio.io/proxyCPU',
      'sidecar.istio.io/userVolume',
      'sidecar.istio.io/userVolumeMount',
      'sidecar.istio.io/statsInclusionPrefixes',
      'status.sidecar.istio.io/port',
      'inject.istio.io/templates',
      'proxy.istio.io/config',
      'proxy.istio.io/overrides',
      'traffic.sidecar.istio.io/includeInboundPorts',
      'traffic.sidecar.istio.io/excludeOutboundIPRanges',
      'prometheus.io/port',
      'topsail.io/data-plane',
    ];
    const odd = fc.oneof(
      fc.constantFrom(
        'x\nspec:\n  hostNetwork: true',
        'a\u0000b',
        '15020\n- 22',
        '*/*',
        '../../etc/passwd',
        '{{ .Values }}',
        '$(rm -rf /)',
        '-',
        '[]',
        '{}',
        'null',
        '!!js/function x',
        '&a *a',
        'x'.repeat(200_000),
      ),
      fc.string({ unit: 'binary', maxLength: 200 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...keys), odd, (key, value) => {
        const { refused, patch } = review({ [key]: value });
        assert.ok(refused.length < 2000, `${key}: a refusal of ${refused.length} characters`);
        for (const { path } of patch)
          assert.match(
            path,
            /^\/(?:metadata\/(?:labels|annotations)|spec\/(?:initContainers|containers|volumes|securityContext|imagePullSecrets|dnsConfig))(?:$|\/)/,
          );
        const containers = patch
          .filter(({ path }) => path.startsWith('/spec/'))
          .map(({ value: one }) => JSON.stringify(one));
        assert.ok(
          containers.every((text) => !/"(?:hostNetwork|hostPID)":true/.test(text)),
          key,
        );
      }),
    );
  });
});
