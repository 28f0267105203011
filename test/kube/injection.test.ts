// What injection offers beside the usual, each seen once: custom templates, threads of a proxy, roots bound to trust domains, and
// what the CNI plugin does with pods that came before it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { VERSION } from '../../src/main/version.ts';
import type { Cluster } from './cluster.ts';
import { statusFrom } from './gateway-client.ts';
import { app, applyAll, strict } from './mesh-apps.ts';
import { askWithCertificate, makePartnerCa, type PartnerCa } from './partner-ca.ts';
import type { KubeTest, Step } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const IMAGE = `topsail.local/bookshop:${VERSION}`;
const IDLE = 'setInterval(() => {}, 1000)';
const SERVER = 'server.meshed.svc.cluster.local';
/** A patch as an operator writes it: into the proxy, beside the application, onto the pod. */
const TEMPLATE = `metadata:
  labels: { team: harbour }
  annotations: { example.org/added: "yes" }
spec:
  containers:
  - name: istio-proxy
    env:
    - { name: FROM_TEMPLATE, value: set }
  volumes:
  - name: scratch
    emptyDir: {}
`;

const test: KubeTest = {
  title: 'Injection and CNI, the rarer settings',
  seconds: 240,
  long: 'it takes four minutes',
  run: async (cluster, step) => {
    const partner = makePartnerCa();
    try {
      await step('install with a custom template and the roots of a partner', () => {
        install(cluster, operator(partner, {}));
        cluster.kubectl(['create', 'namespace', 'meshed']);
        cluster.kubectl(['label', 'namespace', 'meshed', 'istio-injection=enabled']);
        applyAll(cluster, 'meshed', [
          ...app({
            name: 'server',
            image: IMAGE,
            annotations: { 'proxy.istio.io/config': 'concurrency: 2', 'inject.istio.io/templates': 'sidecar,extra' },
          }),
          ...app({ name: 'caller', image: IMAGE, script: IDLE }),
        ]);
        cluster.kubectl(['-n', 'meshed', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
      });
      await injected(cluster, step);
      await bound(cluster, step, partner);
      await repair(cluster, step, partner);
    } finally {
      partner.remove();
    }
  },
};

export default test;

function operator(partner: PartnerCa, more: { readonly cni?: object }): string {
  return JSON.stringify({
    apiVersion: 'install.istio.io/v1alpha1',
    kind: 'IstioOperator',
    spec: {
      profile: 'minimal',
      meshConfig: {
        trustDomainAliases: ['partner.example'],
        caCertificates: [{ pem: partner.root, trustDomains: ['partner.example'] }],
      },
      ...(more.cni === undefined ? {} : { components: { cni: { enabled: true } } }),
      values: {
        pilot: { autoscaleEnabled: false, resources: { requests: { cpu: '10m', memory: '100Mi' } } },
        global: { proxy: { resources: { requests: { cpu: '10m', memory: '40Mi' } } } },
        sidecarInjectorWebhook: { templates: { extra: TEMPLATE } },
        ...(more.cni === undefined ? {} : { cni: more.cni }),
      },
    },
  });
}

function install(cluster: Cluster, text: string): void {
  mustTopsail(cluster, ['install', '-f', '-', '-y', '--readiness-timeout', '600s'], text);
}

interface PodJson {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly initContainers: readonly { name: string; env?: readonly { name: string; value?: string }[] }[];
    readonly volumes: readonly { readonly name: string }[];
  };
  readonly status: { readonly podIP: string };
}

function podOf(cluster: Cluster, name: string): PodJson | undefined {
  const query = ['-n', 'meshed', 'get', 'pods', '-l', `app=${name}`, '-o', 'json'];
  return (JSON.parse(cluster.kubectl(query)) as { items: PodJson[] }).items[0];
}

async function injected(cluster: Cluster, step: Step): Promise<void> {
  await step('a template patches proxy and pod of those that choose it', () => {
    const [server, caller] = [podOf(cluster, 'server') as PodJson, podOf(cluster, 'caller') as PodJson];
    const proxy = server.spec.initContainers.find(({ name }) => name === 'istio-proxy');
    assert.ok(proxy?.env?.some(({ name, value }) => name === 'FROM_TEMPLATE' && value === 'set'));
    assert.equal(server.metadata.labels['team'], 'harbour');
    assert.equal(server.metadata.annotations['example.org/added'], 'yes');
    assert.ok(server.spec.volumes.some(({ name }) => name === 'scratch'));
    assert.equal(caller.metadata.labels['team'], undefined);
  });
  await step('a proxy of two threads serves on both, and says so', async () => {
    const page = (path: string): string =>
      cluster.kubectl([
        ...['-n', 'meshed', 'exec', 'deploy/server', '-c', 'app', '--', '/usr/local/bin/node', '-e'],
        `fetch('http://127.0.0.1:15000${path}').then((r) => r.text()).then(console.log)`,
      ]);
    assert.match(page('/server_info'), /"concurrency": ?2/);
    await until('an answer', 45, () => statusFrom(cluster, 'meshed', 'caller', `http://${SERVER}:8080/`) === '200');
    for (let i = 0; i < 8; i++) assert.equal(statusFrom(cluster, 'meshed', 'caller', `http://${SERVER}:8080/`), '200');
    assert.match(page('/stats/prometheus'), /istio_requests_total\{[^}]*\} \d+/);
  });
}

