// AUDIT: what its policies match leaves a line and a count, and passes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchText, startApp } from './proxy-fixture.ts';
import { runInbound } from './security-fixture.ts';
import { until } from '../../mesh/until.ts';

const TEXT = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: watched, namespace: shop }
spec: { action: AUDIT, rules: [{ to: [{ operation: { paths: ["/money*"] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: ["/money/vault"] } }] }] }
`;

test('what AUDIT matches leaves a line with policy and outcome, allowed or denied; nothing else does', async (t) => {
  const app = await startApp((_, response) => response.end('ok'));
  const proxy = await runInbound(TEXT, app.port);
  t.after(() => (proxy.close(), app.close()));
  const statuses: number[] = [];
  for (const path of ['/free', '/money/7', '/money/vault'])
    statuses.push((await fetchText(proxy.appPort, path)).status);
  assert.deepEqual(statuses, [200, 200, 403]);
  const lines = (): string[] =>
    proxy.logged
      .join('')
      .split('\n')
      .filter((line) => line.includes('"audit"'));
  await until('both lines', () => lines().length >= 2);
  const told = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    told.map(({ policy, method, path, response_code }) => [policy, method, path, response_code]),
    [
      ['ns[shop]-policy[watched]-rule[0]', 'GET', '/money/7', 200],
      ['ns[shop]-policy[watched]-rule[0]', 'GET', '/money/vault', 403],
    ],
  );
  assert.equal(proxy.counter('rbac.denied'), 1);
});
