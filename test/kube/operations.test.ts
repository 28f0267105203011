// Under load nothing fails: rolling restarts, scaling, a drained node, a restarted control plane, a second revision; namespaces join one by one.
import assert from 'node:assert/strict';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { statusFrom } from './gateway-client.ts';
import { app, applyAll, loader, takeLoad } from './mesh-apps.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const HUB = 'topsail.local';
const IMAGE = `${HUB}/bookshop:${VERSION}`;
const IDLE = 'setInterval(() => {}, 1000)';
const SMALL = [
  '--set',
  'values.pilot.resources.requests.cpu=10m',
  '--set',
  'values.pilot.resources.requests.memory=100Mi',
  '--set',
  'values.pilot.autoscaleEnabled=false',
  '--set',
  'values.global.proxy.resources.requests.cpu=10m',
  '--set',
  'values.global.proxy.resources.requests.memory=40Mi',
];

/** A drained node takes its control plane along: with another one, proxies hear of the pods that go with it. */
const TWO = ['--set', 'values.pilot.autoscaleEnabled=true', '--set', 'values.pilot.autoscaleMin=2'];

const test: KubeTest = {
  title: 'Operations under load',
  seconds: 250,
  nodes: 2,
  run: async (cluster, step) => {
    const rollout = (namespace: string, deployment: string): void => {
      cluster.kubectl(['-n', namespace, 'rollout', 'restart', `deploy/${deployment}`]);
      cluster.kubectl(['-n', namespace, 'rollout', 'status', `deploy/${deployment}`, '--timeout=600s']);
    };
    const steady = async (title: string, change: () => void | Promise<void>): Promise<void> => {
      await step(`${title}: no request fails`, async () => {
        takeLoad(cluster, 'load', 'client');
        await change();
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const { count, failed, failures } = takeLoad(cluster, 'load', 'client');
        assert.ok(count > 50, `only ${count} requests were made`);
        assert.equal(failed, 0, `${failed} of ${count} failed: ${failures.join('; ')}`);
      });
    };
    await step('images, minimal profile, a server of three pods and its caller', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
      mustTopsail(cluster, [
        'install',
        '--set',
        'profile=minimal',
        ...SMALL,
        ...TWO,
        '-y',
        '--readiness-timeout',
        '600s',
      ]);
      cluster.kubectl(['create', 'namespace', 'load']);
      cluster.kubectl(['label', 'namespace', 'load', 'istio-injection=enabled']);
      applyAll(cluster, 'load', [
        ...app({ name: 'server', image: IMAGE, replicas: 3 }),
        // A drain evicts all pods of a node at once, were they the only ones: this is how it is told not to.
        {
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { name: 'server' },
          spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'server' } } },
        },
        ...loader({ name: 'client', image: IMAGE, target: 'http://server:8080/', node: 'n1' }),
      ]);
      cluster.kubectl(['-n', 'load', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
    });
    await until('two control planes', 60, () => replicasReady(cluster) === '2');
    await until('answers', 30, () => takeLoad(cluster, 'load', 'client').count > 0);
    for (const which of ['first', 'second']) await steady(`${which} rolling restart`, () => rollout('load', 'server'));
    await steady('scaling to one pod and back', () => {
      for (const replicas of [1, 4]) {
        cluster.kubectl(['-n', 'load', 'scale', 'deploy/server', `--replicas=${replicas}`]);
        cluster.kubectl(['-n', 'load', 'rollout', 'status', 'deploy/server', '--timeout=600s']);
      }
    });
    await steady('restarting the control plane', () => rollout('istio-system', 'istiod'));
    await steady('draining a node', () => {
      const drain = ['drain', 'n2', '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=600s'];
      cluster.kubectl(drain);
      cluster.kubectl(['uncordon', 'n2']);
      cluster.kubectl(['-n', 'istio-system', 'rollout', 'status', 'deploy/istiod', '--timeout=600s']);
      cluster.kubectl(['-n', 'load', 'rollout', 'status', 'deploy/server', '--timeout=600s']);
    });
    await steady('moving to a second revision', () => {
      mustTopsail(cluster, [
        'install',
        '--revision',
        'next',
        '--set',
        'profile=minimal',
        ...SMALL,
        '-y',
        '--readiness-timeout',
        '600s',
      ]);
      cluster.kubectl(['label', 'namespace', 'load', 'istio-injection-', 'istio.io/rev=next', '--overwrite']);
      rollout('load', 'server');
      const revisions = cluster.kubectl([
        '-n',
        'load',
        'get',
        'pods',
        '-l',
        'app=server',
        '-o',
        'jsonpath={.items[*].metadata.annotations.istio\\.io/rev}',
      ]);
      assert.ok(revisions.includes('next'), revisions);
    });
    await step('the first revision goes, and its last proxy with it', async () => {
      rollout('load', 'client');
      mustTopsail(cluster, ['uninstall', '--revision', 'default', '-y']);
      await until('answers', 30, () => takeLoad(cluster, 'load', 'client').count > 0);
      takeLoad(cluster, 'load', 'client');
      rollout('load', 'server');
      const { failed, failures } = takeLoad(cluster, 'load', 'client');
      assert.equal(failed, 0, failures.join('; '));
    });
    await adoption(cluster, step, rollout);
  },
};

export default test;

function replicasReady(cluster: Parameters<KubeTest['run']>[0]): string {
  return cluster.kubectl([
    ...['-n', 'istio-system', 'get', 'deploy', 'istiod'],
    ...['-o', 'jsonpath={.status.readyReplicas}'],
  ]);
}

/** Outside, PERMISSIVE, STRICT: each namespace by itself, the others undisturbed. */
async function adoption(
  cluster: Parameters<KubeTest['run']>[0],
  step: Parameters<KubeTest['run']>[1],
  rollout: (namespace: string, deployment: string) => void,
): Promise<void> {
  const ask = (namespace: string): string => statusFrom(cluster, namespace, 'caller', 'http://server.load:8080/');
  await step('pods outside of the mesh reach PERMISSIVE ones', async () => {
    cluster.kubectl(['create', 'namespace', 'outside']);
    applyAll(cluster, 'outside', app({ name: 'caller', image: IMAGE, script: IDLE }));
    cluster.kubectl(['-n', 'outside', 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
    await until('an answer', 20, () => ask('outside') === '200');
  });
  await step('and not STRICT ones, which the mesh still reaches', async () => {
    const strict = {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'default' },
      spec: { mtls: { mode: 'STRICT' } },
    };
    applyAll(cluster, 'load', [strict]);
    await until('the refusal', 45, () => ask('outside') !== '200');
    takeLoad(cluster, 'load', 'client');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { count, failed, failures } = takeLoad(cluster, 'load', 'client');
    assert.ok(count > 20);
    assert.equal(failed, 0, failures.join('; '));
  });
  await step('until their namespace joins', async () => {
    cluster.kubectl(['label', 'namespace', 'outside', 'istio.io/rev=next']);
    rollout('outside', 'caller');
    await until('an answer', 30, () => ask('outside') === '200');
    const { failed, failures } = takeLoad(cluster, 'load', 'client');
    assert.equal(failed, 0, failures.join('; '));
  });
}
