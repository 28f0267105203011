// The CNI plugin: pods captured without a privileged container, pods that came before it repaired, and a node that is as it was.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { statusFrom } from './gateway-client.ts';
import { app, applyAll, strict, teapot } from './mesh-apps.ts';
import type { Cluster } from './cluster.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, topsail, until } from './topsail.ts';

const HUB = 'topsail.local';
const IMAGE = `${HUB}/bookshop:${VERSION}`;
const IDLE = 'setInterval(() => {}, 1000)';

interface Container {
  readonly name: string;
  readonly securityContext?: { readonly runAsUser?: number; readonly capabilities?: { readonly add?: unknown } };
}

const test: KubeTest = {
  title: 'the CNI plugin',
  seconds: 80,
  run: async (cluster, step) => {
    const [folder, programs] = [join(cluster.folder(1), 'cni'), join(cluster.folder(1), 'cnibin')];
    const file = join(folder, '10-bridge.conflist');
    const before = readFileSync(file, 'utf8');
    const plugins = (): readonly string[] =>
      (JSON.parse(readFileSync(file, 'utf8')) as { plugins: { type: string }[] }).plugins.map(({ type }) => type);
    const settings = [
      'profile=minimal',
      'components.cni.enabled=true',
      'values.global.proxy.resources.requests.cpu=10m',
    ]
      .concat(`values.cni.cniBinDir=${programs}`, `values.cni.cniConfDir=${folder}`)
      .flatMap((one) => ['--set', one]);
    await step('install puts it on the node, behind the plugins that are there', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
      mustTopsail(cluster, ['install', ...settings, '-y', '--readiness-timeout', '600s']);
      assert.deepEqual(plugins(), ['bridge', 'portmap', 'topsail-cni']);
      cluster.kubectl(['create', 'namespace', 'meshed']);
      cluster.kubectl(['label', 'namespace', 'meshed', 'istio-injection=enabled']);
      cluster.kubectl(['create', 'namespace', 'plain']);
    });
    await step('pods without a privileged container become ready', () => {
      applyAll(cluster, 'meshed', [
        ...app({ name: 'web', image: IMAGE }),
        ...app({ name: 'caller', image: IMAGE, script: IDLE }),
        teapot('web'),
      ]);
      applyAll(cluster, 'plain', app({ name: 'outsider', image: IMAGE, script: IDLE }));
      for (const namespace of ['meshed', 'plain'])
        cluster.kubectl(['-n', namespace, 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
      for (const { spec } of podsOf(cluster, 'meshed')) {
        assert.deepEqual(
          spec.initContainers?.map(({ name }) => name),
          ['istio-validation', 'istio-proxy'],
        );
        for (const one of [...(spec.initContainers ?? []), ...spec.containers]) {
          assert.notEqual(one.securityContext?.runAsUser, 0);
          assert.equal(one.securityContext?.capabilities?.add, undefined);
        }
      }
    });
    await step('what they send is captured: the proxy knows the route', async () => {
      const ask = (path: string): string => statusFrom(cluster, 'meshed', 'caller', `http://web:8080${path}`);
      await until('an answer', 45, () => ask('/') === '200');
      await until('the route', 30, () => ask('/teapot') === '418');
    });
    await step('what comes in is captured: STRICT lets nobody in without a certificate', async () => {
      const url = 'http://web.meshed:8080/';
      await until('an answer', 30, () => statusFrom(cluster, 'plain', 'outsider', url) === '200');
      applyAll(cluster, 'meshed', [strict()]);
      await until('a refusal', 45, () => statusFrom(cluster, 'plain', 'outsider', url) !== '200');
      assert.equal(statusFrom(cluster, 'meshed', 'caller', 'http://web:8080/'), '200');
    });
    await step('proxy-status and proxy-config ask the control plane of the cluster', async () => {
      const status = (): string => mustTopsail(cluster, ['proxy-status', '-i', 'istio-system']).out;
      const pod = /^(web-\S+)\.meshed /m.exec(status())?.[1] ?? '';
      await until('all to have it', 45, () => /^web-\S+\.meshed +\S+ +SYNCED +SYNCED +SYNCED +SYNCED /m.test(status()));
      const config = (...words: string[]): string =>
        mustTopsail(cluster, ['proxy-config', ...words, '--kubeconfig', cluster.kubeconfig]).out;
      assert.match(config('cluster', `${pod}.meshed`), /^web\.meshed\.svc\.cluster\.local +8080 /m);
      assert.match(config('route', pod, '-n', 'meshed'), /\/teapot/);
      assert.match(config('secret', pod, '-n', 'meshed'), /Cert Chain +ACTIVE +true/);
      const unknown = topsail(cluster, ['proxy-config', 'cluster', 'nobody.meshed', '-i', 'istio-system']);
      assert.equal(unknown.status, 1);
      assert.match(unknown.err, /nobody/);
      const empty = topsail(cluster, ['proxy-status', '-i', 'plain']);
      assert.match(empty.err, /No control plane is ready in namespace plain/);
    });
    await step('it comes back into a configuration that the network wrote anew', async () => {
      writeFileSync(file, before);
      await until('the entry', 60, () => plugins().includes('topsail-cni'));
    });
    await step(
      'without an agent and its entry a pod does not start, and is repaired when the agent is back',
      async () => {
        const absent = { spec: { template: { spec: { nodeSelector: { absent: 'true' } } } } };
        patchAgent(cluster, absent);
        await until('the agent to go', 60, () => agents(cluster) === 0);
        // An agent that is only replaced leaves everything: this is what a node has that was just made.
        assert.ok(plugins().includes('topsail-cni'));
        writeFileSync(file, before);
        applyAll(cluster, 'meshed', app({ name: 'early', image: IMAGE }));
        await until('its check to fail', 90, () => lastExit(cluster) === 126);
        patchAgent(cluster, { spec: { template: { spec: { nodeSelector: { absent: null } } } } });
        cluster.kubectl(['-n', 'meshed', 'wait', '--for=condition=Available', 'deploy/early', '--timeout=600s']);
        await until('an answer', 45, () => statusFrom(cluster, 'meshed', 'caller', 'http://early:8080/') === '200');
        assert.match(
          cluster.kubectl(['-n', 'istio-system', 'logs', 'ds/istio-cni-node']),
          /started without capture: captured/,
        );
      },
    );
    await step('uninstalled, the node is as it was', async () => {
      mustTopsail(cluster, ['uninstall', '--purge', '-y']);
      await until('the program to go', 60, () => !readdirSync(programs).some((name) => name.includes('topsail')));
      assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(before));
      assert.ok(!existsSync(join(folder, 'kubeconfig')));
      applyAll(cluster, 'plain', app({ name: 'after', image: IMAGE, script: IDLE }));
      cluster.kubectl(['-n', 'plain', 'wait', '--for=condition=Available', 'deploy/after', '--timeout=600s']);
    });
  },
};

