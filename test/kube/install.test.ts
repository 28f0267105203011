// Install beside others, refuse where somebody would be harmed, pods that are refused, Jobs that end, uninstall without a trace.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { makeCertificate } from './gateway-client.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, ROOT, topsail, until } from './topsail.ts';
import { upgradeIsPlanned } from './upgrade-plan.ts';

type ClusterArg = Parameters<KubeTest['run']>[0];

const HUB = 'topsail.local';
const APP = `${HUB}/bookshop:${VERSION}`;
const FROM_STDIN = ['-f', '-', '--set', 'values.pilot.resources.requests.cpu=10m'];
const operator = (): string => readFileSync(join(ROOT, 'examples/seed/10-install-operator.yaml'), 'utf8');

const test: KubeTest = {
  title: 'Installation, refusals, Jobs, removal',
  seconds: 85,
  run: async (cluster, step) => {
    await step('images are built and loaded', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
    });
    await step('x precheck finds nothing in an empty cluster', () => {
      assert.match(mustTopsail(cluster, ['x', 'precheck']).out, /✔ No issues found: Kubernetes v1\.\d+/);
    });
    let before = '';
    await step('a foreign Istio is listed, and nothing is changed', () => {
      cluster.kubectl(['create', 'namespace', 'istio-system']);
      cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: foreignIstio() }));
      before = foreignState(cluster);
      const end = topsail(cluster, ['install', '-y']);
      assert.equal(end.status, 1);
      assert.match(end.err, /There is another mesh in this cluster; nothing was changed:/);
      assert.match(end.err, /Deployment istio-system\/istiod/);
      assert.match(end.err, /--revision topsail/);
      assert.match(topsail(cluster, ['x', 'precheck']).out, /✘ MutatingWebhookConfiguration istio-sidecar-injector/);
    });
    await step('migrate plan lists what has another effect, the order, and the way back', () => {
      cluster.kubectl(['create', 'namespace', 'old']);
      cluster.kubectl(['label', 'namespace', 'old', 'istio-injection=enabled']);
      cluster.kubectl(['wait', '--for=condition=Established', 'crd/virtualservices.networking.istio.io']);
      cluster.kubectl(['-n', 'old', 'apply', '-f', '-'], JSON.stringify(refusedHere()));
      const plan = mustTopsail(cluster, ['migrate', 'plan']).out;
      assert.match(plan, /Objects without effect here \(refused\): 1 of 1\n {2}VirtualService old\/bad/);
      assert.match(plan, /Secret istio-system\/istio-ca-secret is used as it is and never changed/);
      assert.match(plan, /kubectl label namespace old istio-injection- istio\.io\/rev=topsail --overwrite/);
      assert.match(plan, /kubectl label namespace old istio-injection=enabled istio\.io\/rev- --overwrite/);
      assert.equal(foreignState(cluster), before);
    });
    await step('--revision topsail installs beside it', () => {
      const end = mustTopsail(cluster, [
        'install',
        '--revision',
        'topsail',
        '--set',
        'profile=minimal',
        '-y',
        '--readiness-timeout',
        '600s',
      ]);
      assert.match(end.out, /✔ Installation complete/);
      assert.equal(foreignState(cluster), before);
    });
    await step('a tag stands for the revision', () => {
      mustTopsail(cluster, ['tag', 'set', 'prod', '--revision', 'topsail']);
      assert.match(mustTopsail(cluster, ['tag', 'list']).out, /prod\s+topsail/);
      assert.match(mustTopsail(cluster, ['revision', 'list']).out, /topsail\s+istio-system\s+1\/1\s+prod/);
      assert.match(mustTopsail(cluster, ['revision', 'describe', 'topsail']).out, /Ready: +1\/1\nTags: +prod\n/);
      mustTopsail(cluster, ['tag', 'remove', 'prod', '-y']);
      assert.doesNotMatch(mustTopsail(cluster, ['tag', 'list']).out, /prod/);
    });
    await step('uninstall --purge leaves the foreign one byte for byte', () => {
      mustTopsail(cluster, ['uninstall', '--purge', '--delete-data', '-y']);
      assert.equal(foreignState(cluster), before);
      assert.ok(cluster.try(['get', 'namespace', 'istio-system']).text.includes('Active'));
      cluster.kubectl(['delete', 'namespace', 'old', '--timeout=600s']);
      cluster.kubectl(['delete', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: foreignIstio() }));
    });
    await step("the seed's IstioOperator installs from standard input", () => {
      mustTopsail(cluster, ['install', ...FROM_STDIN, '-y', '--readiness-timeout', '600s'], operator());
      const mesh = cluster.kubectl(['-n', 'istio-system', 'get', 'configmap', 'istio', '-o', 'jsonpath={.data.mesh}']);
      assert.match(mesh, /accessLogFile: \/dev\/stdout/);
    });
    await step('verify-install says so', () => {
      assert.match(mustTopsail(cluster, ['verify-install']).out, /✔ The installation is whole and runs/);
    });
    await step('upgrade says first what changes, per object and per proxy', () =>
      upgradeIsPlanned(cluster, FROM_STDIN, operator()),
    );
    await step('installing again changes nothing; another profile prunes the gateway', () => {
      mustTopsail(cluster, ['install', '-y']);
      const end = mustTopsail(cluster, ['install', '--set', 'profile=minimal', '-y']);
      assert.match(end.out, /removed Deployment istio-system\/istio-ingressgateway/);
    });
    await step('an image that nodes cannot obtain is told before anything is changed', () => {
      const image = ['-n', 'istio-system', 'get', 'deploy/istiod', '-o', 'jsonpath={.spec.template.spec..image}'];
      const former = cluster.kubectl(image);
      // Nobody listens there: the kubelet knows at once.
      const end = topsail(cluster, ['install', '--set', 'profile=minimal', '--hub', '127.0.0.1:9/mesh', '-y']);
      assert.equal(end.status, 1, end.out);
      assert.match(end.err, /Node \S+ cannot obtain 127\.0\.0\.1:9\/mesh\/topsail:\S+; nothing was changed: \S+/);
      assert.equal(cluster.kubectl(image), former);
      const left = ['-n', 'istio-system', 'get', 'pods', '-o', 'name'];
      assert.doesNotMatch(cluster.kubectl(left), /topsail-image-check/);
    });
    cluster.kubectl(['create', 'namespace', 'work']);
    cluster.kubectl(['label', 'namespace', 'work', 'istio-injection=enabled']);
    await until(
      'roots in the namespace',
      10,
      () => cluster.try(['-n', 'work', 'get', 'configmap', 'istio-ca-root-cert']).ok,
    );
    await step('pods with annotations that cannot be used are refused with field and remedy', () => {
      for (const [annotation, value, message] of BAD_ANNOTATIONS) {
        const end = cluster.try(
          ['-n', 'work', 'apply', '-f', '-'],
          JSON.stringify(pod('bad', { [annotation]: value })),
        );
        assert.equal(end.ok, false, `${annotation}=${value} was let in`);
        assert.ok(end.text.includes(`metadata.annotations[${annotation}]`) && end.text.includes(message), end.text);
      }
    });
    await step('a Job ends within 2 s of its main container', async () => {
      cluster.kubectl(['-n', 'work', 'apply', '-f', '-'], JSON.stringify(job()));
      await until(
        'the Job',
        60,
        () => cluster.try(['-n', 'work', 'get', 'job', 'once', '-o', 'jsonpath={.status.succeeded}']).text === '1',
      );
      const found = JSON.parse(cluster.kubectl(['-n', 'work', 'get', 'pods', '-l', 'job-name=once', '-o', 'json'])) as {
        items: readonly PodState[];
      };
      const status = found.items[0]?.status;
      const main = status?.containerStatuses[0]?.state.terminated?.finishedAt ?? '';
      const proxy =
        status?.initContainerStatuses.find((one) => one.name === 'istio-proxy')?.state.terminated?.finishedAt ?? '';
      const tookMs = Date.parse(proxy) - Date.parse(main);
      assert.ok(tookMs <= 2000, `the proxy ended ${tookMs} ms after the main container`);
    });
    await step('with the control plane gone, enrolled pods are refused and others still come', async () => {
      cluster.kubectl(['-n', 'istio-system', 'scale', 'deploy/istiod', '--replicas=0']);
      await until(
        'no endpoint',
        30,
        () =>
          cluster.kubectl([
            '-n',
            'istio-system',
            'get',
            'pods',
            '-l',
            'app=istiod',
            '--no-headers',
            '--ignore-not-found',
          ]) === '',
      );
      assert.equal(cluster.try(['-n', 'work', 'apply', '-f', '-'], JSON.stringify(pod('late', {}))).ok, false);
      assert.equal(cluster.try(['-n', 'default', 'apply', '-f', '-'], JSON.stringify(pod('free', {}))).ok, true);
      assert.equal(cluster.try(['-n', 'work', 'create', 'configmap', 'any', '--from-literal=a=b']).ok, true);
      const told = topsail(cluster, ['verify-install', '--set', 'profile=minimal']);
      assert.equal(told.status, 1);
      assert.match(told.out, /new pods of these namespaces are refused: .*work/);
    });
    await step(
      'back again, and its webhook too, it says in status, event and description what is wrong with an object',
      async () => {
        // Where somebody took the webhook away, only the schema checks.
        cluster.kubectl(['delete', 'validatingwebhookconfigurations', '-l', 'app.kubernetes.io/managed-by=topsail']);
        cluster.kubectl(['-n', 'work', 'apply', '-f', '-'], JSON.stringify(badPattern()));
        cluster.kubectl(['-n', 'istio-system', 'scale', 'deploy/istiod', '--replicas=1']);
        mustTopsail(cluster, ['install', '--set', 'profile=minimal', '-y', '--readiness-timeout', '600s']);
        cluster.kubectl(['-n', 'work', 'wait', '--for=condition=Accepted=False', 'vs/wrong', '--timeout=600s']);
        await until('the event', 20, () => {
          const events = cluster.kubectl(['-n', 'work', 'get', 'events', '--field-selector=type=Warning']);
          return /Invalid\s+virtualservice\/wrong\s+\S*http\[0\]\.match\[0\]\.uri\.regex/.test(events);
        });
        const told = cluster.kubectl(['-n', 'work', 'describe', 'vs', 'wrong']);
        assert.match(told, /Reason:\s+Invalid/);
        assert.match(told, /Warning\s+Invalid\s+.*topsail\s+\S*http\[0\]/);
      },
    );
    await step('kubectl knows the kinds by their short names, with columns and explanations', () => {
      cluster.kubectl(['apply', '-f', join(ROOT, 'examples/seed/04-strict-mtls.yaml')]);
      for (const seed of ['02-reviews-jason', '05-backend-policy', '08-circuit-breaking'])
        cluster.kubectl(['-n', 'work', 'apply', '-f', join(ROOT, `examples/seed/${seed}.yaml`)]);
      const got = cluster.kubectl(['-n', 'work', 'get', 'vs,dr,gw,se']);
      assert.match(got, /NAME\s+GATEWAYS\s+HOSTS\s+AGE/);
      assert.match(got, /destinationrule\.networking\.istio\.io\/reviews\s+reviews/);
      assert.match(
        cluster.kubectl(['get', 'pa,ap', '-A']),
        /peerauthentication\.security\.istio\.io\/default\s+STRICT/,
      );
      assert.match(cluster.kubectl(['explain', 'virtualservice.spec.http.timeout']), /FIELD: timeout/);
      cluster.kubectl(['-n', 'work', 'wait', '--for=condition=Accepted', 'dr/reviews', '--timeout=600s']);
    });
    await step('uninstall --purge removes what install made, and keeps the kinds', () => {
      const end = mustTopsail(cluster, ['uninstall', '--purge', '-y']);
      assert.match(end.out, /CustomResourceDefinitions and your objects of these kinds were kept/);
      assert.equal(cluster.try(['get', 'mutatingwebhookconfigurations', '-o', 'name']).text.trim(), '');
      assert.ok(cluster.try(['get', 'crd', 'virtualservices.networking.istio.io']).ok);
    });
  },
};

