import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { brokenPod, isOfPod } from './broken-pod.ts';
import { type ConfEdit, type ConfFile, firstConf, withoutPlugin, withPlugin } from './conf-list.ts';

const ENTRY = { kubeconfig: '/k', capabilities: { a: true } };
const LIST: ConfFile = {
  name: '10-net.conflist',
  text: JSON.stringify({ cniVersion: '1.0.0', name: 'net', plugins: [{ type: 'bridge' }, { type: 'portmap' }] }),
};

function written(edit: ConfEdit): ConfFile {
  assert.ok('write' in edit, JSON.stringify(edit));
  return edit.write;
}

describe("the node's configuration", () => {
  it('is the first file by name that a runtime reads', () => {
    assert.equal(firstConf(['README', '20-b.conf', '10-a.conflist', '.05.conf', '99.json']), '10-a.conflist');
    assert.equal(firstConf(['a.bak']), undefined);
  });

  it('gets our entry behind the others, once', () => {
    const first = written(withPlugin(LIST, ENTRY));
    const { plugins } = JSON.parse(first.text) as { plugins: { type: string }[] };
    assert.deepEqual(
      plugins.map(({ type }) => type),
      ['bridge', 'portmap', 'topsail-cni'],
    );
    assert.deepEqual(withPlugin(first, ENTRY), { unchanged: true });
    const again = JSON.parse(written(withPlugin(first, { kubeconfig: '/other' })).text) as { plugins: unknown[] };
    assert.deepEqual(again.plugins.at(-1), { type: 'topsail-cni', kubeconfig: '/other' });
  });

  it('of one plugin becomes a list, and that plugin again', () => {
    const only = { cniVersion: '0.3.1', name: 'net', type: 'bridge', ipam: { type: 'host-local' } };
    const edit = withPlugin({ name: '10-net.conf', text: JSON.stringify(only) }, ENTRY);
    assert.equal(written(edit).name, '10-net.conflist');
    assert.equal('remove' in edit ? edit.remove : '', '10-net.conf');
    // Another setting of ours does not lose the way back.
    const back = withoutPlugin(written(withPlugin(written(edit), { kubeconfig: '/other' })));
    assert.equal(written(back).name, '10-net.conf');
    assert.equal('remove' in back ? back.remove : '', '10-net.conflist');
    assert.deepEqual(JSON.parse(written(back).text), only);
  });

  it('that cannot be read is left as it is, with its name', () => {
    for (const text of ['{', '[]', '{"plugins":[]}', '{"plugins":{}}', '{}'])
      assert.match((withPlugin({ name: 'x.conflist', text }, ENTRY) as { problem: string }).problem, /^x\.conflist: /);
  });

  it('is what it was once we are gone, whatever else is in it', () => {
    const plugin = fc.record({ type: fc.constantFrom('bridge', 'istio-cni', 'calico'), more: fc.jsonValue() });
    fc.assert(
      fc.property(fc.array(plugin, { minLength: 1 }), fc.string(), (plugins, name) => {
        const text = JSON.stringify({ cniVersion: '1.0.0', name, plugins });
        const back = written(withoutPlugin(written(withPlugin({ name: 'a.conflist', text }, ENTRY))));
        assert.deepEqual(JSON.parse(back.text), JSON.parse(text));
      }),
    );
  });
});

describe('a pod that started before the plugin', () => {
  const pod = (check: object | undefined, more: object = {}) => ({
    metadata: { namespace: 'shop', name: 'web', uid: 'u-1', annotations: { 'topsail.io/capture': 'cni' } },
    status: {
      phase: 'Pending',
      initContainerStatuses: check === undefined ? [] : [{ name: 'istio-validation', restartCount: 2, ...check }],
    },
    ...more,
  });
  const failed = { terminated: { exitCode: 126 } };

  it('is known by the end of its check', () => {
    const broken = { namespace: 'shop', name: 'web', uid: 'u-1', failures: 3 };
    assert.deepEqual(brokenPod(pod({ state: failed })), broken);
    assert.deepEqual(brokenPod(pod({ state: { waiting: {} }, lastState: failed })), broken);
  });

  it('needs nothing when its check went well, failed otherwise, or it goes already', () => {
    assert.equal(brokenPod(pod(undefined)), undefined);
    assert.equal(brokenPod(pod({ state: { terminated: { exitCode: 0 } }, lastState: failed })), undefined);
    assert.equal(brokenPod(pod({ state: { terminated: { exitCode: 1 } } })), undefined);
    const going = pod({ state: failed });
    assert.equal(brokenPod({ ...going, metadata: { ...going.metadata, deletionTimestamp: 'now' } }), undefined);
    assert.equal(brokenPod({ ...going, metadata: { ...going.metadata, annotations: {} } }), undefined);
  });

  it('is found among processes by its cgroups', () => {
    const uid = '0f6e-11-22';
    assert.ok(isOfPod(`0::/kubepods/burstable/pod${uid}/abc`, uid));
    assert.ok(isOfPod('0::/kubepods.slice/kubepods-pod0f6e_11_22.slice/cri-abc.scope', uid));
    assert.ok(!isOfPod('0::/kubepods/podother/abc', uid));
  });
});