export default test;

function podsOf(
  cluster: Cluster,
  namespace: string,
): readonly { readonly spec: { readonly initContainers?: Container[]; readonly containers: Container[] } }[] {
  return (JSON.parse(cluster.kubectl(['-n', namespace, 'get', 'pods', '-o', 'json'])) as { items: never[] }).items;
}

function patchAgent(cluster: Cluster, patch: object): void {
  cluster.kubectl(['-n', 'istio-system', 'patch', 'ds', 'istio-cni-node', '--type=merge', '-p', JSON.stringify(patch)]);
}

function agents(cluster: Cluster): number {
  const names = ['-n', 'istio-system', 'get', 'pods', '-l', 'k8s-app=istio-cni-node', '-o', 'name'];
  return cluster.kubectl(names).split('\n').filter(Boolean).length;
}

/** How the check of the pod `early` ended last. */
function lastExit(cluster: Cluster): number | undefined {
  const query = ['-n', 'meshed', 'get', 'pods', '-l', 'app=early', '-o', 'json'];
  const { items } = JSON.parse(cluster.kubectl(query)) as {
    items: { status: { initContainerStatuses?: { name: string; state?: Ended; lastState?: Ended }[] } }[];
  };
  const check = items[0]?.status.initContainerStatuses?.find(({ name }) => name === 'istio-validation');
  return (check?.state?.terminated ?? check?.lastState?.terminated)?.exitCode;
}

interface Ended {
  readonly terminated?: { readonly exitCode: number };
}
