import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { load } from 'js-yaml';
import { readSettings, type SettingsInput } from './settings.ts';
import { SetFlagError } from './set-flag.ts';

const none: SettingsInput = {
  operators: [],
  set: [],
  revision: undefined,
  hub: undefined,
  tag: undefined,
  version: '1.2.3',
};
const operator = (spec: string): { file: string; object: unknown } => ({
  file: 'op.yaml',
  object: { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec: load(spec) },
});

describe('settings of an installation', () => {
  it("are the default profile's when nothing is said", () => {
    const settings = readSettings(none);
    assert.equal(settings.profile, 'default');
    assert.equal(settings.image, 'topsail.local/topsail:1.2.3');
    assert.deepEqual(
      settings.gateways.map((one) => one.name),
      ['istio-ingressgateway'],
    );
    assert.equal(settings.pilot?.resources.requests?.['cpu'], '500m');
    assert.deepEqual(settings.warnings, []);
  });

  it('have an egress gateway and small requests with profile demo', () => {
    const settings = readSettings({ ...none, set: ['profile=demo'] });
    assert.deepEqual(
      settings.gateways.map((one) => one.name),
      ['istio-ingressgateway', 'istio-egressgateway'],
    );
    assert.equal(settings.injector.proxy.resources.requests?.['memory'], '40Mi');
    assert.equal(settings.meshConfig['accessLogFile'], '/dev/stdout');
    assert.deepEqual(settings.meshConfig['defaultConfig'], { tracing: { sampling: 100 } });
  });

  it('take an IstioOperator over the profile, and --set over both', () => {
    const file = operator(
      'profile: default\nmeshConfig: {accessLogFile: /dev/stdout}\nvalues: {global: {proxy: {resources: {requests: {cpu: 100m, memory: 128Mi}}}}}',
    );
    const settings = readSettings({
      ...none,
      operators: [file],
      set: ['meshConfig.accessLogFile=/tmp/log', 'values.global.proxy.resources.requests.cpu=7m'],
    });
    assert.equal(settings.meshConfig['accessLogFile'], '/tmp/log');
    assert.deepEqual(settings.injector.proxy.resources.requests, { cpu: '7m', memory: '128Mi' });
  });

  it('merge gateways by name', () => {
    const settings = readSettings({
      ...none,
      operators: [
        operator(
          'components: {ingressGateways: [{name: istio-ingressgateway, k8s: {replicaCount: 3}}, {name: second, enabled: true, namespace: edge}]}',
        ),
      ],
    });
    assert.deepEqual(
      settings.gateways.map(({ name, namespace, replicas }) => [name, namespace, replicas]),
      [
        ['istio-ingressgateway', 'istio-system', 3],
        ['second', 'edge', 1],
      ],
    );
  });

  it('name what they do not know', () => {
    const settings = readSettings({
      ...none,
      set: ['values.global.proxy.noSuchThing=1', 'components.ztunnel.enabled=true'],
    });
    assert.deepEqual(settings.warnings, [
      'components.ztunnel: the node proxy is not part of this version; a ConfigMap says so in its place, and pods have sidecars.',
      'values.global.proxy.noSuchThing: not known here, it has no effect.',
    ]);
  });

  it('name custom templates that cannot be used', () => {
    const object = {
      kind: 'IstioOperator',
      spec: { values: { sidecarInjectorWebhook: { templates: { good: 'spec: {}', bad: '{{ .Values }}' } } } },
    };
    const { warnings, injector } = readSettings({ ...none, operators: [{ file: 'x', object }] });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /templates\.bad: line 1 has a Go template action/);
    assert.deepEqual(Object.keys(injector.templates ?? {}), ['good', 'bad']);
  });

  it('leave capture to the CNI plugin where it is installed, or where its own chart did', () => {
    const of = (...set: string[]) => readSettings({ ...none, set });
    const one = of('components.cni.enabled=true', 'values.cni.cniBinDir=/bin/cni', 'values.cni.repair.deletePods=true');
    assert.deepEqual(one.warnings, []);
    assert.equal(one.injector.cni, true);
    assert.equal(one.cni?.binDir, '/bin/cni');
    assert.equal(one.cni?.confDir, '/etc/cni/net.d');
    assert.equal(one.cni?.repair.deletePods, true);
    assert.deepEqual(one.cni?.excludeNamespaces, ['kube-system']);
    assert.equal(of('values.pilot.cni.enabled=true').injector.cni, true);
    assert.equal(of('values.pilot.cni.enabled=true').cni, undefined);
    assert.equal(of().injector.cni, false);
  });

  it('refuse what cannot be used, by its path', () => {
    const why = (input: Partial<SettingsInput>): string => {
      try {
        readSettings({ ...none, ...input });
      } catch (error) {
        assert.ok(error instanceof SetFlagError);
        return error.message;
      }
      return 'nothing';
    };
    assert.match(why({ set: ['profile=nonsense'] }), /profile "nonsense" is not known here\. Profiles: default, demo/);
    assert.match(why({ set: ['nonsense'] }), /expected PATH=VALUE/);
    assert.match(
      why({ set: ['values.pilot.autoscaleMin=many'] }),
      /values\.pilot\.autoscaleMin: expected a number, found "many"/,
    );
    assert.match(
      why({ operators: [{ file: 'x.yaml', object: { kind: 'Pod' } }] }),
      /x\.yaml: kind is Pod, expected IstioOperator/,
    );
  });
});
