// The charts, rendered by the real Helm, hold the objects that `topsail install` applies for the same settings.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CORE_SCHEMA, dump, load, loadAll } from 'js-yaml';
import { findForeign, type InstallSettings, manifest, readSettings } from '#controllers';
import { type KubeObject, RESOURCES } from '#kube';
import { type ApiServer, skipWithoutKube, startApiServer } from './api-server.ts';
import { findHelm } from './find-helm.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const helm = findHelm();
const skipWithoutHelm = helm === undefined ? { skip: 'no helm: set HELM_PATH, or let .ci/run build it' } : {};
const skipHere = { ...skipWithoutKube, ...skipWithoutHelm };

describe('charts', skipWithoutHelm, () => {
  before(() => assert.match(run(['version', '--short']), /^v[34]\./));

  it('pass helm lint', () => {
    for (const chart of ['base', 'istiod', 'gateway', 'cni', 'ztunnel'])
      run(['lint', '--quiet', join(ROOT, 'charts', chart)]);
  });

  it('base holds the kinds of install', () => {
    const rendered = template('base', 'istio-base', {});
    assert.deepEqual(rendered, installed([], [], 'Istio core'));
    assert.equal(rendered.size, readdirSync(join(ROOT, 'deploy/crds')).length);
  });

  for (const [title, values] of Object.entries(ISTIOD_CASES())) {
    it(`istiod with ${title} is what install makes`, () => {
      const rendered = template('istiod', 'istiod', values);
      assert.deepEqual(rendered, installed(flags(values), [], 'Istiod'));
    });
  }

  it('istiod takes its values at the top, as Istio has them, or under pilot as of old', () => {
    const pilot = {
      autoscaleEnabled: false,
      replicaCount: 3,
      env: { A: 'b' },
      cni: { enabled: true },
      taint: { enabled: true, namespace: 'cni' },
      tolerations: [{ key: 'x', operator: 'Exists' }],
    };
    const { tolerations, ...values } = pilot;
    const spec = { values: { pilot: values }, components: { pilot: { k8s: { tolerations } } } };
    const made = installed([{ kind: 'IstioOperator', spec }], [], 'Istiod');
    assert.ok(made.has('ClusterRole/istiod-untaint-istio-system'));
    assert.deepEqual(template('istiod', 'istiod', pilot), made);
    assert.deepEqual(template('istiod', 'istiod', { pilot }), made);
    const { env, ...others } = pilot;
    assert.deepEqual(template('istiod', 'istiod', { env, autoscaleEnabled: true, pilot: others }), made);
  });

  for (const [title, values] of Object.entries(CNI_CASES()))
    it(`cni with ${title} is what install makes`, () => {
      const { global = {}, nodeSelector = {}, tolerations = [], ...cni } = values;
      const k8s = { nodeSelector, tolerations };
      const spec = { values: { global, cni }, components: { cni: { enabled: true, k8s } } };
      assert.deepEqual(template('cni', 'istio-cni', values), installed([{ kind: 'IstioOperator', spec }], [], 'CNI'));
    });

  it('ztunnel is what install makes, runs nothing, and takes any of its values', () => {
    const spec = { profile: 'ambient' };
    const rendered = template('ztunnel', 'ztunnel', { hub: 'docker.io/istio', resources: { requests: { cpu: '1' } } });
    assert.deepEqual(rendered, installed([{ kind: 'IstioOperator', spec }], [], 'Ztunnel'));
    const kinds = new Set([...rendered.keys()].map((key) => key.split(/[ /]/)[0]));
    assert.deepEqual(kinds, new Set(['ServiceAccount', 'ConfigMap']));
  });

  it('gateway is what install makes', () => {
    const gateway = {
      replicaCount: 2,
      service: { type: 'ClusterIP' },
      serviceAccount: { name: 'istio-ingressgateway-service-account' },
      resources: { requests: { cpu: '10m' } },
      env: { ISTIO_META_ROUTER_MODE: 'sni-dnat' },
      podAnnotations: { a: 'b' },
      tolerations: [{ key: 'edge', operator: 'Exists' }],
      meshConfig: { trustDomain: 'td', defaultConfig: { concurrency: 1 } },
    };
    const operator = {
      kind: 'IstioOperator',
      spec: {
        meshConfig: gateway.meshConfig,
        values: { gateways: { 'istio-ingressgateway': { env: gateway.env, podAnnotations: gateway.podAnnotations } } },
        components: {
          ingressGateways: [
            {
              name: 'istio-ingressgateway',
              enabled: true,
              k8s: {
                replicaCount: 2,
                resources: gateway.resources,
                service: { type: 'ClusterIP' },
                tolerations: gateway.tolerations,
              },
            },
          ],
        },
      },
    };
    const rendered = template('gateway', 'istio-ingressgateway', gateway);
    assert.deepEqual(rendered, installed([], [operator], 'Ingress gateways'));
  });
});

