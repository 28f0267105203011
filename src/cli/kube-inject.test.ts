// kube-inject without a cluster, and a tag's webhook as text.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { load, loadAll } from 'js-yaml';
import { fakeContext } from './context.testing.ts';
import { kubeInject } from './kube-inject.ts';
import { tagGenerate } from './tag.ts';

const POD = (annotations: string, kind = 'Deployment'): string => `apiVersion: apps/v1
kind: ${kind}
metadata: { name: web, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web }, annotations: { ${annotations} } }
    spec: { containers: [{ name: web, image: x, ports: [{ containerPort: 80 }] }] }
`;
const OPTIONS = { filename: ['-'], namespace: 'default', istioNamespace: 'istio-system', offline: true, set: [] };

async function inject(text: string) {
  const { context, out, err } = fakeContext({});
  const status = await kubeInject({ ...context, readStdin: async () => text }, OPTIONS);
  return { status, objects: loadAll(out()), err: err() };
}

interface Workload {
  readonly kind: string;
  readonly spec: { readonly template: { readonly spec: { readonly initContainers?: { readonly name: string }[] } } };
}

describe('kube-inject', () => {
  it('writes the proxy into pods of workloads, and leaves other objects as they are', async () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n';
    const { status, objects } = await inject(`${POD('')}---\n${service}`);
    assert.equal(status, 0);
    const [workload, other] = objects as [Workload, unknown];
    assert.deepEqual(
      workload.spec.template.spec.initContainers?.map(({ name }) => name),
      ['istio-init', 'istio-proxy'],
    );
    assert.deepEqual(other, load(service));
  });

  it('ends with 1 where an annotation cannot be used, and names it', async () => {
    const { status, objects, err } = await inject(POD('traffic.sidecar.istio.io/excludeOutboundPorts: "http"'));
    assert.deepEqual([status, objects], [1, []]);
    assert.match(err, /traffic\.sidecar\.istio\.io\/excludeOutboundPorts/);
  });
});

describe('tag generate', () => {
  it("prints the webhook that asks the tag's revision", () => {
    const { context, out } = fakeContext({});
    assert.equal(tagGenerate(context, 'prod', { revision: 'next', istioNamespace: 'istio-system' }), 0);
    const hook = load(out()) as { kind: string; metadata: { labels: Record<string, string> } };
    assert.equal(hook.kind, 'MutatingWebhookConfiguration');
    assert.equal(hook.metadata.labels['istio.io/tag'], 'prod');
    assert.equal(hook.metadata.labels['istio.io/rev'], 'next');
  });
});