export default test;

interface ContainerState {
  readonly name: string;
  readonly state: { readonly terminated?: { readonly finishedAt: string } };
}

interface PodState {
  readonly status: {
    readonly containerStatuses: readonly ContainerState[];
    readonly initContainerStatuses: readonly ContainerState[];
  };
}

const BAD_ANNOTATIONS: readonly (readonly [annotation: string, value: string, message: string])[] = [
  ['traffic.sidecar.istio.io/excludeOutboundPorts', 'http', 'is no port'],
  ['traffic.sidecar.istio.io/includeInboundPorts', '0', 'is no port'],
  ['traffic.sidecar.istio.io/excludeOutboundIPRanges', '10.0.0/8', 'is no address range'],
  ['sidecar.istio.io/proxyMemory', 'big', 'expected a quantity'],
  ['sidecar.istio.io/interceptionMode', 'MAGIC', 'expected one of REDIRECT'],
  ['proxy.istio.io/config', '- a', 'expected a mapping'],
];

function pod(name: string, annotations: Record<string, string>): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'app', image: APP, args: ['-e', 'setInterval(() => {}, 1000)'] }],
    },
  };
}

function job(): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'once' },
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          containers: [{ name: 'app', image: APP, args: ['-e', 'setTimeout(() => console.log("done"), 500)'] }],
        },
      },
    },
  };
}

