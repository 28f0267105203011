import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Container, Pod } from '../kube/pod.ts';
import { planOfAnnotations } from './capture-plan.ts';
import { decideInjection } from './decide.ts';
import { injectPod } from './inject-pod.ts';
import { INJECTOR_CONFIG as config } from './injector-config.testing.ts';
import type { InjectorConfig } from './injector-config.ts';
import { jsonPatch, type PatchOperation } from './json-patch.ts';
import { reviewInjection } from './review-injection.ts';

function pod(
  annotations: Record<string, string> = {},
  spec: Partial<Pod['spec']> = {},
  labels: Record<string, string> = { app: 'web' },
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: 'web-7d4-',
      labels,
      annotations,
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web-7d4', controller: true }],
    },
    spec: {
      containers: [
        {
          name: 'app',
          image: 'app',
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
        },
      ],
      ...spec,
    },
  };
}

function inject(given: Pod, over: Partial<InjectorConfig> = {}): Pod {
  const result = injectPod({
    pod: given,
    namespace: 'shop',
    config: { ...config, ...over },
    mesh: { trustDomain: 'cluster.local' },
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.pod;
}

function refusal(given: Pod, over: Partial<InjectorConfig> = {}): string {
  const result = injectPod({ pod: given, namespace: 'shop', config: { ...config, ...over }, mesh: {} });
  return result.ok ? 'injected' : result.refusals.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

describe('an injected pod', () => {
  it('has the capture first, then the proxy as a restartable init container, then its own', () => {
    const { spec } = inject(pod({}, { initContainers: [{ name: 'migrate', image: 'm' }] }));
    assert.deepEqual(
      spec.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
      [
        ['istio-init', undefined],
        ['istio-proxy', 'Always'],
        ['migrate', undefined],
      ],
    );
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ['app'],
    );
  });

  it('has the proxy as a container where native sidecars are off, first when the application is held', () => {
    const after = inject(pod({ 'sidecar.istio.io/nativeSidecar': 'false' }));
    assert.deepEqual(
      after.spec.containers.map(({ name }) => name),
      ['app', 'istio-proxy'],
    );
    const held = inject(
      pod({
        'sidecar.istio.io/nativeSidecar': 'false',
        'proxy.istio.io/config': 'holdApplicationUntilProxyStarts: true',
      }),
    );
    assert.deepEqual(
      held.spec.containers.map(({ name }) => name),
      ['istio-proxy', 'app'],
    );
    assert.deepEqual(held.spec.containers[0]?.lifecycle?.postStart?.exec?.command.slice(-2), ['agent', 'wait']);
  });

  it('has the proxy serve on for a while where it is told to end together with the application', () => {
    const waits = (annotations: Readonly<Record<string, string>>): string | undefined => {
      const { containers, initContainers = [] } = inject(pod(annotations)).spec;
      const proxy = [...containers, ...initContainers].find(({ name }) => name === 'istio-proxy');
      return proxy?.env?.find(({ name }) => name === 'MINIMUM_DRAIN_DURATION')?.value;
    };
    const classic = { 'sidecar.istio.io/nativeSidecar': 'false' };
    assert.equal(waits({}), undefined);
    assert.equal(waits(classic), '5s');
    const own = { 'proxy.istio.io/config': '{proxyMetadata: {MINIMUM_DRAIN_DURATION: 1s}}' };
    assert.equal(waits({ ...classic, ...own }), '1s');
  });

  it('gives the proxy no capability and no root', () => {
    const proxy = inject(pod()).spec.initContainers?.find(({ name }) => name === 'istio-proxy');
    assert.deepEqual(proxy?.securityContext, {
      runAsUser: 1337,
      runAsGroup: 1337,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('asks the application through the agent', () => {
    const { spec } = inject(pod());
    assert.deepEqual(spec.containers[0]?.readinessProbe, {
      periodSeconds: 5,
      httpGet: { path: '/app-health/app/readyz', port: 15020, scheme: 'HTTP' },
    });
    const env = spec.initContainers?.[1]?.env?.find(({ name }) => name === 'ISTIO_KUBE_APP_PROBERS');
    assert.deepEqual(JSON.parse(env?.value ?? ''), {
      '/app-health/app/readyz': { httpGet: { path: '/ready', port: 8080 } },
    });
  });

  it('has its hooks called through the agent, which gives them the time that the pod has to end', () => {
    const hooked = (lifecycle: object, grace?: number) => {
      const given = pod();
      const [app, ...others] = given.spec.containers;
      const containers = [{ ...(app as Container), lifecycle }, ...others];
      const more = grace === undefined ? {} : { terminationGracePeriodSeconds: grace };
      const { spec } = inject({ ...given, spec: { ...given.spec, ...more, containers } });
      const env = spec.initContainers?.[1]?.env?.find(({ name }) => name === 'ISTIO_KUBE_APP_PROBERS');
      return { lifecycle: spec.containers[0]?.lifecycle, probers: JSON.parse(env?.value ?? '{}') as object };
    };
    const get = { path: '/leave', port: 'http' };
    const { lifecycle, probers } = hooked({ preStop: { httpGet: get }, postStart: { tcpSocket: { port: 8080 } } });
    assert.deepEqual(lifecycle, {
      preStop: { httpGet: { path: '/app-lifecycle/app/prestopz', port: 15020, scheme: 'HTTP' } },
      postStart: { httpGet: { path: '/app-lifecycle/app/poststartz', port: 15020, scheme: 'HTTP' } },
    });
    assert.deepEqual(probers, {
      '/app-health/app/readyz': { httpGet: { path: '/ready', port: 8080 } },
      '/app-lifecycle/app/prestopz': { httpGet: { path: '/leave', port: 8080 }, timeoutSeconds: 30 },
      '/app-lifecycle/app/poststartz': { tcpSocket: { port: 8080 }, timeoutSeconds: 30 },
    });
    const kept = { preStop: { exec: { command: ['leave'] } }, postStart: { sleep: { seconds: 1 } } };
    assert.deepEqual(hooked(kept, 90).lifecycle, kept);
    assert.deepEqual(Object.values(hooked({ preStop: { httpGet: get } }, 90).probers)[1], {
      httpGet: { path: '/leave', port: 8080 },
      timeoutSeconds: 90,
    });
  });

  it('keeps its probes when told so', () => {
    const { spec } = inject(pod({ 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' }));
    assert.deepEqual(spec.containers[0]?.readinessProbe?.httpGet, { path: '/ready', port: 'http' });
  });

  it('says what was added, and keeps what the user labelled', () => {
    const { metadata } = inject(pod({}, {}, { app: 'web', version: 'v2', 'service.istio.io/canonical-name': 'own' }));
    assert.equal(metadata.labels?.['service.istio.io/canonical-name'], 'own');
    assert.equal(metadata.labels?.['service.istio.io/canonical-revision'], 'v2');
    assert.deepEqual(JSON.parse(metadata.annotations?.['sidecar.istio.io/status'] ?? '').initContainers, [
      'istio-init',
      'istio-proxy',
    ]);
  });

  it('tells the agent where the application shows its metrics, unless they are not to be merged', () => {
    const own = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9000', 'prometheus.io/path': '/m' };
    const told = (given: Record<string, string>): string | undefined =>
      [...(inject(pod(given)).spec.initContainers ?? []), ...inject(pod(given)).spec.containers]
        .find(({ name }) => name === 'istio-proxy')
        ?.env?.find(({ name }) => name === 'ISTIO_PROMETHEUS_ANNOTATIONS')?.value;
    assert.deepEqual(JSON.parse(told(own) ?? ''), { scrape: 'true', path: '/m', port: '9000' });
    assert.equal(inject(pod(own)).metadata.annotations?.['prometheus.io/port'], '15020');
    assert.equal(told({ ...own, 'prometheus.istio.io/merge-metrics': 'false' }), undefined);
    assert.equal(told({}), undefined);
  });
  it('is told of another authority beside the control plane', () => {
    const told = (over: Partial<InjectorConfig['proxy']>): readonly (string | undefined)[] => {
      const env = inject(pod(), { proxy: { ...config.proxy, ...over } }).spec.initContainers?.at(-1)?.env ?? [];
      const value = (name: string): string => env.find((one) => one.name === name)?.value ?? '';
      const { discoveryAddress } = JSON.parse(value('PROXY_CONFIG')) as { discoveryAddress: string };
      return [value('CA_ADDR'), discoveryAddress, value('PILOT_CERT_PROVIDER')];
    };
    const istiod = 'istiod.istio-system.svc:15012';
    const csr = 'cert-manager-istio-csr.cert-manager.svc:443';
    assert.deepEqual(told({}), [istiod, istiod, 'istiod']);
    assert.deepEqual(told({ caAddress: csr, certProvider: 'custom' }), [csr, istiod, 'custom']);
  });

  it('takes resources, log level and readiness from annotations', () => {
    const given = pod({
      'sidecar.istio.io/proxyCPU': '50m',
      'sidecar.istio.io/proxyMemoryLimit': '256Mi',
      'sidecar.istio.io/logLevel': 'debug',
      'readiness.status.sidecar.istio.io/periodSeconds': '3',
    });
    const proxy = inject(given).spec.initContainers?.[1];
    assert.deepEqual(proxy?.resources, { requests: { cpu: '50m' }, limits: { memory: '256Mi' } });
    assert.equal(proxy?.args?.at(-1), 'debug');
    assert.equal(proxy?.readinessProbe?.periodSeconds, 3);
  });

  it('lets a container istio-proxy override image, environment and resources', () => {
    const own = {
      name: 'istio-proxy',
      image: 'auto',
      env: [{ name: 'MINE', value: '1' }],
      resources: { limits: { cpu: '1' } },
    };
    const given = pod({}, { containers: [{ name: 'app', image: 'a' }, own] });
    const proxy = inject(given).spec.initContainers?.[1];
    assert.equal(proxy?.image, 'hub/topsail:1');
    assert.ok(proxy?.env?.some(({ name }) => name === 'MINE'));
    assert.equal(proxy?.resources?.limits?.['cpu'], '1');
    assert.equal(proxy?.resources?.limits?.['memory'], '1024Mi');
  });

  it('has the image with Envoy when it asks for it, and is refused where that cannot be', () => {
    const asking = pod({ 'topsail.io/data-plane': 'envoy' });
    const over = { proxy: { ...config.proxy, envoyImage: 'hub/topsail-envoy:1' } };
    const proxy = inject(asking, over).spec.initContainers?.find(({ name }) => name === 'istio-proxy');
    assert.equal(proxy?.image, 'hub/topsail-envoy:1');
    assert.equal(proxy?.env?.find(({ name }) => name === 'TOPSAIL_DATA_PLANE')?.value, 'envoy');
    assert.match(refusal(asking), /topsail\.io\/data-plane\]: envoy is not possible/);
    assert.match(refusal(pod({ 'topsail.io/data-plane': 'nginx' })), /expected one of topsail, envoy/);
    const dns = { 'proxy.istio.io/config': '{proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}}' };
    assert.match(
      refusal(pod({ 'topsail.io/data-plane': 'envoy', ...dns })),
      /envoy does not answer the pod's DNS: take ISTIO_META_DNS_CAPTURE out/,
    );
  });

  it('has no capture in mode NONE, nor with the CNI plugin', () => {
    assert.deepEqual(
      inject(pod({ 'sidecar.istio.io/interceptionMode': 'NONE' })).spec.initContainers?.map(({ name }) => name),
      ['istio-proxy'],
    );
    assert.deepEqual(
      inject(pod({ 'sidecar.istio.io/interceptionMode': 'NONE', 'topsail.io/capture': 'cni' }), { cni: true }).metadata
        .annotations?.['topsail.io/capture'],
      undefined,
    );
  });
});

describe('a pod whose capture the CNI plugin applies', () => {
  it('has no privileged container, and one that checks the redirection', () => {
    const { spec } = inject(pod(), { cni: true });
    assert.deepEqual(
      spec.initContainers?.map(({ name }) => name),
      ['istio-validation', 'istio-proxy'],
    );
    for (const { securityContext } of spec.initContainers ?? []) {
      assert.equal(securityContext?.runAsUser, 1337);
      assert.deepEqual(securityContext?.capabilities, { drop: ['ALL'] });
    }
  });

  it('tells by annotations what its init container would have applied', () => {
    const cases: Record<string, string>[] = [
      {},
      {
        'traffic.sidecar.istio.io/includeInboundPorts': '80,8080',
        'traffic.sidecar.istio.io/excludeOutboundIPRanges': '10.0.0.0/8,fd00::/8',
        'traffic.sidecar.istio.io/excludeInterfaces': 'eth1',
        'istio.io/reroute-virtual-interfaces': 'tap0',
        'proxy.istio.io/config': 'proxyMetadata: { ISTIO_META_DNS_CAPTURE: "true" }',
      },
      { 'traffic.sidecar.istio.io/includeOutboundIPRanges': '', 'traffic.sidecar.istio.io/includeOutboundPorts': '9' },
    ];
    for (const annotations of cases) {
      const given = inject(pod(annotations)).spec.initContainers?.[0]?.args?.at(-1) ?? '';
      const read = planOfAnnotations(inject(pod(annotations), { cni: true }).metadata.annotations ?? {});
      assert.ok('plan' in read);
      assert.deepEqual(read.plan, JSON.parse(given));
    }
  });

  it('is not captured by annotations that nobody could have written', () => {
    const broken = { 'topsail.io/capture': 'cni', 'traffic.sidecar.istio.io/excludeInterfaces': 'eth0" accept' };
    const read = planOfAnnotations(broken);
    assert.match('problem' in read ? read.problem : '', /excludeInterfaces\]: .* is no interface name/);
    assert.ok('problem' in planOfAnnotations({ 'topsail.io/capture': 'perhaps' }));
  });
});

describe('a pod with the gateway template', () => {
  const given = pod(
    { 'inject.istio.io/templates': 'gateway' },
    { containers: [{ name: 'istio-proxy', image: 'auto', ports: [{ containerPort: 8443 }] }] },
  );

  it('is the gateway itself: one container, no capture', () => {
    const { spec } = inject(given);
    assert.deepEqual(
      spec.containers.map(({ name, image, args }) => [name, image, args?.slice(0, 2)]),
      [['istio-proxy', 'hub/topsail:1', ['agent', 'router']]],
    );
    assert.equal(spec.initContainers, undefined);
    assert.ok(spec.containers[0]?.ports?.some(({ containerPort }) => containerPort === 8443));
  });

  it('and templates that are not known are refused', () => {
    assert.match(
      refusal(pod({ 'inject.istio.io/templates': 'mine' })),
      /expected one of sidecar, gateway, found "mine"/,
    );
  });
});

describe('a custom template', () => {
  const templates = {
    greeting:
      'spec:\n  containers:\n  - name: istio-proxy\n    env:\n    - name: GREETING\n      value: hello-world\n    resources: { limits: { cpu: null } }\n',
    toleration:
      'metadata: { labels: { team: a } }\nspec: { tolerations: [{ operator: Exists }], hostAliases: [{ ip: 1.2.3.4 }] }',
    action: 'metadata:\n  labels:\n    a: "{{ .Values.x }}"\n',
    without: 'spec: { initContainers: [{ name: istio-proxy, $patch: delete }] }',
    other: 'kind: Pod',
  };
  const proxyOf = (given: Pod) =>
    [...(given.spec.initContainers ?? []), ...given.spec.containers].filter(({ name }) => name === 'istio-proxy');

  it('is merged over the proxy, native sidecar or not', () => {
    for (const native of ['true', 'false']) {
      const asked = { 'inject.istio.io/templates': 'sidecar,greeting', 'sidecar.istio.io/nativeSidecar': native };
      const [proxy, second] = proxyOf(inject(pod(asked), { templates }));
      assert.equal(second, undefined);
      assert.equal(proxy?.env?.find(({ name }) => name === 'GREETING')?.value, 'hello-world');
      assert.ok(proxy?.env?.some(({ name }) => name === 'POD_NAME'));
      assert.deepEqual(proxy?.resources?.limits, { memory: '1024Mi' });
    }
  });

  it("is everybody's when it is a default one, and others follow in order", () => {
    const { metadata, spec } = inject(pod(), { templates, defaultTemplates: ['sidecar', 'toleration', 'greeting'] });
    assert.equal(metadata.labels?.['team'], 'a');
    assert.deepEqual(spec['tolerations'], [{ operator: 'Exists' }]);
    assert.deepEqual(spec['hostAliases'], [{ ip: '1.2.3.4' }]);
    assert.equal(proxyOf({ metadata, spec })[0]?.env?.at(-1)?.name, 'GREETING');
  });

  it('that cannot be used refuses the pod with its name', () => {
    const why = (names: string): string => refusal(pod({ 'inject.istio.io/templates': names }), { templates });
    assert.match(why('sidecar,action'), /template action: line 3 has a Go template action/);
    assert.match(why('sidecar,other'), /template other: "kind" is no part/);
    assert.match(why('sidecar,none'), /expected one of sidecar, gateway, greeting, .* found "none"/);
    assert.match(why('greeting'), /must name one of sidecar, gateway/);
    assert.match(why('sidecar,without'), /takes the proxy out again/);
  });
});

describe('what is refused names its field', () => {
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ 'traffic.sidecar.istio.io/excludeOutboundPorts': '80,http' }, /excludeOutboundPorts\]: "http" is no port/],
    [
      { 'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0/33' },
      /includeOutboundIPRanges\]: "10\.0\.0\.0\/33" is no address range/,
    ],
    [
      { 'traffic.sidecar.istio.io/excludeInterfaces': 'eth0; flush ruleset' },
      /excludeInterfaces\]: .* is no interface name/,
    ],
    [{ 'sidecar.istio.io/proxyCPU': 'lots' }, /proxyCPU\]: expected a quantity/],
    [{ 'sidecar.istio.io/interceptionMode': 'BRIDGE' }, /interceptionMode\]/],
    [{ 'sidecar.istio.io/nativeSidecar': 'perhaps' }, /expected true or false, found "perhaps"/],
    [{ 'proxy.istio.io/config': '[' }, /expected a mapping as YAML/],
    [{ 'sidecar.istio.io/userVolume': '{"a":1' }, /expected a JSON list/],
    [{ 'status.sidecar.istio.io/port': '99999' }, /expected a number from 0 to 65535/],
  ];
  for (const [annotations, expected] of cases) {
    it(JSON.stringify(annotations), () => assert.match(refusal(pod(annotations)), expected));
  }

  it("the proxy's own ports and user", () => {
    assert.match(
      refusal(pod({}, { containers: [{ name: 'a', ports: [{ containerPort: 15006 }] }] })),
      /15006 is one of the proxy's own ports/,
    );
    assert.match(
      refusal(pod({}, { containers: [{ name: 'a', securityContext: { runAsUser: 1337 } }] })),
      /1337 is the proxy's user/,
    );
  });

  it('the review refuses with the same words', () => {
    const review = reviewInjection(
      { request: { uid: 'u', namespace: 'shop', object: pod({ 'sidecar.istio.io/proxyCPU': 'lots' }) } },
      { config, mesh: {} },
    );
    assert.equal(review.response.allowed, false);
    assert.match(review.response.status?.message ?? '', /proxyCPU/);
  });
});

