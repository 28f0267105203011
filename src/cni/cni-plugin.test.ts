import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { answerCni, type CniPluginParts } from './cni-plugin.ts';

const PREV = { cniVersion: '1.0.0', ips: [{ address: '10.1.2.3/24' }], interfaces: [{ name: 'eth0' }] };
const CAPTURED = { 'topsail.io/capture': 'cni' };

interface Ask {
  readonly command?: string;
  readonly env?: Record<string, string>;
  readonly config?: Record<string, unknown>;
  readonly input?: string;
  readonly parts?: Partial<CniPluginParts>;
}

async function ask({ command = 'ADD', env = {}, config = {}, input, parts = {} }: Ask) {
  const applied: string[] = [];
  const answer = await answerCni(
    {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'c1',
      CNI_IFNAME: 'eth0',
      CNI_NETNS: '/run/netns/p',
      CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1',
      ...env,
    },
    input ?? JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'topsail-cni', prevResult: PREV, ...config }),
    {
      annotationsOf: async () => CAPTURED,
      rulesOf: (annotations) =>
        annotations['bad'] === undefined ? { rules: 'the rules' } : { problem: 'the annotation bad is none' },
      apply: (netns, rules) => void applied.push(`${netns}: ${rules}`),
      isCaptured: () => true,
      ...parts,
    },
  );
  return {
    ...answer,
    said: answer.text === '' ? undefined : (JSON.parse(answer.text) as Record<string, unknown>),
    applied,
  };
}

const handedOver = (annotations: Record<string, string>) => ({
  runtimeConfig: { 'io.kubernetes.cri.pod-annotations': annotations },
});

describe('ADD', () => {
  it('captures a pod that injection marked, and passes on what the plugins before it made', async () => {
    const done = await ask({ config: handedOver(CAPTURED) });
    assert.deepEqual([done.status, done.said], [0, PREV]);
    assert.deepEqual(done.applied, ['/run/netns/p: the rules']);
  });

  it('asks the API server where the runtime does not hand the annotations over', async () => {
    const asked: string[] = [];
    const done = await ask({
      config: { kubeconfig: '/k' },
      parts: {
        annotationsOf: async ({ namespace, name }, kubeconfig) => {
          asked.push(`${namespace}/${name} by ${kubeconfig}`);
          return CAPTURED;
        },
      },
    });
    assert.deepEqual(asked, ['shop/web-1 by /k']);
    assert.equal(done.applied.length, 1);
  });

  const untouched: Record<string, Ask> = {
    'a pod without the mark': { config: handedOver({ other: 'x' }) },
    'an excluded namespace': { config: { ...handedOver(CAPTURED), excludeNamespaces: ['shop'] } },
    'what is no pod': { env: { CNI_ARGS: '' } },
    'a pod that the API server does not know': { parts: { annotationsOf: async () => undefined } },
  };
  for (const [what, given] of Object.entries(untouched))
    it(`leaves ${what} as it is`, async () => {
      const done = await ask(given);
      assert.deepEqual([done.status, done.said, done.applied], [0, PREV, []]);
    });

  it('does not wait for credentials that its own agent brings', async () => {
    const done = await ask({
      env: { CNI_ARGS: 'K8S_POD_NAMESPACE=istio-system;K8S_POD_NAME=istio-cni-node-x7' },
      config: { agentNamespace: 'istio-system' },
      parts: { annotationsOf: async () => Promise.reject(new Error('no credentials')) },
    });
    assert.equal(done.status, 0);
  });

  it('alone, without a chain, answers with an empty result', async () => {
    assert.deepEqual((await ask({ config: { prevResult: undefined, cniVersion: '0.4.0' } })).said, {
      cniVersion: '0.4.0',
    });
  });

  const refused: Record<string, readonly [Ask, number, RegExp]> = {
    'an API server that does not answer': [
      { parts: { annotationsOf: async () => Promise.reject(new Error('no route')) } },
      11,
      /annotations of shop\/web-1 cannot be read/,
    ],
    'annotations that cannot be read': [
      { config: handedOver({ ...CAPTURED, bad: '1' }) },
      100,
      /the annotation bad is none/,
    ],
    'rules that nft refuses': [{ parts: { apply: () => 'no nf_tables' } }, 101, /cannot be redirected/],
    'a version of another time': [{ config: { cniVersion: '9.9.9' } }, 1, /9\.9\.9/],
    'no network namespace': [{ env: { CNI_NETNS: '' } }, 4, /CNI_NETNS must be set for ADD/],
    'a command that is none': [{ command: 'JUMP' }, 4, /CNI_COMMAND is "JUMP"/],
    'what is no JSON': [{ input: '{' }, 6, /no JSON/],
    'a field of another type': [{ config: { excludeNamespaces: 'shop' } }, 7, /excludeNamespaces must be a list/],
  };
  for (const [what, [given, code, message]] of Object.entries(refused))
    it(`fails with ${what}`, async () => {
      const done = await ask(given);
      assert.equal(done.status, 1);
      assert.equal(done.said?.['code'], code);
      assert.match(String(done.said?.['msg']), message);
      assert.equal(typeof done.said?.['cniVersion'], 'string');
    });
});

describe('the other commands', () => {
  it('CHECK fails when the rules are gone', async () => {
    assert.deepEqual((await ask({ command: 'CHECK' })).text, '');
    const gone = await ask({ command: 'CHECK', parts: { isCaptured: () => false } });
    assert.deepEqual([gone.status, gone.said?.['code']], [1, 102]);
  });

  it('DEL goes well whatever is left of the pod', async () => {
    const done = await ask({
      command: 'DEL',
      env: { CNI_NETNS: '' },
      parts: { annotationsOf: async () => Promise.reject(new Error('gone')) },
    });
    assert.deepEqual([done.status, done.text, done.applied], [0, '', []]);
  });

  it('VERSION names what is spoken, with a configuration or without', async () => {
    for (const input of ['', '{"cniVersion":"0.4.0"}']) {
      const { said } = await ask({ command: 'VERSION', input });
      assert.ok((said?.['supportedVersions'] as string[] | undefined)?.includes('1.0.0'));
    }
  });
});

describe('whatever is asked', () => {
  it('an answer is nothing or JSON, and a failure has a code', async () => {
    const text = fc.oneof(fc.constantFrom('ADD', 'DEL', 'CHECK', 'VERSION', 'GC', 'STATUS', ''), fc.string());
    await fc.assert(
      fc.asyncProperty(text, fc.string(), fc.oneof(fc.string(), fc.json()), async (command, args, input) => {
        const done = await ask({ command, env: { CNI_ARGS: args }, input });
        if (done.status === 1) assert.equal(typeof done.said?.['code'], 'number');
      }),
    );
  });
});