/** An authority as istiod keeps it; made once, so that it is the same each time. */
let root: { 'ca-cert.pem': string; 'ca-key.pem': string } | undefined;
function foreignRoot(): Record<string, string> {
  if (root === undefined) {
    const { cert, key } = makeCertificate('cluster.local');
    root = { 'ca-cert.pem': Buffer.from(cert).toString('base64'), 'ca-key.pem': Buffer.from(key).toString('base64') };
  }
  return root;
}

/** What an Istio of somebody else's leaves in a cluster. */
function foreignIstio(): readonly object[] {
  const labels = { app: 'istiod', 'istio.io/rev': 'default', 'operator.istio.io/managed': 'Reconcile' };
  const clientConfig = { service: { name: 'istiod', namespace: 'istio-system', path: '/inject' } };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'istiod', namespace: 'istio-system', labels },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'istiod' } },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'discovery', image: 'docker.io/istio/pilot:1.31.0' }] },
        },
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'istio-sidecar-injector', labels: { app: 'sidecar-injector' } },
      webhooks: [
        {
          name: 'namespace.sidecar-injector.istio.io',
          clientConfig,
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          failurePolicy: 'Ignore',
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
          namespaceSelector: { matchLabels: { 'istio-injection': 'enabled' } },
        },
      ],
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'istio-validator-istio-system', labels: { app: 'istiod', 'istio.io/rev': 'default' } },
      webhooks: [
        {
          name: 'rev.validation.istio.io',
          clientConfig: { service: { ...clientConfig.service, path: '/validate' } },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          failurePolicy: 'Ignore',
          rules: [
            { operations: ['CREATE'], apiGroups: ['networking.istio.io'], apiVersions: ['*'], resources: ['sidecars'] },
          ],
        },
      ],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh: '' } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'istio.io/ca-root',
      metadata: { name: 'istio-ca-secret', namespace: 'istio-system' },
      data: foreignRoot(),
    },
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'virtualservices.networking.istio.io' },
      spec: {
        group: 'networking.istio.io',
        scope: 'Namespaced',
        names: {
          kind: 'VirtualService',
          listKind: 'VirtualServiceList',
          plural: 'virtualservices',
          singular: 'virtualservice',
        },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    },
  ];
}

