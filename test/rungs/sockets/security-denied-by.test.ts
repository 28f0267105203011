// A refusal names its policy and rule in a header, where the mesh's owner wants that; nowhere else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchText, startApp } from './proxy-fixture.ts';
import { runInbound } from './security-fixture.ts';

const policies = (annotations: string): string => `
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system, annotations: { ${annotations} } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: ["/a"] } }] }, { to: [{ operation: { paths: ["/b"] } }] }] }
`;

test('a refusal names policy and rule only when the mesh says so', async (t) => {
  const app = await startApp((_, response) => response.writeHead(403).end('mine'));
  t.after(() => app.close());
  const [silent, open] = [
    await runInbound(policies(''), app.port),
    await runInbound(policies('topsail.io/denied-by-header: "true"'), app.port),
  ];
  t.after(() => (silent.close(), open.close()));
  const told = async (proxy: typeof open, path: string): Promise<unknown> =>
    (await fetchText(proxy.appPort, path)).headers['x-topsail-denied-by'];
  assert.equal(await told(silent, '/b'), undefined);
  assert.equal(await told(open, '/b'), 'rbac_access_denied_matched_policy[ns[shop]-policy[closed]-rule[1]]');
  assert.equal((await fetchText(open.appPort, '/c')).body, 'mine', "an application's own refusal stays as it is");
});