describe('whether a pod is injected', () => {
  const decide = (given: Pod, namespace = 'shop', over: Partial<InjectorConfig> = {}): boolean =>
    decideInjection(given, namespace, { ...config, ...over }).inject;

  it('follows label, annotation, selectors and policy in that order', () => {
    const never = { neverInjectSelector: [{ matchLabels: { app: 'web' } }] };
    assert.equal(decide(pod()), true);
    assert.equal(decide(pod({}, {}, { 'sidecar.istio.io/inject': 'false' })), false);
    assert.equal(decide(pod({ 'sidecar.istio.io/inject': 'false' })), false);
    assert.equal(decide(pod({ 'sidecar.istio.io/inject': 'false' }, {}, { 'sidecar.istio.io/inject': 'true' })), true);
    assert.equal(decide(pod(), 'shop', never), false);
    assert.equal(decide(pod({}, {}, { app: 'web', 'sidecar.istio.io/inject': 'true' }), 'shop', never), true);
    assert.equal(decide(pod(), 'shop', { policy: 'disabled' }), false);
    assert.equal(
      decide(pod(), 'shop', {
        policy: 'disabled',
        alwaysInjectSelector: [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }],
      }),
      true,
    );
  });

  it("is never so on the host's network nor in system namespaces", () => {
    assert.equal(decide(pod({}, { hostNetwork: true })), false);
    assert.equal(decide(pod(), 'kube-system'), false);
  });
});

