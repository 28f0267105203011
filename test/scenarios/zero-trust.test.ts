// The way to STRICT on a mesh with one caller in plaintext, a sender that is told to speak plaintext to a STRICT peer, and a
// namespace that routes another's host: on requests of real processes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMesh, type TestMesh } from '../mesh/mesh.ts';
import { callPlain } from '../mesh/plain-calls.ts';
import { until } from '../mesh/until.ts';

const STRICT =
  'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default, namespace: default }\nspec: { mtls: { mode: STRICT } }\n';
const HIJACK = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: taken, namespace: attacker }
spec: { hosts: [backend.default.svc.cluster.local], http: [{ directResponse: { status: 418 } }] }
`;
const OWNERSHIP = (mode: string): string =>
  `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: { name: istio, namespace: istio-system, annotations: { topsail.io/host-ownership: ${mode} } }\n`;

let mesh: TestMesh;
before(async () => {
  mesh = await startMesh({ workloads: [{ app: 'client' }, { app: 'backend' }] });
  await until('the first request', async () => (await status()) === 200);
});
after(() => mesh?.stop());

async function status(): Promise<number | undefined> {
  return (await mesh.order('client', { url: 'http://backend:9080/' }))[0]?.status;
}

async function plan(): Promise<string> {
  return (await mesh.topsail('mtls', 'plan', '-n', 'default')).stdout;
}

test('mtls plan says yes while all speak mTLS, and names who does not', async () => {
  await until('STRICT is safe', async () => {
    await status();
    return /default +PERMISSIVE +2 +1 +0 +yes/.test(await plan());
  });
  const { host, port } = await mesh.meshAddress('backend');
  await until('the caller in plaintext', async () => {
    const answer = await callPlain({ host, port, headers: { host: 'backend:9080' } });
    assert.equal(answer.status, 200);
    return /no: 1 would be refused/.test(await plan());
  });
  assert.match(await plan(), /unknown \(outside the mesh\) +backend\.default +backend\.default\S* +\d+ +\d+%/);
});

test('under STRICT that caller is refused, and a sender is told of it before it speaks plaintext', async () => {
  await mesh.apply(STRICT);
  const { host, port } = await mesh.meshAddress('backend');
  await until(
    'the refusal',
    async () => (await callPlain({ host, port, headers: { host: 'backend:9080' } })).status === 0,
  );
  assert.equal(await status(), 200);
  await until('STRICT in force', async () => /default +STRICT .* in force/.test(await plan()));
  await mesh.apply(
    'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: clear, namespace: default }\nspec: { host: backend, trafficPolicy: { tls: { mode: DISABLE } } }\n',
  );
  await until('the sender refuses', async () => {
    const served = await mesh.served('backend');
    if ((await status()) !== 503) return false;
    assert.equal(await mesh.served('backend'), served);
    return true;
  });
  await mesh.delete('DestinationRule', 'clear');
  await until('mTLS again', async () => (await status()) === 200);
});

test('another namespace’s VirtualService for a host takes it over, until ownership is strict', async () => {
  await mesh.apply(HIJACK, { namespace: 'attacker' });
  await until('it is taken over, as in Istio', async () => (await status()) === 418);
  await mesh.apply(OWNERSHIP('strict'));
  await until('the owner has it again', async () => (await status()) === 200);
  await mesh.delete('VirtualService', 'taken', 'attacker');
});
