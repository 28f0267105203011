import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '#base';
import { KubeClient, type KubeObject, type KubeRequest } from '#kube';
import { checkImage } from './image-check.ts';

const SETTINGS = {
  image: 'registry.example.com/mesh/topsail:1',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: ['pull'],
  namespace: 'istio-system',
};

function node(name: string, images: readonly string[] = [], ready = 'True'): KubeObject {
  return {
    metadata: { name },
    status: { conditions: [{ type: 'Ready', status: ready }], images: [{ names: images }] },
  };
}

/** `states`: of the pod of a node, one after the other; the last stays. */
function cluster(nodes: readonly KubeObject[], states: Readonly<Record<string, readonly object[]>>) {
  const clock = new FakeClock();
  const pods = new Map<string, { readonly node: string; asked: number }>();
  const made: KubeObject[] = [];
  const answer = (body: unknown, status = 200) => ({ status, body: JSON.stringify(body), retryAfterMs: 0 });
  const call = async ({ method, path, body }: KubeRequest) => {
    const { pathname } = new URL(path, 'http://api');
    if (pathname.endsWith('/nodes')) return answer({ metadata: {}, items: nodes });
    if (pathname.includes('/api/v1/namespaces/istio-system') && !pathname.includes('/pods')) return answer({}, 404);
    const name = pathname.slice(pathname.lastIndexOf('/') + 1);
    if (method === 'POST') {
      const pod = JSON.parse(body ?? '') as KubeObject & { spec: { nodeName: string } };
      made.push(pod);
      pods.set(`check-${pods.size}`, { node: pod.spec.nodeName, asked: 0 });
      return answer({ metadata: { name: `check-${pods.size - 1}` } }, 201);
    }
    if (method === 'DELETE') return answer(pods.delete(name) ? {} : {}, 200);
    const pod = pods.get(name);
    const all = states[pod?.node ?? ''] ?? [];
    const state = all[Math.min(pod === undefined ? 0 : pod.asked++, all.length - 1)];
    return answer({ metadata: { name }, status: state === undefined ? {} : { containerStatuses: [{ state }] } });
  };
  const stream = (): never => {
    throw new Error('nothing is watched');
  };
  const client = new KubeClient({ transport: { call, stream }, fieldManager: 'test' });
  const run = async () => {
    const checked = checkImage(SETTINGS, { client, clock, timeoutMs: 60_000 });
    let over = false;
    void checked.finally(() => (over = true));
    for (let i = 0; i < 1000 && !over; i++) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      clock.advance(300);
    }
    return await checked;
  };
  return { run, pods, made };
}

const waiting = (reason: string, message = ''): object => ({ waiting: { reason, message } });

describe('the check of an image', () => {
  it('asks nobody where all nodes list it, or none is ready', async () => {
    const { run, made } = cluster([node('a', [SETTINGS.image]), node('b', [], 'False')], {});
    assert.deepEqual(await run(), { kind: 'there' });
    assert.equal(made.length, 0);
  });

  it('starts a pod on nodes that do not, and takes it away', async () => {
    const states = { b: [waiting('ContainerCreating'), { terminated: { exitCode: 0 } }] };
    const { run, made, pods } = cluster([node('a', [SETTINGS.image]), node('b')], states);
    assert.deepEqual(await run(), { kind: 'there' });
    assert.equal(made.length, 1);
    assert.equal(made[0]?.metadata.namespace, 'default', 'its own namespace is not there yet');
    assert.equal(pods.size, 0);
  });

  it("tells the kubelet's reason when it gives up", async () => {
    const states = { b: [waiting('ErrImagePull', 'one try'), waiting('ImagePullBackOff', 'no such host')] };
    const { run, pods } = cluster([node('b')], states);
    assert.deepEqual(await run(), { kind: 'missing', node: 'b', reason: 'no such host' });
    assert.equal(pods.size, 0);
  });

  it('does not know where nothing is told in time', async () => {
    const { run, pods } = cluster([node('fake')], {});
    assert.deepEqual(await run(), { kind: 'unknown', reason: 'fake: the pod has not begun' });
    assert.equal(pods.size, 0);
  });
});
