// Revisions and tags over a cluster that is a list of objects.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeClient, type KubeObject, type KubeRequest } from '#kube';
import type { CliContext } from './context.ts';
import { fakeContext } from './context.testing.ts';
import { revisionDescribe, revisionList } from './revision.ts';
import { tagList, tagRemove, tagSet } from './tag.ts';

const OWNED = { 'app.kubernetes.io/managed-by': 'topsail' };
const OPTIONS = { istioNamespace: 'istio-system' };

/** Objects by the plural of their kind; lists, writes and removals of cluster-wide ones. */
function cluster(objects: Record<string, KubeObject[]>): { readonly context: CliContext; out(): string } {
  const { context, out } = fakeContext({});
  const answer = (body: unknown, status = 200) => ({ status, body: JSON.stringify(body), retryAfterMs: 0 });
  const call = async ({ method, path, body }: KubeRequest) => {
    const url = new URL(path, 'http://api');
    const [, plural = '', name] =
      /\/(pods|deployments|namespaces|mutatingwebhookconfigurations)(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    const all = (objects[plural] ??= []);
    if (method === 'PATCH') {
      const made = JSON.parse(body ?? '') as KubeObject;
      objects[plural] = [...all.filter(({ metadata }) => metadata.name !== name), made];
      return answer(made);
    }
    if (method === 'DELETE') {
      objects[plural] = all.filter(({ metadata }) => metadata.name !== name);
      return answer({});
    }
    const wanted = (url.searchParams.get('labelSelector') ?? '').split(',').filter((one) => one !== '');
    const items = all.filter(({ metadata: { labels = {} } }) =>
      wanted.every((one) => {
        const [key = '', value] = one.split('=');
        return labels[key] === value;
      }),
    );
    return answer({ metadata: {}, items });
  };
  const stream = (): never => {
    throw new Error('nothing is watched');
  };
  const client = new KubeClient({ transport: { call, stream }, fieldManager: 'test' });
  return { context: { ...context, kube: async () => client }, out };
}

function installed(): Record<string, KubeObject[]> {
  const revision = (name: string): KubeObject => ({
    metadata: {
      name: name === 'default' ? 'istiod' : `istiod-${name}`,
      namespace: 'istio-system',
      labels: { ...OWNED, app: 'istiod', 'istio.io/rev': name },
    },
    status: { replicas: 2, readyReplicas: 1 },
  });
  const hook = (name: string, labels: Record<string, string>): KubeObject => ({
    metadata: { name, labels: { ...OWNED, ...labels } },
  });
  const pod = (name: string, namespace: string, rev: string): KubeObject => ({
    metadata: { name, namespace, annotations: { 'istio.io/rev': rev } },
  });
  return {
    deployments: [revision('default'), revision('next')],
    mutatingwebhookconfigurations: [
      hook('istio-sidecar-injector', { 'istio.io/rev': 'default' }),
      hook('istio-sidecar-injector-next', { 'istio.io/rev': 'next' }),
      hook('istio-revision-tag-prod', { 'istio.io/rev': 'next', 'istio.io/tag': 'prod' }),
    ],
    namespaces: [
      { metadata: { name: 'shop', labels: { 'istio.io/rev': 'prod' } } },
      { metadata: { name: 'old', labels: { 'istio-injection': 'enabled' } } },
      { metadata: { name: 'plain' } },
    ],
    pods: [pod('a', 'shop', 'next'), pod('b', 'shop', 'next'), pod('c', 'shop', 'default'), pod('d', 'old', 'default')],
  };
}

describe('revision', () => {
  it('list shows control planes, their tags and who is enrolled', async () => {
    const { context, out } = cluster(installed());
    assert.equal(await revisionList(context, {}), 0);
    assert.match(out(), /^default\s+istio-system\s+1\/2\s+-\s+old\s*$/m);
    assert.match(out(), /^next\s+istio-system\s+1\/2\s+prod\s+shop\s*$/m);
  });

  it('describe counts the pods that have its proxy, by namespace', async () => {
    const { context, out } = cluster(installed());
    assert.equal(await revisionDescribe(context, 'next', {}), 0);
    assert.match(out(), /Tags: +prod\nPods: +2\n +shop: 2 pods\n$/);
    await assert.rejects(revisionDescribe(context, 'gone', {}), /There is no revision "gone".*revision list/);
  });
});

describe('tag remove', () => {
  it('is refused while namespaces use the tag, and says which', async () => {
    const objects = installed();
    const { context } = cluster(objects);
    await assert.rejects(tagRemove(context, 'prod', OPTIONS), /still use tag "prod": shop\. .* or say -y/);
    assert.equal(objects['mutatingwebhookconfigurations']?.length, 3);
  });

  it('takes the webhook of the tag away, and no other', async () => {
    const objects = installed();
    const { context, out } = cluster(objects);
    assert.equal(await tagRemove(context, 'prod', { ...OPTIONS, skipConfirmation: true }), 0);
    assert.match(out(), /Revision tag prod removed/);
    const left = objects['mutatingwebhookconfigurations']?.map(({ metadata }) => metadata.name);
    assert.deepEqual(left, ['istio-sidecar-injector', 'istio-sidecar-injector-next']);
    await assert.rejects(tagRemove(context, 'prod', OPTIONS), /There is no tag "prod"/);
  });
});

describe('tag remove of the default tag', () => {
  it('counts those that istio-injection=enabled enrols', async () => {
    const { context } = cluster(installed());
    await tagSet(context, 'default', { ...OPTIONS, revision: 'next' });
    await assert.rejects(tagRemove(context, 'default', OPTIONS), /still use tag "default": old\./);
  });
});

describe('tag set', () => {
  it('moves a tag only when told to', async () => {
    const { context, out } = cluster(installed());
    await assert.rejects(tagSet(context, 'prod', { ...OPTIONS, revision: 'default' }), /means revision "next" already/);
    await assert.rejects(tagSet(context, 'prod', { ...OPTIONS, revision: 'gone' }), /no revision "gone"/);
    assert.equal(await tagSet(context, 'prod', { ...OPTIONS, revision: 'default', overwrite: true }), 0);
    assert.equal(await tagList(context, OPTIONS), 0);
    assert.match(out(), /^prod\s+default\s+shop\s*$/m);
  });
});