/** Byte for byte, versions too; only the Deployment's own controller may write that it has seen it. */
function foreignState(cluster: ClusterArg): string {
  const get = (...what: string[]): string => cluster.kubectl(['get', ...what, '-o', 'json', '--show-managed-fields']);
  const { metadata, spec } = JSON.parse(get('-n', 'istio-system', 'deployment/istiod')) as {
    metadata: Record<string, unknown>;
    spec: unknown;
  };
  return [
    JSON.stringify([metadata['generation'], metadata['labels'], spec]),
    get('mutatingwebhookconfiguration/istio-sidecar-injector'),
    get('validatingwebhookconfiguration/istio-validator-istio-system'),
    get('crd/virtualservices.networking.istio.io'),
    get('-n', 'istio-system', 'secret/istio-ca-secret'),
    get('-n', 'istio-system', 'configmap/istio'),
  ].join('\n');
}

/** Its schema lets it pass. */
function badPattern(): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'wrong' },
    spec: {
      hosts: ['a'],
      http: [{ match: [{ uri: { regex: '(' } }], route: [{ destination: { host: 'a' } }] }],
    },
  };
}

/** Its match says two things about one path. */
function refusedHere(): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'bad' },
    spec: {
      hosts: ['a'],
      http: [{ match: [{ uri: { exact: '/a', prefix: '/b' } }], route: [{ destination: { host: 'a' } }] }],
    },
  };
}