describe('the patch', () => {
  it('applied to the pod that was sent gives the injected pod', () => {
    const given = pod();
    const review = reviewInjection({ request: { uid: 'u1', namespace: 'shop', object: given } }, { config, mesh: {} });
    assert.equal(review.response.uid, 'u1');
    const patch = JSON.parse(Buffer.from(review.response.patch ?? '', 'base64').toString()) as PatchOperation[];
    const result = injectPod({ pod: given, namespace: 'shop', config, mesh: {} });
    assert.ok(result.ok);
    assert.deepEqual(applyPatch(given, patch), JSON.parse(JSON.stringify(result.pod)));
  });

  it('says which annotations have no effect, and what to use instead', () => {
    const annotations = { 'sidecar.istio.io/agentLogLevel': 'debug', 'sidecar.istio.io/logLevel': 'debug' };
    const review = reviewInjection(
      { request: { uid: 'u', namespace: 'shop', object: pod(annotations) } },
      { config, mesh: {} },
    );
    assert.deepEqual(review.response.warnings, [
      'metadata.annotations[sidecar.istio.io/agentLogLevel] has no effect: one level is for agent and proxy: sidecar.istio.io/logLevel',
    ]);
  });

  it('leaves an injected pod alone', () => {
    const review = reviewInjection(
      { request: { uid: 'u', namespace: 'shop', object: inject(pod()) } },
      { config, mesh: {} },
    );
    assert.deepEqual(review.response, { uid: 'u', allowed: true });
  });

  it('turns any JSON into any other', () => {
    const json = fc.jsonValue();
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), fc.dictionary(fc.string(), json), (a, b) => {
        const [before, after] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))];
        assert.deepEqual(applyPatch(before, jsonPatch(before, after)), after);
      }),
    );
  });
});

/** A small RFC 6902: add, remove and replace of object fields. */
function applyPatch(value: unknown, operations: readonly PatchOperation[]): unknown {
  const root = { '': structuredClone(value) } as Record<string, unknown>;
  for (const { op, path, value: to } of operations) {
    const keys = path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    let at = root;
    for (const key of keys.slice(0, -1)) at = at[key] as Record<string, unknown>;
    const last = keys.at(-1) as string;
    if (op === 'remove') delete at[last];
    else Object.defineProperty(at, last, { value: to, enumerable: true, writable: true, configurable: true });
  }
  return root[''];
}
