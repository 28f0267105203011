import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ok } from '#base';
import type { KubeClient } from '#kube';
import { inChosenMesh } from './cluster-mesh.ts';
import { fakeContext } from './context.testing.ts';
import type { CliContext } from './context.ts';
import { openMesh } from './mesh-client.ts';

/** Answers by pod and path; what is not there ends as the command does. */
function cluster(pods: Record<string, Record<string, unknown>>): { context: CliContext; asked: string[] } {
  const asked: string[] = [];
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
  const items = Object.keys(pods).map((name) => ({ metadata: { name }, status: ready }));
  const gone = { metadata: { name: 'going', deletionTimestamp: 'now' }, status: ready };
  const context: CliContext = {
    ...fakeContext({}).context,
    cluster: {},
    kube: async () => ({ list: async () => ok([...items, gone]) }) as unknown as KubeClient,
    inPod: async (_, { pod, namespace, container, command }) => {
      const [method, path = ''] = command.slice(-2);
      asked.push(`${namespace}/${pod}/${container} ${method} ${path}`);
      const answer = pods[pod]?.[path];
      return answer === undefined
        ? { status: 1, out: '', err: `error: ${pod} knows no ${path}\n` }
        : { status: 0, out: JSON.stringify(answer), err: '' };
    },
  };
  return { context, asked };
}

describe("a cluster's mesh", () => {
  it('has the proxies of all replicas', async () => {
    const { context, asked } = cluster({ a: { '/api/v1/proxies': [1, 2] }, b: { '/api/v1/proxies': [3] } });
    const mesh = await openMesh(context, undefined);
    assert.deepEqual(await mesh.get('/api/v1/proxies'), [1, 2, 3]);
    assert.deepEqual(asked, [
      'istio-system/a/discovery GET /api/v1/proxies',
      'istio-system/b/discovery GET /api/v1/proxies',
    ]);
  });

  it('answers from the replica that knows, else as the last one', async () => {
    const { context } = cluster({ a: {}, b: { '/api/v1/proxies/x/config': { listeners: [] } } });
    const mesh = await openMesh(context, undefined);
    assert.deepEqual(await mesh.get('/api/v1/proxies/x/config'), { listeners: [] });
    await assert.rejects(mesh.get('/api/v1/other'), { message: 'b knows no /api/v1/other' });
  });

  it('says what to do where no control plane is ready', async () => {
    await assert.rejects(
      openMesh(cluster({}).context, undefined),
      /No control plane is ready in namespace istio-system/,
    );
  });
});

describe('which mesh is meant', () => {
  const none = { ...fakeContext({}).context, env: { KUBECONFIG: '/k' }, cwd: '/' };
  it("is the cluster's where flags name one, or none runs here", async () => {
    assert.deepEqual((await inChosenMesh(fakeContext({}).context, { revision: 'next' })).cluster?.revision, 'next');
    assert.ok(
      (await inChosenMesh({ ...none, resolvePath: (...parts) => (parts.at(-1) === '..' ? '/' : parts.join('/')) }, {}))
        .cluster,
    );
  });

  it("is this machine's where one runs, or --home names it", async () => {
    assert.equal((await inChosenMesh(fakeContext({}).context, {})).cluster, undefined);
    assert.equal((await inChosenMesh(none, { home: '/home/mesh' })).cluster, undefined);
  });
});