describe('manifest translate', skipWithoutHelm, () => {
  it('makes values with which the charts render what install makes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-translate-'));
    try {
      const operator = join(folder, 'operator.yaml');
      const spec = {
        profile: 'demo',
        meshConfig: { accessLogFile: '/dev/stdout' },
        values: { pilot: { env: { A: 'b' } }, global: { proxy: { logLevel: 'info' } } },
        components: {
          pilot: { k8s: { replicaCount: 2, tolerations: [{ operator: 'Exists' }] } },
          cni: { enabled: true },
        },
      };
      writeFileSync(operator, dump({ apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec }));
      execFileSync(join(ROOT, 'topsail'), ['manifest', 'translate', '-f', operator, '-o', folder], { stdio: 'pipe' });
      assert.match(readFileSync(join(folder, 'install.sh'), 'utf8'), /helm upgrade --install istiod charts\/istiod/);
      const values = (name: string): object => load(readFileSync(join(folder, `${name}.yaml`), 'utf8')) as object;
      const object = { kind: 'IstioOperator', spec };
      assert.deepEqual(template('istiod', 'istiod', values('istiod')), installed([object], [], 'Istiod'));
      assert.deepEqual(template('cni', 'istio-cni', values('istio-cni')), installed([object], [], 'CNI'));
      for (const [name, title] of [
        ['istio-ingressgateway', 'Ingress gateways'],
        ['istio-egressgateway', 'Egress gateways'],
      ] as const)
        assert.deepEqual(
          withoutComponent(template('gateway', name, values(name))),
          withoutComponent(installed([object], [], title)),
        );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** The chart does not know whether a gateway is ingress or egress. */
function withoutComponent(objects: ReadonlyMap<string, unknown>): unknown {
  return [...objects].map((one) =>
    JSON.parse(JSON.stringify(one).replaceAll(/"operator\.istio\.io\/component":"\w+"/g, '"component":""')),
  );
}

describe('charts in a real API server', skipHere, () => {
  let api: ApiServer;
  before(async () => {
    api = await startApiServer();
  });
  after(() => api?.stop());
  const install = (chart: string, release: string, ...more: string[]): string =>
    run(
      ['install', release, join(ROOT, 'charts', chart), '-n', 'istio-system', '--create-namespace', ...more],
      api.kubeconfig,
    );

  it('are accepted, and tell which values have no effect', () => {
    install('base', 'istio-base');
    const told = install('istiod', 'istiod', '--set', 'pilot.noSuch=1,meshConfig.accessLogFile=/dev/stdout');
    assert.match(told, /! pilot\.noSuch: not known here, it has no effect\./);
    assert.equal(told.match(/no effect/g)?.length, 1);
    install('istiod', 'canary', '--set', 'revision=canary');
    const gateway = install('gateway', 'istio-ingressgateway', '--set', 'service.type=ClusterIP');
    assert.doesNotMatch(gateway, /no effect/);
    assert.match(install('cni', 'istio-cni', '--set', 'ambient.enabled=true'), /! ambient: not known here/);
    const ztunnel = install('ztunnel', 'ztunnel', '--set', 'hub=docker.io/istio');
    assert.match(ztunnel, /! hub: not known here, it has no effect\.\n/);
    assert.match(ztunnel, /! The node proxy of ambient mode is not part of this version: nothing runs\./);
  });

  it('are upgraded after the control plane has closed validation, and leave it closed', async () => {
    for (const [release, suffix] of [
      ['istiod', ''],
      ['canary', '-canary'],
    ] as const) {
      const webhook = { name: `istio-validator${suffix}-istio-system` };
      const policy = async (): Promise<unknown> => {
        const got = await api.client.get(RESOURCES.validatingWebhooks, webhook);
        return got.ok && (got.value['webhooks'] as readonly { failurePolicy: string }[])[0]?.failurePolicy;
      };
      assert.equal(await policy(), 'Ignore');
      const close = [{ op: 'add', path: '/webhooks/0/failurePolicy', value: 'Fail' }];
      assert.ok((await api.client.jsonPatch(RESOURCES.validatingWebhooks, webhook, close)).ok);
      const values = `${suffix === '' ? '' : 'revision=canary,'}meshConfig.accessLogFile=/dev/stderr`;
      run(['upgrade', release, join(ROOT, 'charts/istiod'), '-n', 'istio-system', '--set', values], api.kubeconfig);
      assert.equal(await policy(), 'Fail');
    }
  });

  it('are not touched by `topsail install`, which lists them', async () => {
    const foreign = await findForeign(
      api.client,
      manifest({ settings: defaults(), crds: [], yaml: (value) => dump(value) }),
    );
    const names = foreign.map((one) => one.object);
    assert.ok(names.includes('Deployment istio-system/istiod'), names.join());
    assert.ok(names.includes('MutatingWebhookConfiguration istio-sidecar-injector'), names.join());
  });

  it('stop where an object of somebody else has a name of theirs', async () => {
    const meta = { name: 'istiod', namespace: 'other' };
    const made = await api.client.create(RESOURCES.namespaces, { metadata: { name: 'other' } });
    assert.ok(made.ok);
    assert.ok((await api.client.create(RESOURCES.services, { metadata: meta, spec: { ports: [{ port: 1 }] } })).ok);
    assert.throws(
      () => run(['install', 'mine', join(ROOT, 'charts/istiod'), '-n', 'other'], api.kubeconfig),
      /Service "istiod" in namespace "other" exists and cannot be imported/,
    );
    assert.ok((await api.client.get(RESOURCES.services, meta)).ok);
  });

  it('leave the kinds when they are uninstalled', async () => {
    for (const release of ['ztunnel', 'istio-cni', 'istio-ingressgateway', 'canary', 'istiod', 'istio-base'])
      run(['uninstall', release, '-n', 'istio-system'], api.kubeconfig);
    assert.ok((await api.client.get(RESOURCES.crds, { name: 'virtualservices.networking.istio.io' })).ok);
    assert.equal((await api.client.get(RESOURCES.mutatingWebhooks, { name: 'istio-sidecar-injector' })).ok, false);
  });
});

function defaults(): InstallSettings {
  return readSettings({ operators: [], set: [], revision: undefined, hub: undefined, tag: undefined, version });
}

function ISTIOD_CASES(): Record<string, Record<string, unknown>> {
  return {
    'nothing set': {},
    'a revision': { revision: 'canary' },
    'every kind of value': {
      global: {
        hub: 'registry.example.com/mesh',
        tag: '9',
        imagePullPolicy: 'Always',
        imagePullSecrets: ['pull'],
        certSigners: ['issuers.example.org/mesh', 'issuers.example.org/other'],
        logging: { level: 'default:debug' },
        network: 'n1',
        proxy: { logLevel: 'debug', statusPort: 15030, privileged: true, resources: { limits: { cpu: '1' } } },
      },
      pilot: {
        autoscaleEnabled: false,
        replicaCount: 3,
        env: { ENABLE_NATIVE_SIDECARS: 'false', OTHER: 'x', PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS: 'true' },
        cni: { enabled: true },
        podAnnotations: { a: 'b' },
        resources: { limits: { memory: '1Gi' } },
      },
      sidecarInjectorWebhook: {
        enableNamespacesByDefault: true,
        rewriteAppHTTPProbe: false,
        neverInjectSelector: [{ matchLabels: { no: 'proxy' } }],
        injectedAnnotations: { c: 'd' },
        templates: { own: 'metadata:\n  labels:\n    a: b\n' },
        defaultTemplates: ['sidecar', 'own'],
      },
      meshConfig: { accessLogFile: '/dev/stdout', defaultConfig: { tracing: { sampling: 100 } } },
    },
  };
}

function CNI_CASES(): Record<string, Record<string, unknown>> {
  return {
    'nothing set': {},
    'every kind of value': {
      global: { hub: 'registry.example.com/mesh', tag: '9', imagePullSecrets: ['pull'] },
      cniBinDir: '/home/kubernetes/bin',
      cniConfDir: '/etc/kubernetes/cni/net.d',
      cniConfFileName: '10-net.conflist',
      chained: false,
      excludeNamespaces: ['kube-system', 'other'],
      repair: { repairPods: false, deletePods: true },
      logging: { level: 'debug' },
      env: { A: 'b' },
      resources: { limits: { memory: '1Gi' } },
      nodeSelector: { pool: 'a' },
      tolerations: [{ key: 'x', operator: 'Exists' }],
    },
  };
}

function run(args: readonly string[], kubeconfig?: string): string {
  try {
    const env = kubeconfig === undefined ? process.env : { ...process.env, KUBECONFIG: kubeconfig };
    return execFileSync(helm as string, args, { env, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`helm ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

function template(chart: string, release: string, values: object): ReadonlyMap<string, unknown> {
  const folder = join(ROOT, 'charts', chart);
  const text = execFileSync(helm as string, ['template', release, folder, '-n', 'istio-system', '-f', '-'], {
    encoding: 'utf8',
    input: dump(values),
    maxBuffer: 64 << 20,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return byName(loadAll(text, { schema: CORE_SCHEMA }) as KubeObject[]);
}

/** Values of the chart as --set flags of install: lists and maps as JSON is no part of --set, so an operator says them. */
function flags(values: Record<string, unknown>): readonly object[] {
  const { meshConfig = {}, ...rest } = values;
  return [{ kind: 'IstioOperator', spec: { meshConfig, values: rest } }];
}

function installed(operators: readonly object[], more: readonly object[], title: string): ReadonlyMap<string, unknown> {
  const settings = readSettings({
    operators: [...operators, ...more].map((object) => ({ file: 'values', object })),
    set: [],
    revision: undefined,
    hub: undefined,
    tag: undefined,
    version,
  });
  assert.deepEqual(
    settings.warnings.filter((one) => !one.startsWith('components.ztunnel:')),
    [],
  );
  const crds = readdirSync(join(ROOT, 'deploy/crds')).map(
    (file) => load(readFileSync(join(ROOT, 'deploy/crds', file), 'utf8'), { schema: CORE_SCHEMA }) as KubeObject,
  );
  const found = manifest({ settings, crds, yaml: (value) => dump(value) }).find((one) => one.title === title);
  // Namespaces are made by `helm install --create-namespace`.
  return byName((found?.objects ?? []).filter(({ kind }) => kind !== 'Namespace'));
}

function byName(objects: readonly (KubeObject | null)[]): ReadonlyMap<string, unknown> {
  const found = objects
    .filter((one) => one !== null)
    .map((one) => [`${one.kind}/${one.metadata.name}`, settled(one)] as const);
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Texts that hold JSON or YAML count by what they say; `values` is told in full by Helm and as given by install. */
function settled(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (key === 'mesh' || key === 'meshNetworks') return load(value, { schema: CORE_SCHEMA });
    if (/^[[{]/.test(value)) return JSON.parse(value);
    return value;
  }
  if (Array.isArray(value)) return value.map((item) => settled(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inner]) => inner !== undefined && !(name === 'values' && typeof inner === 'string'))
      .map(([name, inner]) => [name, settled(inner, name)]),
  );
}