async function bound(cluster: Cluster, step: Step, partner: PartnerCa): Promise<void> {
  await step("a partner's root vouches for the partner's identities, and for nobody of the mesh", async () => {
    applyAll(cluster, 'meshed', [strict()]);
    const map = [
      '-n',
      'meshed',
      'get',
      'configmap',
      'istio-ca-root-cert',
      '-o',
      'jsonpath={.data.trust-domains\\.json}',
    ];
    await until('the binding in the namespace', 60, () => cluster.kubectl(map).includes('partner.example'));
    const ip = podOf(cluster, 'server')?.status.podIP ?? '';
    const own = partner.issue('spiffe://partner.example/ns/edge/sa/client');
    const claimed = partner.issue('spiffe://cluster.local/ns/meshed/sa/caller');
    const ask = (as: typeof own): Promise<string> => askWithCertificate(ip, 8080, SERVER, as);
    await until('the partner to be let in', 90, async () => (await ask(own)) === '200');
    assert.notEqual(await ask(claimed), '200');
    assert.equal(await ask(own), '200', 'the other one was refused for its identity, not for the moment');
  });
}

/** The pod `name` starts on a node whose network has no plugin: its check fails until somebody does something. */
async function startsWithout(cluster: Cluster, name: string, file: string, plain: string): Promise<string> {
  const place = (nodeSelector: object): void =>
    void cluster.kubectl([
      ...['-n', 'istio-system', 'patch', 'ds', 'istio-cni-node', '--type=merge', '-p'],
      JSON.stringify({ spec: { template: { spec: { nodeSelector } } } }),
    ]);
  const agents = ['-n', 'istio-system', 'get', 'pods', '-l', 'k8s-app=istio-cni-node', '-o', 'name'];
  place({ absent: 'true' });
  await until('the agent to go', 90, () => cluster.kubectl(agents).trim() === '');
  writeFileSync(file, plain);
  applyAll(cluster, 'meshed', app({ name, image: IMAGE }));
  await until('its check to fail', 120, () =>
    /"exitCode":126/.test(JSON.stringify(podOf(cluster, name)?.status ?? {})),
  );
  const uid = podOf(cluster, name)?.metadata.uid ?? '';
  place({ absent: null } as object);
  return uid;
}

/** Undefined while it is not there, or not whole. */
function jsonOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch {
    return undefined;
  }
}

async function repair(cluster: Cluster, step: Step, partner: PartnerCa): Promise<void> {
  const [folder, programs] = [join(cluster.folder(1), 'cni'), join(cluster.folder(1), 'cnibin')];
  const file = join(folder, '10-bridge.conflist');
  const plain = readFileSync(file, 'utf8');
  const places = { cniBinDir: programs, cniConfDir: folder };
  await step('deletePods: a pod that came before the plugin is deleted, and its successor is captured', async () => {
    install(cluster, operator(partner, { cni: { ...places, repair: { repairPods: false, deletePods: true } } }));
    const uid = await startsWithout(cluster, 'deleted', file, plain);
    await until('another pod', 120, () => ![uid, undefined].includes(podOf(cluster, 'deleted')?.metadata.uid));
    cluster.kubectl(['-n', 'meshed', 'wait', '--for=condition=Available', 'deploy/deleted', '--timeout=600s']);
    await until('an answer', 45, () => statusFrom(cluster, 'meshed', 'deleted', 'http://server:8080/') === '200');
  });
  await step('labelPods: it is labelled, and left to its owner', async () => {
    install(cluster, operator(partner, { cni: { ...places, repair: { repairPods: false, labelPods: true } } }));
    const uid = await startsWithout(cluster, 'labelled', file, plain);
    const label = (): string | undefined => podOf(cluster, 'labelled')?.metadata.labels['cni.istio.io/uninitialized'];
    await until('the label', 120, () => label() === 'true');
    assert.equal(podOf(cluster, 'labelled')?.metadata.uid, uid);
  });
  await step('chained: false writes a configuration of its own, and leaves the network as it is', async () => {
    writeFileSync(file, plain);
    install(cluster, operator(partner, { cni: { ...places, chained: false, cniConfFileName: 'YYY-istio-cni.conf' } }));
    const own = join(folder, 'YYY-istio-cni.conf');
    // Its own file comes first: nothing is without the plugin meanwhile.
    await until('the file', 120, () => (jsonOf(own) as { type?: string } | undefined)?.type === 'topsail-cni');
    await until('the network as it was', 120, () => isDeepStrictEqual(jsonOf(file), JSON.parse(plain)));
    mustTopsail(cluster, ['uninstall', '--purge', '-y']);
    await until('it to go', 120, () => !existsSync(own));
  });
}
